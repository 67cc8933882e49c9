//! How a source file looks: its size, its first line, its name, its tests.

use super::files::File;

const LINES: usize = 400;
const WIDTH: usize = 100;

pub fn length(files: &[File]) -> Vec<String> {
    let count = files.iter().map(|file| (&file.path, file.source_lines().len()));
    let long = count.filter(|(_, lines)| *lines > LINES);
    long.map(|(path, lines)| format!("{path} has {lines} lines")).collect()
}

pub fn width(files: &[File]) -> Vec<String> {
    lines(files, |_, line| {
        let width = line.chars().count();
        (width > WIDTH).then(|| format!("has {width} characters"))
    })
}

pub fn purpose(files: &[File]) -> Vec<String> {
    let sources = files.iter().filter(|file| file.path.ends_with(".rs"));
    let says = |file: &&File| {
        file.source_lines().first().is_some_and(|line| {
            line.starts_with("//! ") || line.starts_with("#![doc = include_str!(")
        })
    };
    let silent = sources.filter(|file| !says(file) && !file.path.ends_with("build.rs"));
    silent.map(|file| format!("{} does not begin with `//!`", file.path)).collect()
}

/// Who calls a module so has not found its name yet.
pub fn names(files: &[File]) -> Vec<String> {
    // In pieces, because one of them is no word for any file.
    const NONE: [&str; 6] =
        ["util", "utils", "common", "types", concat!("help", "er"), concat!("help", "ers")];
    let sources = || files.iter().filter(|file| file.path.ends_with(".rs"));
    let of_files = sources().flat_map(|file| {
        let names = file.path.split('/').map(|name| name.strip_suffix(".rs").unwrap_or(name));
        names.map(|name| (file, name.to_owned())).collect::<Vec<_>>()
    });
    let inline = sources().flat_map(|file| {
        let code = file.code();
        let declared = code.lines().filter_map(|line| {
            let (before, name) = line.trim_start().split_once("mod ")?;
            let visible = before.is_empty() || before.starts_with("pub");
            visible.then(|| name.split_once(" {")).flatten()
        });
        declared.map(|(name, _)| (file, name.to_owned())).collect::<Vec<_>>()
    });
    let bad = of_files.chain(inline).filter(|(_, name)| NONE.contains(&name.as_str()));
    bad.map(|(file, name)| format!("{}: `{name}` is no name for a module", file.path)).collect()
}

pub fn ignored(files: &[File]) -> Vec<String> {
    const IGNORE: &str = concat!("#[ig", "nore");
    lines(files, |_, line| {
        line.trim_start().starts_with(IGNORE).then(|| "ignores a test".to_owned())
    })
}

/// Time moves when the test says so.
pub fn naps(files: &[File]) -> Vec<String> {
    const NAP: &str = concat!("sl", "eep(");
    // Programs of others are started here; nothing tells when they listen.
    const OF_OTHERS: &str = "tests/it/servers.rs";
    let mut tested = String::new();
    lines(files, |file, line| {
        let is_test = (file.path.starts_with("tests/") && file.path != OF_OTHERS)
            || ["_test.rs", "tests.rs"].iter().any(|end| file.path.ends_with(end));
        if line.trim_start().starts_with("#[cfg(test)]") {
            tested.clone_from(&file.path);
        }
        let naps = line.match_indices(NAP).any(|(at, _)| {
            !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
        });
        let says = naps && !line.trim_start().starts_with("//");
        (says && (is_test || tested == file.path)).then(|| "sleeps in a test".to_owned())
    })
}

/// What `fault` says about lines of source files, with their place.
fn lines(files: &[File], mut fault: impl FnMut(&File, &str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        for (at, line) in file.source_lines().iter().enumerate() {
            faults
                .extend(fault(file, line).map(|fault| format!("{}:{} {fault}", file.path, at + 1)));
        }
    }
    faults
}
