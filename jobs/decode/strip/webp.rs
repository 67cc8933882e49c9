//! WebP: the chunks of the picture stay, a small EXIF block takes the place of the large one.

use super::edits::Edits;
use super::{exif, unsure};
use crate::DecodeError;
use crate::picture_header::{EXIF_BYTES, MOST_PARTS};
use crate::window::Window;

/// The picture, its transparency, its frames, its profile of colours.
const KEPT: [&[u8; 4]; 7] = [b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];
/// The flags of `VP8X` that say that there is EXIF, and XMP.
const HAS_EXIF: u8 = 0x08;
const HAS_XMP: u8 = 0x04;

/// What is found on the way.
#[derive(Default)]
struct Found {
    /// Where the flags are, and what they are.
    flags: Option<(u64, u8)>,
    has_picture: bool,
    has_exif: bool,
    /// Where the file says that it ends.
    end: u64,
    /// So many bytes less, of those before the end, and so many more, than before.
    cut: u64,
    added: u64,
}

/// See [`super::strip`].
pub(super) fn strip(window: &mut Window, edits: &mut Edits) -> Result<(), DecodeError> {
    let Some([b'R', b'I', b'F', b'F', size @ .., b'W', b'E', b'B', b'P']) =
        window.array::<12>(0)?
    else {
        return Err(unsure("the WebP does not begin as one"));
    };
    let size = u64::from(u32::from_le_bytes(size));
    let end = (8 + size).min(window.size());
    let (mut at, mut found, mut parts) = (12, Found { end, ..Found::default() }, 0);
    while at < end {
        let Some(head) = window.array::<8>(at)? else { break };
        at = chunk(window, at, head, &mut found, edits)?;
        parts += 1;
        if parts > MOST_PARTS {
            return Err(unsure("the WebP has more chunks than any real one"));
        }
    }
    if !found.has_picture {
        return Err(unsure("the WebP ends before its picture"));
    }
    let at = at.min(window.size());
    edits.cut(at, window.size() - at)?;
    if let Some((at, flags)) = found.flags {
        let exif = if found.has_exif { HAS_EXIF } else { 0 };
        let after = flags & !(HAS_XMP | HAS_EXIF) | exif;
        if after != flags {
            edits.put(at, 1, vec![after])?;
        }
    }
    if found.cut > 0 {
        let size = size.saturating_sub(found.cut) + found.added;
        let size = u32::try_from(size).map_err(|_| unsure("the WebP is too large"))?;
        edits.put(4, 4, size.to_le_bytes().to_vec())?;
    }
    Ok(())
}

/// Looks at one chunk and says where the next one is.
fn chunk(
    window: &mut Window,
    at: u64,
    [k0, k1, k2, k3, length @ ..]: [u8; 8],
    found: &mut Found,
    edits: &mut Edits,
) -> Result<u64, DecodeError> {
    let (kind, length) = ([k0, k1, k2, k3], u64::from(u32::from_le_bytes(length)));
    let whole = 8 + length + length % 2;
    let there = whole.min(window.size() - at);
    found.has_picture |= matches!(&kind, b"VP8 " | b"VP8L" | b"ANMF");
    if kind == *b"VP8X" {
        found.flags = window.array::<1>(at + 8)?.map(|[flags]| (at + 8, flags));
    }
    if KEPT.contains(&&kind) {
        return Ok(at + whole);
    }
    found.cut += whole.min(found.end - at);
    if kind == *b"EXIF" && !found.has_exif {
        let block = window.part(at + 8, length, EXIF_BYTES)?;
        let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(&block);
        if let Some(mut kept) = exif::kept(tiff) {
            let mut chunk = b"EXIF".to_vec();
            chunk.extend(u32::try_from(kept.len()).unwrap_or(0).to_le_bytes());
            kept.resize(kept.len() + kept.len() % 2, 0);
            chunk.extend(kept);
            found.has_exif = true;
            found.added += chunk.len() as u64;
            edits.put(at, there, chunk)?;
            return Ok(at + whole);
        }
    }
    edits.cut(at, there)?;
    Ok(at + whole)
}
