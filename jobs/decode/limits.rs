//! What one decode may cost.

use std::time::{Duration, Instant};

use crate::{Code, DecodeError};

/// What one decode may cost; checked from headers before anything is spent.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The most memory a decode may take at its chosen scale, in bytes (default 512 MB).
    pub memory_bytes: u64,
    /// The largest still picture, PDF or audio tag that is read into memory (default 128 MB).
    pub still_bytes: u64,
    /// When the work must be over; checked between blocks of work.
    pub deadline: Instant,
}

impl Limits {
    /// The defaults, with the deadline `time` from now.
    pub fn within(time: Duration) -> Self {
        Self { memory_bytes: 512 << 20, still_bytes: 128 << 20, deadline: Instant::now() + time }
    }

    /// An error once the deadline has passed.
    pub fn check_deadline(&self) -> Result<(), DecodeError> {
        if Instant::now() < self.deadline {
            return Ok(());
        }
        Err(DecodeError::new(Code::DecodeTimeout, "decoding took longer than its limit"))
    }

    /// An error when `bytes` is more than the memory limit.
    pub fn check_memory(&self, bytes: u64) -> Result<(), DecodeError> {
        if bytes <= self.memory_bytes {
            return Ok(());
        }
        let (needs, limit) = (bytes >> 20, self.memory_bytes >> 20);
        let message = format!("decoding would take {needs} MB, the limit is {limit} MB");
        Err(DecodeError::new(Code::MemoryLimit, message))
    }
}
