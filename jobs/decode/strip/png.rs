//! PNG and APNG: the chunks that say how to show the picture stay.

use super::edits::Edits;
use super::{exif, unsure};
use crate::DecodeError;
use crate::bytes::be32;
use crate::picture_header::MOST_PARTS;
use crate::png_header;
use crate::window::Window;

/// Colours, transparency, size of a pixel, animation (PNG, third edition, and its register).
const KEPT: [&[u8; 4]; 20] = [
    b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"mDCv", b"cLLI",
    b"cLLi", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT", b"oFFs", b"sTER",
];
/// The signature and the chunk `IHDR`.
const FIRST_BYTES: u64 = 8 + 25;

/// See [`super::strip`].
pub(super) fn strip(window: &mut Window, edits: &mut Edits) -> Result<(), DecodeError> {
    // Two of its chunks may hold EXIF; the small block says the same as theirs.
    let block = png_header::read(window)?.exif;
    let head = window.array::<16>(0)?.unwrap_or_default();
    if !head.starts_with(b"\x89PNG\r\n\x1a\n") || !head.ends_with(b"IHDR") {
        return Err(unsure("the PNG does not begin as one"));
    }
    if let Some(kept) = block.as_deref().and_then(exif::kept) {
        edits.put(FIRST_BYTES, 0, chunk(b"eXIf", &kept)?)?;
    }
    let (mut at, mut has_picture) = (8, false);
    for _ in 0..MOST_PARTS {
        let Some([l0, l1, l2, l3, kind @ ..]) = window.array::<8>(at)? else {
            // It ends early; what is there of a chunk's head is nothing.
            return ended(window, at, has_picture, edits);
        };
        let length = 12 + u64::from(u32::from_be_bytes([l0, l1, l2, l3]));
        let is_critical = kind.first().is_some_and(u8::is_ascii_uppercase);
        has_picture |= kind == *b"IDAT";
        if !is_critical && !KEPT.contains(&&kind) {
            edits.cut(at, length.min(window.size() - at))?;
        }
        at += length;
        if kind == *b"IEND" || at >= window.size() {
            return ended(window, at, has_picture, edits);
        }
    }
    Err(unsure("the PNG has more chunks than any real one"))
}

/// What lies behind the picture is none of it.
fn ended(
    window: &Window,
    at: u64,
    has_picture: bool,
    edits: &mut Edits,
) -> Result<(), DecodeError> {
    if !has_picture {
        return Err(unsure("the PNG ends before its picture"));
    }
    edits.cut(at, window.size().saturating_sub(at))
}

fn chunk(kind: &[u8; 4], body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let length = u32::try_from(body.len()).map_err(|_| unsure("the EXIF is too large"))?;
    let mut chunk = length.to_be_bytes().to_vec();
    chunk.extend(kind);
    chunk.extend(body);
    let sum = crc32(chunk.get(4..).unwrap_or_default());
    chunk.extend(sum.to_be_bytes());
    debug_assert_eq!(be32(&chunk, 0), Some(length), "a chunk begins with its length");
    Ok(chunk)
}

/// The checksum of PNG (its annex D), bit by bit: it is taken of some hundred bytes.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 }
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_that_of_png() {
        assert_eq!(super::crc32(b"IEND"), 0xAE42_6082);
    }
}
