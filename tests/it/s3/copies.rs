//! Local copies of objects: bounded, and what was used last is given up last.

use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::*;

/// All bytes of the files under a folder.
fn bytes_under(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { bytes_under(&path) } else { path.metadata().unwrap().len() })
        .sum()
}

#[tokio::test]
async fn the_copy_that_was_used_longest_ago_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let (place, books) = watched(folder.path()).await;
    let s3 = open(Place { copies_bytes: 25, ..place }, folder.path()).await;
    let body = |key: &str| Bytes::from(key.repeat(10));
    let sum = |key: &str| hex::encode(Sha256::digest(body(key)));
    for key in ["a", "b", "c"] {
        s3.put(key, body(key), "text/plain").await.unwrap();
    }

    for key in ["a", "b", "a", "c", "a", "c"] {
        assert_eq!(s3.fetch_known(key, &sum(key)).await.unwrap().bytes, 10);
    }
    assert_eq!(books.asked(), ["a", "b", "c"]);
    assert_eq!(bytes_under(&folder.path().join("copies")), 20);

    s3.fetch_known("b", &sum("b")).await.unwrap();
    assert_eq!(books.asked(), ["a", "b", "c", "b"]);
    assert_eq!(bytes_under(&folder.path().join("copies")), 20);
}

#[tokio::test]
async fn a_copy_of_other_bytes_does_not_serve() {
    let folder = tempfile::tempdir().unwrap();
    let (place, books) = watched(folder.path()).await;
    let s3 = open(place, folder.path()).await;
    s3.put("a", Bytes::from_static(b"old"), "text/plain").await.unwrap();
    s3.fetch("a").await.unwrap();
    s3.put("a", Bytes::from_static(b"newer"), "text/plain").await.unwrap();

    let file = s3.fetch_known("a", &hex::encode(Sha256::digest(b"newer"))).await.unwrap();

    assert_eq!(file.bytes, 5);
    assert_eq!(books.asked(), ["a", "a"]);
}

#[tokio::test]
async fn two_jobs_at_once_fetch_one_object_once() {
    let folder = tempfile::tempdir().unwrap();
    let (place, books) = watched(folder.path()).await;
    let s3 = open(place, folder.path()).await;
    s3.put("a", Bytes::from_static(b"bytes"), "text/plain").await.unwrap();
    let sum = hex::encode(Sha256::digest(b"bytes"));

    let (one, other) = tokio::join!(s3.fetch_known("a", &sum), s3.fetch_known("a", &sum));

    assert_eq!((one.unwrap().bytes, other.unwrap().bytes), (5, 5));
    assert_eq!(books.asked(), ["a"]);
}
