//! Parts of uploads: kept as they come, put together at the end.

use std::{
    fmt::Display,
    fs::File,
    io::{Read, Write},
    path::PathBuf,
    time::Duration,
};

use bytes::Bytes;
use jobs::ports::{Assembled, Expected, Length, Part, PortError};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Receiver;

use super::{Disk, away, durable, objects};

/// A body on its way to the disk.
#[derive(Debug)]
pub enum Piece {
    Bytes(Bytes),
    /// No more will come, and the last came whole.
    End,
    Broken(std::io::Error),
}

/// Where the parts of `upload` lie.
pub fn folder(disk: &Disk, upload: &str) -> Result<PathBuf, PortError> {
    Ok(disk.folder.join("parts").join(objects::safe(upload)?))
}

/// Where one part lies.
pub fn path(disk: &Disk, upload: &str, part: &Part) -> Result<PathBuf, PortError> {
    let etag = objects::safe(&part.etag)?.display();
    Ok(folder(disk, upload)?.join(format!("{:05}.{etag}", part.number)))
}

/// See [`jobs::ports::Objects::put_part`]. The bytes are hashed on their way to the disk.
pub fn keep(
    disk: &Disk,
    upload: &str,
    number: u32,
    expected: &Expected,
    mut incoming: Receiver<Piece>,
) -> Result<Part, PortError> {
    let mut file = durable::temporary(disk)?;
    let mut hash = Sha256::new();
    let mut bytes: u64 = 0;
    loop {
        let piece = match incoming.blocking_recv() {
            Some(Piece::Bytes(bytes)) => bytes,
            Some(Piece::End) => break,
            Some(Piece::Broken(error)) => return Err(interrupted(&error)),
            None => return Err(interrupted(&"its sender is gone")),
        };
        bytes += piece.len() as u64;
        if bytes > expected.length.most() {
            return Err(wrong_length(expected, bytes));
        }
        hash.update(&piece);
        file.write_all(&piece).map_err(|error| away(&error, "writing a part"))?;
    }
    if !expected.length.fits(bytes) {
        return Err(wrong_length(expected, bytes));
    }
    let sha256 = hex::encode(hash.finalize());
    if expected.sha256.as_ref().is_some_and(|promised| *promised != sha256) {
        let message = format!("the bytes of chunk {number} have the SHA-256 {sha256}");
        return Err(PortError::refused("digest_mismatch", message));
    }
    let part = Part { number, etag: sha256.clone(), sha256, bytes };
    let path = path(disk, upload, &part)?;
    if !path.exists() {
        durable::name(file, &path)?;
    }
    Ok(part)
}

fn interrupted(why: &dyn Display) -> PortError {
    PortError::refused("body_interrupted", format!("the body ended early: {why}"))
}

fn wrong_length(expected: &Expected, bytes: u64) -> PortError {
    let message = match expected.length {
        Length::Exactly(wanted) if bytes > wanted => {
            format!("the chunk has more than its {wanted} bytes")
        }
        Length::Exactly(wanted) => format!("the chunk has {bytes} bytes, {wanted} were expected"),
        Length::AtMost(most) => format!("the body has more than {most} bytes"),
    };
    PortError::refused("chunk_size", message)
}

/// See [`jobs::ports::Objects::assemble`]. One part is linked; several are copied and hashed on
/// the way.
pub fn assemble(
    disk: &Disk,
    upload: &str,
    parts: &[Part],
    key: &str,
    content_type: &str,
) -> Result<Assembled, PortError> {
    let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
    if let Ok(info) = objects::info(disk, key)
        && info.bytes == bytes
    {
        return Ok(Assembled { bytes, sha256: info.etag });
    }
    let target = objects::path(disk, key)?;
    if let [only] = parts {
        objects::describe(disk, key, content_type, &only.sha256)?;
        durable::link(disk, &path(disk, upload, only)?, &target)?;
        return Ok(Assembled { bytes, sha256: only.sha256.clone() });
    }
    let mut whole = durable::temporary(disk)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    for part in parts {
        let missing = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                PortError::Missing(format!("part {} of {upload} does not exist", part.number))
            }
            _ => away(&error, "reading a part"),
        };
        let mut file = File::open(path(disk, upload, part)?).map_err(missing)?;
        loop {
            let read = file.read(&mut piece).map_err(|error| away(&error, "reading a part"))?;
            let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else { break };
            hash.update(read);
            whole.write_all(read).map_err(|error| away(&error, "writing an object"))?;
        }
    }
    let sha256 = hex::encode(hash.finalize());
    objects::describe(disk, key, content_type, &sha256)?;
    durable::name(whole, &target)?;
    Ok(Assembled { bytes, sha256 })
}

/// See [`jobs::ports::Objects::stale_uploads`].
pub fn stale(disk: &Disk, seconds: u64, limit: usize) -> Result<Vec<String>, PortError> {
    let listing = || {
        let mut stale = Vec::new();
        for entry in std::fs::read_dir(disk.folder.join("parts"))? {
            let entry = entry?;
            // The folder's own time moves with each part that comes or goes.
            let age = entry.metadata()?.modified()?.elapsed().unwrap_or(Duration::ZERO);
            if age.as_secs() >= seconds
                && let Ok(name) = entry.file_name().into_string()
            {
                stale.push(name);
            }
            if stale.len() >= limit {
                break;
            }
        }
        Ok(stale)
    };
    listing().map_err(|error: std::io::Error| away(&error, "listing uploads"))
}
