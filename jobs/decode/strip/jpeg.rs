//! JPEG: the segments that decoders need stay, a small EXIF block takes the place of the large one,
//! and what lies behind the picture goes.

use super::edits::Edits;
use super::{exif, unsure};
use crate::DecodeError;
use crate::bytes::be16;
use crate::jpeg_header::{entropy_end, next_marker};
use crate::picture_header::MOST_PARTS;

/// A JFIF header without its own small picture.
const JFIF_BYTES: usize = 14;

/// See [`super::strip`].
pub(super) fn strip(data: &[u8], edits: &mut Edits) -> Result<(), DecodeError> {
    if !data.starts_with(b"\xFF\xD8") {
        return Err(unsure("the JPEG does not begin as one"));
    }
    let (mut at, mut has_exif, mut has_scan, mut parts) = (2, false, false, 0);
    while let Some(marker) = next_marker(data, at) {
        parts += 1;
        if parts > MOST_PARTS {
            return Err(unsure("the JPEG has more segments than any real one"));
        }
        // Stray bytes between segments; no decoder needs them.
        edits.cut(at as u64, (marker - at) as u64)?;
        let code = data.get(marker + 1).copied().unwrap_or_default();
        at = match code {
            0xD9 => {
                at = marker + 2;
                break;
            }
            0x01 | 0xD0..=0xD8 => marker + 2,
            _ => {
                let Some(end) = end_of(data, marker) else {
                    at = marker;
                    break;
                };
                let body = data.get(marker + 4..end).unwrap_or_default();
                has_scan |= code == 0xDA;
                match code {
                    0xDA => {
                        edits.check_deadline()?;
                        entropy_end(data, end)
                    }
                    // Tables, frames and restarts stay; no others are in use.
                    0x02..=0xBF | 0xF0..=0xFD => {
                        edits.cut(marker as u64, (end - marker) as u64)?;
                        end
                    }
                    0xE0..=0xEF | 0xFE => {
                        segment(code, marker, body, &mut has_exif, edits)?;
                        end
                    }
                    _ => end,
                }
            }
        };
    }
    if !has_scan {
        return Err(unsure("the JPEG ends before its picture"));
    }
    // Other pictures, films, depths: each with metadata of its own.
    edits.cut(at as u64, data.len().saturating_sub(at) as u64)
}

/// Where the segment at `marker` ends, if the file has all of it.
fn end_of(data: &[u8], marker: usize) -> Option<usize> {
    let end = marker + 2 + usize::from(be16(data, marker + 2)?).max(2);
    (end <= data.len()).then_some(end)
}

/// Segments of applications and comments: few of them say how to show the picture.
fn segment(
    code: u8,
    marker: usize,
    body: &[u8],
    has_exif: &mut bool,
    edits: &mut Edits,
) -> Result<(), DecodeError> {
    let (at, length) = (marker as u64, body.len() as u64 + 4);
    match code {
        0xE0 if body.starts_with(b"JFIF\0") && body.len() <= JFIF_BYTES => Ok(()),
        0xE0 if body.starts_with(b"JFIF\0") => {
            let mut header = b"\xFF\xE0\0\x10".to_vec();
            header.extend(body.iter().take(JFIF_BYTES - 2));
            header.extend([0, 0]);
            edits.put(at, length, header)
        }
        0xE1 if body.starts_with(b"Exif\0\0") && !*has_exif => {
            let kept = exif::kept(body.get(6..).unwrap_or_default());
            let Some(kept) = kept else { return edits.cut(at, length) };
            *has_exif = true;
            let size =
                u16::try_from(kept.len() + 8).map_err(|_| unsure("the EXIF is too large"))?;
            let mut segment = b"\xFF\xE1".to_vec();
            segment.extend(size.to_be_bytes());
            segment.extend(b"Exif\0\0");
            segment.extend(kept);
            edits.put(at, length, segment)
        }
        0xE2 if body.starts_with(b"ICC_PROFILE\0") => Ok(()),
        0xEE if body.starts_with(b"Adobe") => Ok(()),
        _ => edits.cut(at, length),
    }
}
