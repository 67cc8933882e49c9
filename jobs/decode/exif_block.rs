//! A small EXIF block made of a large one: the tags that are read, each cut to a sensible length.
//!
//! The reader of EXIF takes a block at its word: a text of zeros costs it 24 bytes for each, and
//! directories that lie over each other cost the square of their length. What it is given here
//! is at most some 20 KB, whatever the file says.

use crate::ifd::{Ifd, Value};

/// The most bytes of one value; texts are cut to 128 characters later.
const VALUE_BYTES: usize = 1024;
/// What is read of a block: maker, model, orientation; time with its fraction and offset, flash,
/// focal length, aperture, sensitivity, lens; latitude and longitude, each with its half of the
/// earth.
const READ: Wish = Wish {
    tags: &[0x010F, 0x0110, 0x0112],
    inside: &[
        (
            EXIF_POINTER,
            Wish {
                tags: &[0x9003, 0x9291, 0x9011, 0x9209, 0x920A, 0x829D, 0x8827, 0x8833, 0xA434],
                inside: &[],
            },
        ),
        (GPS_POINTER, Wish { tags: &[1, 2, 3, 4], inside: &[] }),
    ],
};
/// The tags of the first directory that say where the other two are.
pub(crate) const EXIF_POINTER: u16 = 0x8769;
const GPS_POINTER: u16 = 0x8825;

/// Tags of a directory, and of the directories that its pointers lead to.
pub(crate) struct Wish {
    pub(crate) tags: &'static [u16],
    pub(crate) inside: &'static [(u16, Wish)],
}

/// A block with the wanted values of `block`; `None` when it is no TIFF block.
pub(crate) fn essence(block: &[u8]) -> Option<Vec<u8>> {
    select(block, &READ, VALUE_BYTES)
}

/// A block with the values of `block` that are wished, each cut to `most` bytes; `None` when it is
/// no TIFF block.
pub(crate) fn select(block: &[u8], wish: &Wish, most: usize) -> Option<Vec<u8>> {
    const HEADER_BYTES: usize = 8;
    let first = Ifd::first(block)?;
    let mut small = Small { little: first.is_little(), bytes: block.get(..HEADER_BYTES)?.into() };
    let at = small.copy(&first, wish, most);
    let at = small.long(at);
    small.bytes.get_mut(4..HEADER_BYTES)?.copy_from_slice(&at);
    Some(small.bytes)
}

/// What Apple's maker's note says to tell the picture and the film of one live photo: the same in
/// both.
pub(crate) fn apple_identifier(block: &[u8]) -> Option<String> {
    const MAKER_NOTE: u16 = 0x927C;
    const IDENTIFIER: u16 = 0x0011;
    let note = Ifd::first(block)?.directory(EXIF_POINTER)?.bytes(MAKER_NOTE)?;
    // Its name, a version, and the order of its bytes, then a directory.
    let rest = note.strip_prefix(b"Apple iOS\0")?;
    let little = rest.get(2..4)? == b"II";
    let value = Ifd::bare(note, little, 14)?.value(IDENTIFIER)?;
    crate::exif_text::text(value.bytes.get(..value.bytes.len().min(VALUE_BYTES))?)
}

const LONG: u16 = 4;

/// An entry of a directory with the bytes of its value.
struct Entry {
    tag: u16,
    kind: u16,
    count: u32,
    bytes: Vec<u8>,
}

fn wanted(ifd: &Ifd, tags: &[u16], most: usize) -> Vec<Entry> {
    let entry = |&tag: &u16| {
        let Value { kind, unit, bytes } = ifd.value(tag)?;
        let bytes = bytes.get(..bytes.len().min(most))?.to_vec();
        Some(Entry { tag, kind, count: u32::try_from(bytes.len() / unit).ok()?, bytes })
    };
    tags.iter().filter_map(entry).collect()
}

/// The small block while it grows.
struct Small {
    little: bool,
    bytes: Vec<u8>,
}

impl Small {
    /// Adds what is wished of a directory and says where it is.
    fn copy(&mut self, ifd: &Ifd, wish: &Wish, most: usize) -> usize {
        let mut entries = wanted(ifd, wish.tags, most);
        for (pointer, inside) in wish.inside {
            let Some(directory) = ifd.directory(*pointer) else { continue };
            let at = self.copy(&directory, inside, most);
            let bytes = self.long(at).to_vec();
            entries.push(Entry { tag: *pointer, kind: LONG, count: 1, bytes });
        }
        // Readers may count on their order.
        entries.sort_by_key(|entry| entry.tag);
        self.directory(&entries)
    }

    /// Adds a directory behind its values and says where it is.
    fn directory(&mut self, entries: &[Entry]) -> usize {
        let places: Vec<[u8; 4]> = entries.iter().map(|entry| self.place(&entry.bytes)).collect();
        let at = self.bytes.len();
        let count = u16::try_from(entries.len()).unwrap_or(0);
        self.bytes.extend(self.short(count));
        for (entry, place) in entries.iter().zip(places) {
            self.bytes.extend(self.short(entry.tag));
            self.bytes.extend(self.short(entry.kind));
            self.bytes.extend(self.long(entry.count as usize));
            self.bytes.extend(place);
        }
        // No directory follows.
        self.bytes.extend([0; 4]);
        at
    }

    /// What stands in the entry: up to four bytes themselves, else where they are.
    fn place(&mut self, value: &[u8]) -> [u8; 4] {
        let mut place = [0; 4];
        if let Some(short) = place.get_mut(..value.len()) {
            short.copy_from_slice(value);
            return place;
        }
        let at = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.long(at)
    }

    fn short(&self, value: u16) -> [u8; 2] {
        if self.little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn long(&self, value: usize) -> [u8; 4] {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        if self.little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exif::of_block;

    /// A block whose first directory has `entries` of tag, kind, count and place, and then `rest`.
    fn block(entries: &[(u16, u16, u32, u32)], rest: &[u8]) -> Vec<u8> {
        let mut block = b"MM\0*\0\0\0\x08".to_vec();
        block.extend((entries.len() as u16).to_be_bytes());
        for (tag, kind, count, place) in entries {
            block.extend([tag.to_be_bytes(), kind.to_be_bytes()].as_flattened());
            block.extend([count.to_be_bytes(), place.to_be_bytes()].as_flattened());
        }
        block.extend([0; 4]);
        block.extend_from_slice(rest);
        block
    }

    #[test]
    fn a_text_of_zeros_is_cut() {
        const ASCII: u16 = 2;
        let zeros = vec![0; 8 << 20];
        let most = 8 << 20;

        let small =
            essence(&block(&[(0x010F, ASCII, most, 38), (0x0110, ASCII, most, 38)], &zeros));

        assert!(small.unwrap().len() < 3000);
    }

    #[test]
    fn a_long_text_keeps_its_beginning() {
        const ASCII: u16 = 2;
        let mut text = b"Canon ".to_vec();
        text.resize(5000, b'x');

        let exif = of_block(&block(&[(0x010F, ASCII, 5000, 26)], &text)).unwrap();

        assert!(exif.make.unwrap().starts_with("Canon xxx"));
    }

    #[test]
    fn directories_that_lie_over_each_other_are_not_followed() {
        // Each entry points into the middle of the entries, where a directory of the rest begins.
        let entries: Vec<_> = (0..5000u32).map(|at| (EXIF_POINTER, LONG, 1, 8 + 12 * at)).collect();

        assert!(essence(&block(&entries, &[])).unwrap().len() < 100);
    }
}
