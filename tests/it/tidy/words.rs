//! What no file of the repository may say. Here too it stands only in pieces or backwards.

use super::files::File;

/// Words about how the text came about; a reader looks for the product.
const OFF_TOPIC: [&str; 9] = [
    "tnatsissa",
    "stnatsissa",
    "repleh",
    "srepleh",
    "edualc",
    "ciporhtna",
    "tpgtahc",
    "ianepo",
    "tnegabus",
];

/// What still has to be done is in the tracker, where others find it.
pub fn to_do(files: &[File]) -> Vec<String> {
    const MARK: &str = concat!("TO", "DO");
    let has_issue = |rest: &str| {
        let number = rest.strip_prefix("(#").and_then(|rest| rest.split_once(')'));
        number.is_some_and(|(n, _)| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
    };
    lines(files, |line| {
        let bad = line.match_indices(MARK).any(|(at, _)| {
            let (before, rest) = (&line[..at], &line[at + MARK.len()..]);
            let alone = !before.ends_with(is_word) && !rest.starts_with(is_word);
            alone && !has_issue(rest)
        });
        bad.then(|| format!("has a {MARK} without an issue: {MARK}(#12)"))
    })
}

/// A path that is right on one machine only.
pub fn machine_paths(files: &[File]) -> Vec<String> {
    const FOLDERS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    lines(files, |line| {
        let at = FOLDERS.iter().find_map(|folder| {
            // Part of a longer path or of an address.
            let starts = |at: &usize| !line[..*at].ends_with(|c: char| is_word(c) || c == '.');
            line.match_indices(folder).map(|(at, _)| at).find(starts)
        })?;
        let path = line[at..].split(|c: char| c.is_whitespace() || "\"'`)".contains(c)).next()?;
        Some(format!("names a path of one machine: {path}"))
    })
}

pub fn off_topic(files: &[File]) -> Vec<String> {
    let banned: Vec<String> = OFF_TOPIC.iter().map(|word| word.chars().rev().collect()).collect();
    lines(files, |line| {
        let line = line.to_lowercase();
        let mut words = line.split(|char: char| !char.is_alphanumeric());
        let word = words.find(|word| banned.iter().any(|banned| banned == word))?;
        Some(format!("has the word {word}"))
    })
}

/// The test file of the anti-virus makers: a scanner may take away whatever holds it.
pub fn eicar() -> String {
    let halves = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];
    halves.concat()
}

pub fn in_clear(files: &[File]) -> Vec<String> {
    let eicar = eicar();
    let holds = |file: &&File| file.bytes.windows(eicar.len()).any(|part| part == eicar.as_bytes());
    let holding = files.iter().filter(holds);
    holding.map(|file| format!("{} holds the anti-virus test file in clear", file.path)).collect()
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// What `fault` says about lines of texts, with their place. The names in lock files are not ours.
fn lines(files: &[File], fault: impl Fn(&str) -> Option<String>) -> Vec<String> {
    // Written by tools, and names of towns.
    let lock = |path: &str| {
        [".lock", "package-lock.json", "towns.tsv"].iter().any(|end| path.ends_with(end))
    };
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !lock(&file.path)) {
        for (at, line) in file.text().unwrap_or_default().lines().enumerate() {
            faults.extend(fault(line).map(|fault| format!("{}:{} {fault}", file.path, at + 1)));
        }
    }
    faults
}
