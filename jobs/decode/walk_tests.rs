//! A walk over the whole corpus: every picture is made or refused as expected, in time.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use crate::fixtures::{corpus, limits};
use crate::{DecodeError, HEAD_BYTES, Kind, Pictures, Size, sniff, thumbnails};

/// Time that this thread has computed: other tests and processes do not count.
fn computed() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// Path and code of each still picture that `fixtures/expected.csv` speaks of.
fn expected() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/expected.csv");
    let text = fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let mut columns = line.split(',').map(str::to_owned);
        let (path, code) = (columns.next()?, columns.nth(2)?);
        Some((path, code))
    };
    text.lines().skip(1).filter_map(row).collect()
}

fn make(root: &Path, path: &str) -> Option<Result<Pictures, DecodeError>> {
    let file = File::open(root.join(path)).unwrap();
    let mut head = vec![0; HEAD_BYTES];
    let length = file.read_at(&mut head, 0).unwrap();
    let format = sniff(&head[..length]).filter(|format| format.kind() == Kind::Image)?;
    let sizes = [320, 960, 1920].map(Size::square);
    Some(thumbnails(&file, format, &sizes, &limits()))
}

#[test]
fn every_picture_of_the_corpus_ends_as_expected_in_time() {
    let Some(root) = corpus("manifest.csv") else { return };
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, code) in expected() {
        let start = computed();
        let Some(made) = make(&root, &path) else { continue };
        let spent = computed() - start;

        count += 1;
        let found = made.as_ref().err().map_or("", |error| error.code.as_str());
        if found != code || made.is_ok_and(|made| made.thumbnails.is_empty()) {
            wrong.push(format!("{path}: `{found}` instead of `{code}`"));
        }
        if spent > Duration::from_secs(2) {
            wrong.push(format!("{path}: {spent:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 150, "{count} pictures were looked at");
}
