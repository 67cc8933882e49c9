//! Reads a whole file through its descriptor, without a name and without moving its position.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use crate::{Code, DecodeError, Limits};

/// All bytes of `file`, or a refusal when there are more than a still picture may have.
pub(crate) fn read(file: &File, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    let mut handle = file;
    let length = handle.seek(SeekFrom::End(0))?;
    handle.rewind()?;
    if length > limits.still_bytes {
        let (length, most) = (length >> 20, limits.still_bytes >> 20);
        let message = format!("the file has {length} MB, the limit is {most} MB");
        return Err(DecodeError::new(Code::FileTooLarge, message));
    }
    limits.check_memory(length)?;
    let too_large = |_| DecodeError::new(Code::FileTooLarge, "the file does not fit into memory");
    let mut bytes = vec![0; usize::try_from(length).map_err(too_large)?];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
