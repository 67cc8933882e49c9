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
    /// The most pixels of a picture, or of a picture of a film (default 500 million).
    pub pixels: u64,
    /// The most frames of an animated picture (default 100,000).
    pub frames: u32,
    /// The longest film of which a picture is made (default a day).
    pub film: Duration,
    /// When the work must be over; checked between blocks of work.
    pub deadline: Instant,
}

impl Limits {
    /// The defaults, with the deadline `time` from now.
    pub fn within(time: Duration) -> Self {
        Self {
            memory_bytes: 512 << 20,
            still_bytes: 128 << 20,
            pixels: 500_000_000,
            frames: 100_000,
            film: Duration::from_secs(86_400),
            deadline: Instant::now() + time,
        }
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

    /// An error when a picture of this size has more pixels than the limit.
    pub fn check_pixels(&self, width: u32, height: u32) -> Result<(), DecodeError> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels <= self.pixels {
            return Ok(());
        }
        let limit = self.pixels;
        let message = format!("the picture has {width} x {height} pixels, the limit is {limit}");
        Err(DecodeError::new(Code::PixelLimit, message))
    }

    /// An error when an animated picture has more frames than the limit.
    pub fn check_frames(&self, frames: u32) -> Result<(), DecodeError> {
        if frames <= self.frames {
            return Ok(());
        }
        let message = format!("the picture has {frames} frames, the limit is {}", self.frames);
        Err(DecodeError::new(Code::FrameLimit, message))
    }

    /// An error when a film of `seconds` is longer than the limit.
    pub fn check_film(&self, seconds: f64) -> Result<(), DecodeError> {
        let limit = self.film.as_secs_f64();
        if seconds <= limit {
            return Ok(());
        }
        let message = format!("the film is {seconds:.0} s long, the limit is {limit:.0} s");
        Err(DecodeError::new(Code::DurationLimit, message))
    }
}
