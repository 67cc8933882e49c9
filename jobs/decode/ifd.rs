//! The directories of a TIFF structure (TIFF, BigTIFF, EXIF), read within bounds.

use crate::bytes::{array, be16, be32, has, le16, le32};

/// Real first directories have some 20 entries.
const MOST_ENTRIES: u64 = 512;

/// A value as it stands in the file.
#[derive(Debug)]
pub(crate) struct Value<'a> {
    /// The number of its type.
    pub(crate) kind: u16,
    /// The bytes of one of its parts.
    pub(crate) unit: usize,
    pub(crate) bytes: &'a [u8],
}

/// A directory of a TIFF structure.
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
        ifd.at(at)
    }

    /// The directory at `at` of bytes that have no header of their own, such as a maker's note, and
    /// whose places are counted from their beginning.
    pub(crate) fn bare(data: &'a [u8], little: bool, at: u64) -> Option<Self> {
        Self { data, little, wide: false, start: 0, entries: 0 }.at(at)
    }

    /// The directory that begins where the number under `tag` says. BigTIFF has none here.
    pub(crate) fn directory(&self, tag: u16) -> Option<Self> {
        let Value { kind, bytes, .. } = self.value(tag)?;
        let at = match (kind, self.little) {
            (3, true) => le16(bytes, 0).map(u64::from),
            (3, false) => be16(bytes, 0).map(u64::from),
            (4, true) => le32(bytes, 0).map(u64::from),
            (4, false) => be32(bytes, 0).map(u64::from),
            _ => None,
        };
        self.at(at?)
    }

    fn at(&self, at: u64) -> Option<Self> {
        let at = usize::try_from(at).ok()?;
        let entries = if self.wide { self.u64(at)? } else { u64::from(self.u16(at)?) };
        let entries = usize::try_from(entries.min(MOST_ENTRIES)).ok()?;
        let start = at.checked_add(if self.wide { 8 } else { 2 })?;
        Some(Self { start, entries, ..*self })
    }

    /// Whether the low byte of a number comes first.
    pub(crate) fn is_little(&self) -> bool {
        self.little
    }

    /// The value under `tag`, whose bytes are all there. BigTIFF has none here.
    pub(crate) fn value(&self, tag: u16) -> Option<Value<'a>> {
        let entry = self.entry(tag).filter(|_| !self.wide)?;
        let kind = self.u16(entry + 2)?;
        // TIFF 6.0, section 2: bytes and texts, shorts, longs and floats, fractions and doubles.
        let unit = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        let length = usize::try_from(self.u32(entry + 4)?).ok()?.checked_mul(unit)?;
        let at =
            if length <= 4 { entry + 8 } else { usize::try_from(self.u32(entry + 8)?).ok()? };
        Some(Value { kind, unit, bytes: self.data.get(at..at.checked_add(length)?)? })
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
