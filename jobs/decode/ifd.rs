//! The first directory of a TIFF structure (TIFF, BigTIFF, EXIF), read within bounds.

use crate::bytes::{array, be16, be32, has, le16, le32};

/// Real first directories have some 20 entries.
const MOST_ENTRIES: u64 = 512;

/// The first directory of a TIFF structure.
#[derive(Debug)]
pub(crate) struct Ifd<'a> {
    data: &'a [u8],
    little: bool,
    /// BigTIFF: counts and places have 8 bytes.
    wide: bool,
    /// Where its first entry is.
    start: usize,
    entries: usize,
}

impl<'a> Ifd<'a> {
    pub(crate) fn first(data: &'a [u8]) -> Option<Self> {
        let little = has(data, 0, b"II");
        if !little && !has(data, 0, b"MM") {
            return None;
        }
        let mut ifd = Self { data, little, wide: false, start: 0, entries: 0 };
        ifd.wide = ifd.u16(2)? == 43;
        let at = if ifd.wide { ifd.u64(8)? } else { u64::from(ifd.u32(4)?) };
        let at = usize::try_from(at).ok()?;
        let entries = if ifd.wide { ifd.u64(at)? } else { u64::from(ifd.u16(at)?) };
        ifd.entries = usize::try_from(entries.min(MOST_ENTRIES)).ok()?;
        ifd.start = at.checked_add(if ifd.wide { 8 } else { 2 })?;
        Some(ifd)
    }

    /// The value of a short number and where it stands.
    pub(crate) fn short(&self, tag: u16) -> Option<(usize, u16)> {
        const SHORT: u16 = 3;
        let entry = self.entry(tag)?;
        let at = entry + if self.wide { 12 } else { 8 };
        (self.u16(entry + 2)? == SHORT).then(|| self.u16(at).map(|value| (at, value)))?
    }

    /// The bytes of a value of bytes.
    pub(crate) fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        const BYTE: u16 = 1;
        const UNDEFINED: u16 = 7;
        let entry = self.entry(tag)?;
        if !matches!(self.u16(entry + 2)?, BYTE | UNDEFINED) {
            return None;
        }
        let (count, at) = if self.wide {
            (self.u64(entry + 4)?, self.u64(entry + 12)?)
        } else {
            (u64::from(self.u32(entry + 4)?), u64::from(self.u32(entry + 8)?))
        };
        let (count, at) = (usize::try_from(count).ok()?, usize::try_from(at).ok()?);
        self.data.get(at..at.checked_add(count)?)
    }

    fn entry(&self, tag: u16) -> Option<usize> {
        let size = if self.wide { 20 } else { 12 };
        (0..self.entries)
            .map_while(|index| self.start.checked_add(index * size))
            .find(|&entry| self.u16(entry) == Some(tag))
    }

    fn u16(&self, at: usize) -> Option<u16> {
        if self.little { le16(self.data, at) } else { be16(self.data, at) }
    }

    fn u32(&self, at: usize) -> Option<u32> {
        if self.little { le32(self.data, at) } else { be32(self.data, at) }
    }

    fn u64(&self, at: usize) -> Option<u64> {
        let bytes = array(self.data, at)?;
        Some(if self.little { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
    }
}
