//! Objects under keys, each with a side-car that says what it is.

use std::{
    fs::File,
    io::{ErrorKind, Seek, SeekFrom},
    ops::Range,
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jobs::{
    keys,
    ports::{Arrived, Assembled, Edits, LocalFile, ObjectInfo, PortError},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use tokio_util::sync::CancellationToken;

use super::{Disk, away, durable};
use crate::edited;

/// The side-car.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    content_type: String,
    sha256: String,
}

/// Where the bytes of `key` lie. A key that could leave the folder is refused, whoever made it.
pub fn path(disk: &Disk, key: &str) -> Result<PathBuf, PortError> {
    Ok(disk.folder.join("objects").join(safe(key)?))
}

fn about_path(disk: &Disk, key: &str) -> Result<PathBuf, PortError> {
    let mut path = disk.folder.join("about").join(safe(key)?).into_os_string();
    path.push(".json");
    Ok(path.into())
}

/// The key as a relative path without tricks.
pub fn safe(key: &str) -> Result<&Path, PortError> {
    let path = Path::new(key);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    // `a/`, `a//b` and `a/./b` are other keys than `a` and `a/b`, but would be the same files.
    let only = path.components().collect::<PathBuf>().as_os_str() == key;
    if plain && only && !key.is_empty() && !key.contains('\0') {
        return Ok(path);
    }
    Err(PortError::refused("bad_key", format!("{key:?} is no key")))
}

/// Writes the side-car of `key`.
pub fn describe(disk: &Disk, key: &str, content_type: &str, sha256: &str) -> Result<(), PortError> {
    let about = About { content_type: content_type.to_owned(), sha256: sha256.to_owned() };
    let json = serde_json::to_vec(&about)
        .map_err(|error| PortError::refused("bad_key", error.to_string()))?;
    durable::write(disk, &about_path(disk, key)?, &json)
}

fn about(disk: &Disk, key: &str) -> Result<About, PortError> {
    let json = std::fs::read(about_path(disk, key)?).map_err(|error| absent(&error, key))?;
    serde_json::from_slice(&json).map_err(|error| {
        PortError::Unavailable(format!("the side-car of {key} is damaged: {error}"))
    })
}

/// See [`jobs::ports::Objects::put`].
pub fn put(disk: &Disk, key: &str, bytes: &[u8], content_type: &str) -> Result<(), PortError> {
    describe(disk, key, content_type, &hex::encode(Sha256::digest(bytes)))?;
    durable::write(disk, &path(disk, key)?, bytes)
}

/// See [`jobs::ports::Objects::put_edited`].
pub fn put_edited(
    disk: &Disk,
    key: &str,
    (file, edits): (&LocalFile, &Edits),
    content_type: &str,
    gone: &CancellationToken,
) -> Result<Assembled, PortError> {
    let target = path(disk, key)?;
    let made = edited::write(file, edits, disk.spare.path(), gone);
    let made = made.map_err(|error| away(&error, "writing an object"))?;
    describe(disk, key, content_type, &made.sha256)?;
    durable::name(made.file, &target)?;
    Ok(Assembled { bytes: made.bytes, sha256: made.sha256 })
}

/// See [`jobs::ports::Objects::info`].
pub fn info(disk: &Disk, key: &str) -> Result<ObjectInfo, PortError> {
    let bytes = std::fs::metadata(path(disk, key)?).map_err(|error| absent(&error, key))?.len();
    let About { content_type, sha256 } = about(disk, key)?;
    Ok(ObjectInfo { bytes, content_type, etag: sha256 })
}

/// See [`jobs::ports::Objects::fetch`].
pub fn open(disk: &Disk, key: &str) -> Result<LocalFile, PortError> {
    let opening = |path: &Path| {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(LocalFile { file: Arc::new(file), bytes })
    };
    opening(&path(disk, key)?).map_err(|error: std::io::Error| absent(&error, key))
}

/// The file at the start of `range`, and how many bytes of it are meant.
pub fn open_at(
    disk: &Disk,
    key: &str,
    range: Option<&Range<u64>>,
) -> Result<(File, u64), PortError> {
    let opening = |path: &Path| {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let (start, end) = range.map_or((0, bytes), |range| (range.start, range.end.min(bytes)));
        file.seek(SeekFrom::Start(start))?;
        Ok((file, end.saturating_sub(start)))
    };
    opening(&path(disk, key)?).map_err(|error: std::io::Error| absent(&error, key))
}

/// See [`jobs::ports::Objects::copy`].
pub fn copy(disk: &Disk, from: &str, to: &str, content_type: &str) -> Result<(), PortError> {
    let sha256 = about(disk, from)?.sha256;
    describe(disk, to, content_type, &sha256)?;
    durable::link(disk, &path(disk, from)?, &path(disk, to)?)
}

/// See [`jobs::ports::Objects::delete`].
pub fn delete(disk: &Disk, key: &str) -> Result<(), PortError> {
    // Bytes without a side-car are listed and removed again; a side-car alone would stay.
    durable::remove(&about_path(disk, key)?)?;
    durable::remove(&path(disk, key)?)
}

/// See [`jobs::ports::Objects::arrived`].
pub fn arrived(
    disk: &Disk,
    seconds: u64,
    after: &str,
    limit: usize,
) -> Result<Vec<Arrived>, PortError> {
    let folder = path(disk, keys::INCOMING.trim_end_matches('/'))?;
    let listing = || -> std::io::Result<_> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let about = match entry.metadata() {
                // It was just moved on.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                about => about?,
            };
            let age = about.modified()?.elapsed().unwrap_or(Duration::ZERO);
            let (key, bytes) = (format!("{}{name}", keys::INCOMING), about.len());
            if key.as_str() > after && age.as_secs() >= seconds {
                found.push(Arrived { key, bytes });
            }
        }
        found.sort_by(|one, other| one.key.cmp(&other.key));
        found.truncate(limit);
        Ok(found)
    };
    match listing() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        found => found.map_err(|error| away(&error, "listing arriving bytes")),
    }
}

fn absent(error: &std::io::Error, key: &str) -> PortError {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            PortError::Missing(format!("the object {key} does not exist"))
        }
        _ => away(error, "opening an object"),
    }
}
