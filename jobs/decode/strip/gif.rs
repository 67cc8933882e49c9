//! GIF: comments go, and what applications wrote for themselves, but for loops and colours.

use super::edits::Edits;
use super::unsure;
use crate::DecodeError;
use crate::bytes::has;
use crate::picture_header::MOST_PARTS;

const EXTENSION: u8 = 0x21;
const PICTURE: u8 = 0x2C;
/// How long a frame stays, and text that is drawn.
const CONTROL: u8 = 0xF9;
const TEXT: u8 = 0x01;
const APPLICATION: u8 = 0xFF;
/// How often an animation is shown, and a profile of colours.
const KEPT: [&[u8]; 3] = [b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"];

/// See [`super::strip`].
pub(super) fn strip(data: &[u8], edits: &mut Edits) -> Result<(), DecodeError> {
    if !has(data, 0, b"GIF87a") && !has(data, 0, b"GIF89a") {
        return Err(unsure("the GIF does not begin as one"));
    }
    let flags = |at: usize| data.get(at).copied().unwrap_or_default();
    let (mut at, mut has_picture, mut parts) = (13 + table(flags(10)), false, 0);
    loop {
        parts += 1;
        if parts > MOST_PARTS {
            return Err(unsure("the GIF has more parts than any real one"));
        }
        let kind = data.get(at..at + 2).unwrap_or_default();
        let end = match kind {
            [EXTENSION, _] => blocks_end(data, at + 2),
            [PICTURE, _] => {
                has_picture = true;
                // Behind the table of colours is one byte, the size of the first code.
                blocks_end(data, at + 10 + table(flags(at + 9)) + 1)
            }
            _ => break,
        };
        if is_dropped(data, at, kind) {
            edits.cut(at as u64, (end - at) as u64)?;
        }
        at = end;
    }
    if !has_picture {
        return Err(unsure("the GIF ends before its picture"));
    }
    // The end mark, or the place where the file stops being a GIF.
    at += usize::from(flags(at) == 0x3B);
    edits.cut(at as u64, data.len().saturating_sub(at) as u64)
}

fn is_dropped(data: &[u8], at: usize, kind: &[u8]) -> bool {
    match kind {
        [EXTENSION, CONTROL | TEXT] => false,
        [EXTENSION, APPLICATION] => !KEPT.iter().any(|name| has(data, at + 3, name)),
        [EXTENSION, _] => true,
        _ => false,
    }
}

/// The bytes of a table of colours.
fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Where the blocks that begin at `at` end, at most at the end of the file.
fn blocks_end(data: &[u8], mut at: usize) -> usize {
    while let Some(&length) = data.get(at) {
        at += 1 + usize::from(length);
        if length == 0 {
            return at;
        }
    }
    data.len()
}
