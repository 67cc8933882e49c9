//! The bytes of a file for a demuxer: read at positions of its own, up to a deadline and a budget.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::{Code, DecodeError, Limits};

/// Why a demuxer was stopped; it only hears "input/output error" itself.
#[derive(Debug)]
pub(crate) struct Watch {
    deadline: Instant,
    failed: AtomicBool,
}

impl Watch {
    /// A watch that stops at the deadline of `limits`.
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self { deadline: limits.deadline, failed: AtomicBool::new(false) })
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// What to answer when the demuxer or decoder gave up.
    pub(crate) fn refusal(&self, message: &str) -> DecodeError {
        if self.is_over() {
            return DecodeError::new(Code::DecodeTimeout, "decoding took longer than its limit");
        }
        if self.failed.load(Ordering::Relaxed) {
            return DecodeError::new(Code::ReadFailed, "the file could not be read");
        }
        DecodeError::corrupt(message)
    }
}

/// A reader with a position of its own: the descriptor's is shared with others and stays put.
pub(crate) struct Reader {
    file: File,
    position: u64,
    size: u64,
    left: u64,
    watch: Arc<Watch>,
}

impl Reader {
    /// A reader at the start of `file` that gives `budget` bytes at most, as if it ended then.
    pub(crate) fn new(file: &File, watch: Arc<Watch>, budget: u64) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file: file.try_clone()?, position: 0, size, left: budget, watch })
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.watch.is_over() {
            return Err(io::Error::other("the deadline passed"));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most) else { return Ok(0) };
        let read = self.file.read_at(buffer, self.position).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.watch.failed.store(true, Ordering::Relaxed);
            }
        })?;
        self.position = self.position.saturating_add(read as u64);
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        };
        // pread takes a signed offset.
        let position = position.filter(|position| i64::try_from(*position).is_ok());
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
