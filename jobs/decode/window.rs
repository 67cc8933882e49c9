//! A file read a few bytes here and there: its headers, without the rest.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;

use crate::{DecodeError, Limits};

/// Headers lie close together: one read brings the next ones along.
const STEP_BYTES: usize = 4096;

/// A view of a file that moves to where the next header is.
pub(crate) struct Window<'a> {
    file: &'a File,
    limits: &'a Limits,
    size: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    /// A view of `file`, whose descriptor keeps its position.
    pub(crate) fn new(file: &'a File, limits: &'a Limits) -> Result<Self, DecodeError> {
        let size = file.metadata()?.len();
        Ok(Self { file, limits, size, start: 0, bytes: Vec::new() })
    }

    /// Length of the file in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The `length` bytes at `at`; `None` when the file ends before.
    pub(crate) fn get(&mut self, at: u64, length: usize) -> Result<Option<&[u8]>, DecodeError> {
        let Some(end) = at.checked_add(length as u64).filter(|end| *end <= self.size) else {
            return Ok(None);
        };
        let have = self.start..=self.start + self.bytes.len() as u64;
        if !have.contains(&at) || !have.contains(&end) {
            self.limits.check_deadline()?;
            self.bytes = self.read(at, length.max(STEP_BYTES))?;
            self.start = at;
        }
        let from = usize::try_from(at - self.start).unwrap_or(usize::MAX);
        Ok(from.checked_add(length).and_then(|to| self.bytes.get(from..to)))
    }

    /// The `N` bytes at `at`.
    pub(crate) fn array<const N: usize>(
        &mut self,
        at: u64,
    ) -> Result<Option<[u8; N]>, DecodeError> {
        Ok(self.get(at, N)?.and_then(|bytes| bytes.try_into().ok()))
    }

    /// What is there of the `length` bytes at `at`, at most `most`.
    pub(crate) fn part(&self, at: u64, length: u64, most: usize) -> Result<Vec<u8>, DecodeError> {
        let there = self.size.saturating_sub(at).min(length);
        self.read(at, usize::try_from(there).unwrap_or(most).min(most))
    }

    fn read(&self, at: u64, length: usize) -> Result<Vec<u8>, DecodeError> {
        let there = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(there)];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}
