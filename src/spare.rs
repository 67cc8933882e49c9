//! Where files are written before they have a name: a folder a process.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

use tempfile::TempDir;

/// This process's folder, which goes with it.
#[derive(Debug)]
pub struct Spare {
    folder: TempDir,
    /// The system gives the lock back when the process ends, however it ends.
    _lock: File,
}

impl Spare {
    /// Makes a folder of our own in `tmp`, and removes those of processes that are gone.
    pub fn open(tmp: &Path) -> io::Result<Self> {
        fs::create_dir_all(tmp)?;
        // One start at a time: a folder that is made and not yet locked looks like a dead one's.
        let door = File::open(tmp)?;
        door.lock()?;
        for entry in fs::read_dir(tmp)? {
            remove_unlocked(&entry?.path()).or_else(gone)?;
        }
        let folder = tempfile::tempdir_in(tmp)?;
        let lock = File::open(folder.path())?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn remove_unlocked(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.try_lock() {
        Ok(()) => fs::remove_dir_all(folder),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// What another process removed at the same time is removed.
fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
