//! Parts of uploads: kept as they come, put together at the end.

use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use jobs::ports::{Assembled, KeptPart, Part, PortError, Transfer};
use sha2::{Digest, Sha256};

use super::{Caller, Disk, away, durable, objects};

/// Where the parts of `upload` lie.
pub fn folder(disk: &Disk, upload: &str) -> Result<PathBuf, PortError> {
    Ok(disk.folder.join("parts").join(objects::safe(upload)?))
}

/// Where one part lies.
pub fn path(disk: &Disk, upload: &str, part: &Part) -> Result<PathBuf, PortError> {
    let etag = objects::safe(&part.etag)?.display();
    Ok(folder(disk, upload)?.join(format!("{:05}.{etag}", part.number)))
}

/// See [`jobs::ports::Objects::assemble`]. One part is linked; several are copied and hashed on
/// the way.
pub fn assemble(
    disk: &Disk,
    transfer: &Transfer,
    parts: &[Part],
    content_type: &str,
    caller: &Caller,
) -> Result<Assembled, PortError> {
    let (upload, key) = (transfer.upload.as_str(), transfer.key());
    let key = key.as_str();
    let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
    if let Ok(info) = objects::info(disk, key)
        && info.bytes == bytes
    {
        return Ok(Assembled { bytes, sha256: info.etag });
    }
    let target = objects::path(disk, key)?;
    if let [only] = parts {
        // The name of a part is its hash.
        objects::describe(disk, key, content_type, &only.etag)?;
        durable::link(disk, &path(disk, upload, only)?, &target)?;
        return Ok(Assembled { bytes, sha256: only.etag.clone() });
    }
    let mut whole = durable::temporary(disk)?;
    let mut hash = Sha256::new();
    let (mut piece, mut done) = (vec![0; 1 << 20], 0);
    for part in parts {
        let missing = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                PortError::Missing(format!("part {} of {upload} does not exist", part.number))
            }
            _ => away(&error, "reading a part"),
        };
        let mut file = File::open(path(disk, upload, part)?).map_err(missing)?;
        loop {
            caller.is_there()?;
            let read = file.read(&mut piece).map_err(|error| away(&error, "reading a part"))?;
            let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else { break };
            hash.update(read);
            whole.write_all(read).map_err(|error| away(&error, "writing an object"))?;
            done += read.len() as u64;
        }
        let note = format!("{} of {} parts are put together", part.number, parts.len());
        caller.progress.report_of(done, bytes, &note);
    }
    let sha256 = hex::encode(hash.finalize());
    caller.is_there()?;
    objects::describe(disk, key, content_type, &sha256)?;
    durable::name(whole, &target)?;
    Ok(Assembled { bytes, sha256 })
}

/// See [`jobs::ports::Objects::parts`].
pub fn list(folder: &Path) -> Result<Vec<KeptPart>, PortError> {
    let listing = || -> std::io::Result<_> {
        let mut kept = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Some((number, etag)) = name.split_once('.') else { continue };
            let Ok(number) = number.parse() else { continue };
            // Another part with its number may just have come.
            let about = match entry.metadata() {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                about => about?,
            };
            let etag = etag.to_owned();
            let sha256 = Some(etag.clone());
            let part = KeptPart { number, etag, bytes: about.len(), sha256 };
            kept.push((std::cmp::Reverse(about.modified()?), part));
        }
        kept.sort_by(|(one_at, one), (other_at, other)| {
            (one.number, one_at, &one.etag).cmp(&(other.number, other_at, &other.etag))
        });
        Ok(kept.into_iter().map(|(_, part)| part).collect())
    };
    match listing() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(|error| away(&error, "listing parts")),
    }
}

/// See [`jobs::ports::Objects::stale`].
pub fn stale(
    disk: &Disk,
    seconds: u64,
    after: &str,
    limit: usize,
) -> Result<Vec<Transfer>, PortError> {
    let listing = || {
        let mut stale = std::collections::BTreeSet::new();
        for entry in std::fs::read_dir(disk.folder.join("parts"))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.as_str() <= after {
                continue;
            }
            // The folder's own time moves with each part that comes or goes.
            let age = entry.metadata()?.modified()?.elapsed().unwrap_or(Duration::ZERO);
            if age.as_secs() >= seconds {
                stale.insert(name);
                if stale.len() > limit {
                    stale.pop_last();
                }
            }
        }
        Ok(stale
            .into_iter()
            .map(|upload| Transfer { upload, id: None, is_checked: true })
            .collect())
    };
    listing().map_err(|error: std::io::Error| away(&error, "listing uploads"))
}
