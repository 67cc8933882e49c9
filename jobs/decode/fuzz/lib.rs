//! What the targets share: a file without a name, limits as small as the files, and what must be
//! true of every file.

mod stripped;

use std::{fs::File, os::unix::fs::FileExt, time::Duration};

use decode::{Code, DecodeError, Limits};

pub use stripped::strip;

/// A file in memory that holds `bytes`.
pub fn file(bytes: &[u8]) -> File {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let file = File::from(rustix::fs::memfd_create(c"fuzz", flags).expect("there is memory"));
    file.write_all_at(bytes, 0).expect("there is memory");
    file
}

/// A small file that takes long or much is a finding.
pub fn limits() -> Limits {
    Limits { memory_bytes: 64 << 20, ..Limits::within(Duration::from_secs(2)) }
}

/// Every answer will do, but that a small file takes all its time, or cannot be read.
pub fn answered<T>(answer: Result<T, DecodeError>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) => {
            let is_answer = !matches!(error.code, Code::DecodeTimeout | Code::ReadFailed);
            assert!(is_answer, "{error}");
            None
        }
    }
}
