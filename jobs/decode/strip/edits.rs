//! A list of edits while it grows.

use std::ops::Range;

use super::unsure;
use crate::{DecodeError, Limits};

/// What is written anew is some kilobytes; measurements in the longest films are some ten thousand
/// pieces. The whole list goes from one process to another.
const MOST_BYTES: usize = 900 << 10;
/// Two numbers of eight bytes and what is to be done.
const EDIT_BYTES: usize = 24;

/// A change of a file: what stands in place of some of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where these bytes begin.
    pub at: u64,
    /// How many they are.
    pub length: u64,
    /// What stands there instead.
    pub with: With,
}

/// What stands in place of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum With {
    /// These, of any number; none where they are taken out.
    Bytes(Vec<u8>),
    /// As many of this byte, so that nothing behind them moves.
    Fill(u8),
}

impl Edit {
    fn end(&self) -> u64 {
        self.at.saturating_add(self.length)
    }
}

/// The list.
pub(super) struct Edits<'a> {
    limits: &'a Limits,
    list: Vec<Edit>,
    bytes: usize,
    needed: Vec<Range<u64>>,
}

impl<'a> Edits<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self { limits, list: Vec::new(), bytes: 0, needed: Vec::new() }
    }

    /// Takes these bytes out.
    pub(super) fn cut(&mut self, at: u64, length: u64) -> Result<(), DecodeError> {
        let last = self.list.last_mut();
        match last.filter(|last| last.end() == at && matches!(last.with, With::Bytes(_))) {
            Some(last) => {
                last.length = last.length.saturating_add(length);
                Ok(())
            }
            None if length == 0 => Ok(()),
            None => self.add(Edit { at, length, with: With::Bytes(Vec::new()) }),
        }
    }

    /// Puts `bytes` in place of these.
    pub(super) fn put(&mut self, at: u64, length: u64, bytes: Vec<u8>) -> Result<(), DecodeError> {
        self.bytes += bytes.len();
        self.add(Edit { at, length, with: With::Bytes(bytes) })
    }

    /// Writes `byte` over these.
    pub(super) fn fill(&mut self, at: u64, length: u64, byte: u8) -> Result<(), DecodeError> {
        if length == 0 {
            return Ok(());
        }
        self.add(Edit { at, length, with: With::Fill(byte) })
    }

    /// These parts of the file, in their order, say where the others are.
    pub(super) fn need(&mut self, parts: Vec<Range<u64>>) {
        self.needed = parts;
    }

    /// An error where these bytes, which the file says are metadata, are needed.
    pub(super) fn check_needless(&self, at: u64, length: u64) -> Result<(), DecodeError> {
        let next = self.needed.partition_point(|part| part.end <= at);
        let is_needed = |part: &Range<u64>| part.start < at.saturating_add(length);
        if length > 0 && self.needed.get(next).is_some_and(is_needed) {
            return Err(unsure("the metadata lie over what the file needs"));
        }
        Ok(())
    }

    /// An error once the time is over.
    pub(super) fn check_deadline(&self) -> Result<(), DecodeError> {
        self.limits.check_deadline()
    }

    fn add(&mut self, edit: Edit) -> Result<(), DecodeError> {
        if self.list.len().is_multiple_of(256) {
            self.check_deadline()?;
        }
        self.bytes += EDIT_BYTES;
        if self.bytes > MOST_BYTES {
            return Err(unsure("metadata lie in more places of the file than in any real one"));
        }
        self.list.push(edit);
        Ok(())
    }

    /// In the order of their places. Fillings that touch become one; others must not.
    pub(super) fn done(mut self) -> Result<Vec<Edit>, DecodeError> {
        self.list.sort_by_key(|edit| edit.at);
        let mut done: Vec<Edit> = Vec::with_capacity(self.list.len());
        for edit in self.list {
            match done.last_mut() {
                Some(last)
                    if last.end() >= edit.at && is_filling(last) && last.with == edit.with =>
                {
                    last.length = last.end().max(edit.end()) - last.at;
                }
                Some(last) if last.end() > edit.at => {
                    return Err(unsure("parts of the file lie over each other"));
                }
                _ => done.push(edit),
            }
        }
        Ok(done)
    }
}

fn is_filling(edit: &Edit) -> bool {
    matches!(edit.with, With::Fill(_))
}
