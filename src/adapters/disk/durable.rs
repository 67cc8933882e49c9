//! Files that are there after a power cut, or not at all.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use jobs::ports::PortError;
use tempfile::NamedTempFile;

use super::{Disk, away};

/// A new file that vanishes unless it is given a name.
pub fn temporary(disk: &Disk) -> Result<NamedTempFile, PortError> {
    NamedTempFile::new_in(disk.spare.path()).map_err(|e| away(&e, "making a file"))
}

/// Writes `bytes` to a new file and gives it its name, replacing what had it.
pub fn write(disk: &Disk, path: &Path, bytes: &[u8]) -> Result<(), PortError> {
    let mut file = temporary(disk)?;
    file.write_all(bytes).map_err(|error| away(&error, "writing a file"))?;
    name(file, path)
}

/// Makes the file durable and gives it its name, replacing what had it.
pub fn name(file: NamedTempFile, path: &Path) -> Result<(), PortError> {
    let naming = || {
        make_parent(path)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        sync_parent(path)
    };
    naming().map_err(|error| away(&error, "keeping a file"))
}

/// The same for a file that may lie on another disk: then it is copied.
pub fn take_over(disk: &Disk, file: NamedTempFile, path: &Path) -> Result<(), PortError> {
    let taking = || {
        make_parent(path)?;
        file.as_file().sync_all()?;
        match file.persist(path) {
            Err(error) if error.error.kind() == std::io::ErrorKind::CrossesDevices => {
                let mut near = NamedTempFile::new_in(disk.spare.path())?;
                std::io::copy(&mut error.file.reopen()?, &mut near)?;
                near.as_file().sync_all()?;
                near.persist(path).map_err(|error| error.error)?;
            }
            kept => drop(kept.map_err(|error| error.error)?),
        }
        sync_parent(path)
    };
    taking().map_err(|error: std::io::Error| away(&error, "keeping a file"))
}

/// Gives the file at `from` the name `to` as well, replacing what had it.
pub fn link(disk: &Disk, from: &Path, to: &Path) -> Result<(), PortError> {
    let linking = || {
        make_parent(to)?;
        // A link cannot replace: it is made beside and moved over.
        let spare = tempfile::tempdir_in(disk.spare.path())?;
        let name = spare.path().join("link");
        fs::hard_link(from, &name)?;
        fs::rename(&name, to)?;
        sync_parent(to)
    };
    linking().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => PortError::Missing("the object does not exist".into()),
        _ => away(&error, "linking a file"),
    })
}

/// Removes a file; one that is not there is removed already.
pub fn remove(path: &Path) -> Result<(), PortError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(away(&error, "removing a file"))
        }
        _ => Ok(()),
    }
}

fn make_parent(path: &Path) -> std::io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    if parent.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(parent)?;
    // The new folder's own name must last, too; folders further up are made once in a lifetime.
    sync_parent(parent)
}

fn sync_parent(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}
