//! Who may name whom.

use super::{
    files::File,
    paths::{module, named},
};

/// Foreign crates (those whose name begins so) and the one place that says their names.
const HOMES: [(&str, &str); 17] = [
    ("mongodb", "src/adapters/mongo"),
    ("rusqlite", "src/adapters/embedded"),
    ("apalis", "src/worker"),
    ("axum", "src/api"),
    ("socketioxide", "src/api/socket"),
    ("aws", "src/adapters/s3"),
    ("lettre", "src/adapters/smtp"),
    ("minijinja", "src/adapters/templates"),
    ("mrml", "src/adapters/templates"),
    ("hyper", "src/https"),
    ("clamav_client", "src/adapters/clamd"),
    ("opentelemetry", "src/telemetry/otlp"),
    ("tracing_opentelemetry", "src/telemetry/otlp"),
    ("croner", "jobs/ticks"),
    ("jiff", "jobs/ticks"),
    ("ffmpeg_sys_next", "jobs/decode"),
    ("turbojpeg", "jobs/decode"),
];

/// Beside their homes: the server that listens, and the hours of a user's own clock.
const ALSO: [(&str, &str); 2] = [("axum", "src/serve"), ("jiff", "jobs/quiet_hours")];

pub fn homes(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| is_ours(&file.path)) {
        let names = named(file);
        for (krate, home) in HOMES {
            let at_home = lies_in(&file.path, home)
                || ALSO.iter().any(|(also, home)| *also == krate && lies_in(&file.path, home));
            let family = |path: &String| {
                let rest = path.split("::").next().and_then(|name| name.strip_prefix(krate));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            };
            if !at_home && names.iter().any(family) {
                faults.push(format!("{} names the crate {krate}, whose home is {home}", file.path));
            }
        }
    }
    faults
}

/// Tests may look behind the walls.
fn is_ours(path: &str) -> bool {
    path.starts_with("src/") || path.starts_with("jobs/")
}

fn lies_in(path: &str, home: &str) -> bool {
    let rest = path.strip_prefix(home);
    rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// What must not be let in: into both, and beyond that into the crate that only computes.
const OUTSIDE: [&str; 13] = [
    "mongodb",
    "rusqlite",
    "sqlx",
    "axum",
    "hyper",
    "reqwest",
    "tower",
    "apalis",
    "aws",
    "lettre",
    "clamav-client",
    "decode",
    "iven-worker",
];
const OUTSIDE_OF_DECODE: [&str; 4] = ["tokio", "async-trait", "futures", "jobs"];

pub fn fence(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for (manifest, more) in
        [("jobs/Cargo.toml", &[][..]), ("jobs/decode/Cargo.toml", &OUTSIDE_OF_DECODE[..])]
    {
        let text = files.iter().find(|file| file.path == manifest).and_then(File::text);
        let outside = |name: &String| {
            OUTSIDE.iter().chain(more).any(|outside| {
                let rest = name.strip_prefix(outside);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
            })
        };
        let let_in = dependencies(text.unwrap_or_default()).into_iter().filter(outside);
        faults.extend(let_in.map(|name| format!("{manifest} lets {name} in")));
    }
    faults
}

/// The crates that a manifest asks for; what only its tests need does not count.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            let last = section.rsplit('.').next().unwrap_or_default();
            inside = last == "dependencies";
            if let Some((_, name)) = section.split_once("dependencies.") {
                names.extend((!section.starts_with("dev-")).then(|| name.to_owned()));
            }
        } else if inside && !line.starts_with('#') {
            names.extend(line.split(['=', '.']).next().map(|name| name.trim().to_owned()));
        }
    }
    names
}

/// The files of the jobs, by the list of kinds in `jobs/lib.rs`.
pub fn job_modules(files: &[File]) -> Vec<String> {
    let list = files.iter().find(|file| file.path == "jobs/lib.rs").map(File::code);
    let named = |line: &str| Some(line.trim().strip_prefix("$crate::")?.split_once("::")?.0.into());
    list.unwrap_or_default().lines().filter_map(named).collect()
}

pub fn jobs(files: &[File]) -> Vec<String> {
    let modules = job_modules(files);
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("jobs/")) {
        let knows = ["jobs/route.rs", "jobs/lib.rs"].contains(&file.path.as_str());
        if knows || lies_in(&file.path, "jobs/decode") {
            continue;
        }
        let (own, names) = (module(&file.path), named(file));
        for job in modules.iter().filter(|job| own.first() != Some(&job.as_str())) {
            if names.iter().any(|path| path.split("::").take(2).eq(["crate", job])) {
                let path = &file.path;
                faults.push(format!("{path} names the job {job}; only jobs/route.rs may"));
            }
        }
    }
    faults
}

/// A command that looks at one adapter by itself, without a house around it.
const ALSO_CHOOSES: (&str, &str) = ("templates", "crate::adapters::templates");

/// Side by side: each of them names the crate `jobs`, and none of the others.
const LAYERS: [&str; 4] = ["api", "worker", "sandbox", "adapters"];
/// Above them.
const ABOVE: [&str; 3] = ["wire", "serve", "cli"];

pub fn layers(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("src/")) {
        let own = module(&file.path).first().copied().unwrap_or("the root");
        let forbidden: Vec<&str> = match own {
            "wire" => continue,
            own if LAYERS.contains(&own) => {
                LAYERS.into_iter().chain(ABOVE).filter(|other| *other != own).collect()
            }
            // Only `wire` chooses adapters.
            _ => vec!["adapters"],
        };
        let alone = |path: &String| own == ALSO_CHOOSES.0 && path.starts_with(ALSO_CHOOSES.1);
        for path in named(file).into_iter().filter(|path| !alone(path)) {
            let mut words = path.split("::");
            let other = (words.next() == Some("crate")).then(|| words.next()).flatten();
            if let Some(other) = other.filter(|other| forbidden.contains(other)) {
                faults.push(format!("{} names {path}; {own} may not name {other}", file.path));
            }
        }
    }
    faults
}

/// Who is written over the document port, or speaks it.
const ON_DOCUMENTS: [&str; 4] = ["records", "embedded", "mongo", "metered"];

pub fn adapters(files: &[File]) -> Vec<String> {
    let own = |file: &File| match module(&file.path)[..] {
        ["adapters", own, ..] if file.path.starts_with("src/") => Some(own.to_owned()),
        _ => None,
    };
    let all: Vec<String> = files.iter().filter_map(own).collect();
    let mut faults = Vec::new();
    for file in files {
        let Some(own) = own(file) else { continue };
        for path in named(file) {
            let ["crate", "adapters", other, ..] = path.split("::").collect::<Vec<_>>()[..] else {
                continue;
            };
            let may = other == own
                || (other == "documents" && ON_DOCUMENTS.contains(&own.as_str()))
                || !all.iter().any(|name| name == other);
            if !may {
                faults.push(format!("{} names the adapter {other}", file.path));
            }
        }
    }
    faults.dedup();
    faults
}
