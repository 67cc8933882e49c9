//! The data folder belongs to one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use jobs::ports::PortError;

/// The file that is locked; it holds the owner's process number, for people.
const LOCK: &str = "lock";
/// A process number has at most ten digits; whatever else is in the file is not read.
const LONGEST_OWNER: u64 = 20;

/// The lock; the system takes it back when the process ends, however it ends.
pub(super) struct Lock(#[expect(dead_code, reason = "it is locked while it is open")] File);

/// Makes the folder if need be, and takes it.
pub(super) fn lock(folder: &Path) -> Result<Lock, PortError> {
    let away = |error: std::io::Error| {
        PortError::Unavailable(format!("data folder {}: {error}", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(away)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(folder.join(LOCK)).map_err(away)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use(folder, file)),
        Err(TryLockError::Error(error)) => return Err(away(error)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(away)?;
    file.write_all(std::process::id().to_string().as_bytes()).map_err(away)?;
    Ok(Lock(file))
}

fn in_use(folder: &Path, file: File) -> PortError {
    let mut owner = String::new();
    let read = file.take(LONGEST_OWNER).read_to_string(&mut owner);
    let owner = if read.is_ok() && !owner.is_empty() { owner } else { "unknown".to_owned() };
    let message = format!(
        "the data folder {} is in use by process {owner}: only one process can have it, \
         several need MongoDB",
        folder.display()
    );
    PortError::refused("data_folder_in_use", message)
}
