//! The files of the corpus, and the lists that speak of them.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

/// Where the corpus lies: the variable, or the folder beside the repository, or nowhere.
pub fn root() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let root = chosen(std::env::var_os("IVEN_CORPUS"), beside);
    if root.is_none() {
        println!("skipped: IVEN_CORPUS not set");
    }
    root
}

/// A folder that somebody named is taken or wrong; one beside the repository may be there.
fn chosen(named: Option<OsString>, beside: PathBuf) -> Option<PathBuf> {
    let is_corpus = |root: &PathBuf| root.join("manifest.csv").is_file();
    match named.filter(|name| !name.is_empty()).map(PathBuf::from) {
        Some(root) => {
            let place = root.display();
            assert!(is_corpus(&root), "IVEN_CORPUS names {place}, which has no manifest.csv");
            Some(root)
        }
        None => Some(beside).filter(is_corpus),
    }
}

#[test]
fn a_corpus_that_is_not_there_is_skipped_unless_somebody_named_it() {
    let corpus = tempfile::tempdir().unwrap();
    std::fs::write(corpus.path().join("manifest.csv"), "path,what\n").unwrap();
    let (there, nowhere) = (corpus.path().to_owned(), corpus.path().join("none"));

    assert_eq!(chosen(None, nowhere.clone()), None);
    assert_eq!(chosen(Some("".into()), nowhere.clone()), None);
    assert_eq!(chosen(None, there.clone()), Some(there.clone()));
    assert_eq!(chosen(Some(there.clone().into()), nowhere.clone()), Some(there.clone()));
    let wrong = std::panic::catch_unwind(|| chosen(Some(nowhere.into()), there));
    assert!(wrong.is_err(), "a wrong name passes for none");
}

/// What must become of a file, by `fixtures/expected.csv`.
pub struct Expected {
    pub path: String,
    pub end: End,
    /// Ends in `; truncated` where the document has to say so.
    pub why: String,
}

/// How a file ended.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    pub status: String,
    pub degraded: bool,
    pub code: String,
}

/// All rows of `fixtures/expected.csv`.
pub fn expected() -> Vec<Expected> {
    let rows = rows::<5>(&fixture("expected.csv"));
    let row = |[path, status, degraded, code, why]: [String; 5]| {
        let degraded = degraded.parse().unwrap();
        Expected { path, end: End { status, degraded, code }, why }
    };
    rows.into_iter().map(row).collect()
}

/// The reasons why we say something else than exiftool and ffprobe, by path and field.
pub fn disagreements() -> BTreeMap<(String, String), String> {
    let mut reasons = BTreeMap::new();
    for [path, fields, why] in rows::<3>(&fixture("disagreements.csv")) {
        for field in fields.split(' ') {
            reasons.insert((path.clone(), field.to_owned()), why.clone());
        }
    }
    reasons
}

/// The paths in the corpus's own list.
pub fn manifest(root: &Path) -> Vec<String> {
    rows::<2>(&root.join("manifest.csv")).into_iter().map(|[path, _]| path).collect()
}

/// What exiftool and ffprobe say of each file.
pub fn truth(root: &Path) -> BTreeMap<String, Value> {
    let text = fs::read_to_string(root.join("truth.jsonl")).unwrap();
    let values = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    values.map(|value| (value["path"].as_str().unwrap().to_owned(), value)).collect()
}

/// The name and the bytes with which a file is sent. The anti-virus test file lies there as base64
/// and is decoded here alone.
pub fn sent(root: &Path, path: &str) -> (String, Vec<u8>) {
    let bytes = fs::read(root.join(path)).unwrap();
    if path == "hostile/eicar.b64" {
        return ("photo.jpg".to_owned(), STANDARD.decode(bytes.trim_ascii()).unwrap());
    }
    (path.rsplit('/').next().unwrap().to_owned(), bytes)
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The rows below the heading; only the last of the columns may contain commas.
fn rows<const COLUMNS: usize>(path: &Path) -> Vec<[String; COLUMNS]> {
    let text = fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let columns: Vec<String> = line.splitn(COLUMNS, ',').map(str::to_owned).collect();
        columns.try_into().unwrap_or_else(|_| panic!("{}: {line}", path.display()))
    };
    text.lines().skip(1).map(row).collect()
}
