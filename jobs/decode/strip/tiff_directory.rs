//! The directories of a TIFF file with the places of their entries, within bounds.

use std::ops::Range;

use crate::bytes::{array, be16, be32, has, le16, le32};

/// A TIFF or BigTIFF file.
pub(super) struct Tiff<'a> {
    data: &'a [u8],
    little: bool,
    /// BigTIFF: counts and places have 8 bytes.
    wide: bool,
}

/// An entry of a directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) tag: u16,
    pub(super) kind: u16,
    /// Where its value is, as far as the file reaches.
    pub(super) value: Range<u64>,
    /// The value stands in the entry itself.
    pub(super) is_inside: bool,
    /// The whole entry.
    bytes: Range<usize>,
}

impl<'a> Tiff<'a> {
    /// The file, and where its first directory is.
    pub(super) fn open(data: &'a [u8]) -> Option<(Self, u64)> {
        let little = has(data, 0, b"II");
        if !little && !has(data, 0, b"MM") {
            return None;
        }
        let mut tiff = Self { data, little, wide: false };
        tiff.wide = match tiff.u16(2)? {
            42 => false,
            43 => true,
            _ => return None,
        };
        let first = if tiff.wide { tiff.place(8) } else { tiff.place(4) };
        first.map(|first| (tiff, first))
    }

    /// The entries of the directory at `at`, and where the next one is (0: nowhere).
    pub(super) fn directory(&self, at: u64) -> Option<(Vec<Entry>, u64)> {
        let start = usize::try_from(at).ok()?;
        let count = if self.wide { self.place(start)? } else { u64::from(self.u16(start)?) };
        let count = usize::try_from(count).ok().filter(|count| *count <= usize::from(u16::MAX))?;
        let first = start.checked_add(self.count_bytes())?;
        let entry = |index: usize| self.entry(first + index * self.entry_bytes());
        let entries = (0..count).map(entry).collect::<Option<Vec<_>>>()?;
        let next = self.place(first + count * self.entry_bytes())?;
        Some((entries, next))
    }

    fn entry(&self, at: usize) -> Option<Entry> {
        let bytes = at..at.checked_add(self.entry_bytes())?;
        self.data.get(bytes.clone())?;
        let (tag, kind) = (self.u16(at)?, self.u16(at + 2)?);
        let count = self.place(at + 4)?;
        let place = at + if self.wide { 12 } else { 8 };
        let length = count.saturating_mul(unit(kind));
        let is_inside = length <= if self.wide { 8 } else { 4 };
        let start = if is_inside { place as u64 } else { self.place(place)? };
        let size = self.data.len() as u64;
        let value = start.min(size)..start.saturating_add(length).min(size);
        Some(Entry { tag, kind, value, is_inside, bytes })
    }

    /// The numbers of an entry.
    pub(super) fn numbers(&self, entry: &Entry) -> impl Iterator<Item = u64> {
        let range =
            usize::try_from(entry.value.start).ok().zip(usize::try_from(entry.value.end).ok());
        let bytes = range.and_then(|(start, end)| self.data.get(start..end)).unwrap_or_default();
        let width = match entry.kind {
            1 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            _ => usize::MAX,
        };
        let little = self.little;
        bytes.chunks_exact(width).map(move |number| {
            let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            if little { number.iter().rev().fold(0, add) } else { number.iter().fold(0, add) }
        })
    }

    /// How long the header is, which says where the first directory is.
    pub(super) fn header_bytes(&self) -> u64 {
        if self.wide { 16 } else { 8 }
    }

    /// How long a directory of so many entries is.
    pub(super) fn directory_bytes(&self, entries: usize) -> u64 {
        (self.count_bytes() + entries * self.entry_bytes() + if self.wide { 8 } else { 4 }) as u64
    }

    /// A directory of these entries.
    pub(super) fn written(&self, entries: &[&Entry], next: u64) -> Vec<u8> {
        let mut bytes = self.number(entries.len() as u64, self.count_bytes());
        for entry in entries {
            bytes.extend(self.data.get(entry.bytes.clone()).unwrap_or_default());
        }
        bytes.extend(self.number(next, if self.wide { 8 } else { 4 }));
        bytes
    }

    fn number(&self, value: u64, width: usize) -> Vec<u8> {
        if self.little {
            value.to_le_bytes().into_iter().take(width).collect()
        } else {
            value.to_be_bytes().into_iter().skip(8 - width).collect()
        }
    }

    fn count_bytes(&self) -> usize {
        if self.wide { 8 } else { 2 }
    }

    fn entry_bytes(&self) -> usize {
        if self.wide { 20 } else { 12 }
    }

    fn u16(&self, at: usize) -> Option<u16> {
        if self.little { le16(self.data, at) } else { be16(self.data, at) }
    }

    /// A place or a count: 4 bytes, or 8 of BigTIFF.
    fn place(&self, at: usize) -> Option<u64> {
        match (self.wide, self.little) {
            (true, true) => array(self.data, at).map(u64::from_le_bytes),
            (true, false) => array(self.data, at).map(u64::from_be_bytes),
            (false, true) => le32(self.data, at).map(u64::from),
            (false, false) => be32(self.data, at).map(u64::from),
        }
    }
}

/// The bytes of one part of a value of this kind; nothing is known of other kinds.
fn unit(kind: u16) -> u64 {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => 0,
    }
}
