//! Size, turn, colours and EXIF block of the primary picture of a HEIF file (HEIC, AVIF), from
//! its boxes.

use crate::DecodeError;
use crate::bytes::{be16, be32};
use crate::color_space;
use crate::heif_items;
use crate::picture_header::Header;
use crate::window::Window;

/// The `meta` box of a phone's picture has some 4 KB, that of a large grid some 100 KB.
const META_BYTES: usize = 4 << 20;
/// Boxes at the top of a file, or properties in its list; more are not looked at.
const MOST_BOXES: usize = 4096;

/// Reads the header of the primary picture.
pub(crate) fn read(window: &mut Window) -> Result<Header, DecodeError> {
    let mut header = Header::default();
    let Some(meta) = meta(window)? else { return Ok(header) };
    // `meta` starts with a version and flags.
    let inside: Vec<_> = boxes(meta.get(4..).unwrap_or_default()).collect();
    if let Some(exif) = heif_items::exif(window, &inside)? {
        header.take_exif(exif);
    }
    let find = |kind: &[u8; 4]| inside.iter().find(|part| part.0 == *kind).map(|part| part.1);
    let Some(primary) = find(b"pitm").and_then(primary_id) else { return Ok(header) };
    let properties: Vec<_> = boxes(find(b"iprp").unwrap_or_default()).collect();
    let list = properties.iter().find(|part| part.0 == *b"ipco").map_or(&[][..], |part| part.1);
    let list: Vec<_> = boxes(list).collect();
    let uses = properties.iter().filter(|part| part.0 == *b"ipma");
    for index in uses.filter_map(|part| properties_of(primary, part.1)).flatten() {
        // Numbers start at 1; 0 means none.
        let Some((kind, body)) = index.checked_sub(1).and_then(|index| list.get(index)) else {
            continue;
        };
        match kind {
            b"ispe" => header.size = be32(body, 4).zip(be32(body, 8)),
            // A profile goes before code points, which stand beside it for films.
            b"colr" if header.color_space.is_none() || !body.starts_with(b"nclx") => {
                header.color_space = color_space::of_colr(body).or(header.color_space.take());
            }
            b"irot" => header.sideways = body.first().is_some_and(|angle| angle % 2 == 1),
            _ => {}
        }
    }
    Ok(header)
}

/// The body of the file's `meta` box.
pub(crate) fn meta(window: &mut Window) -> Result<Option<Vec<u8>>, DecodeError> {
    let mut at = 0u64;
    for _ in 0..MOST_BOXES {
        let Some(head) = window.array::<8>(at)? else { break };
        let (length, skip) = match be32(&head, 0) {
            Some(1) => match window.array(at + 8)? {
                Some(long) => (u64::from_be_bytes(long), 16),
                None => break,
            },
            Some(0) => (window.size().saturating_sub(at), 8),
            length => (u64::from(length.unwrap_or(0)), 8),
        };
        if length < skip {
            break;
        }
        if head.ends_with(b"meta") {
            return window.part(at + skip, length - skip, META_BYTES).map(Some);
        }
        let Some(next) = at.checked_add(length) else { break };
        at = next;
    }
    Ok(None)
}

/// The boxes that stand one behind the other in `data`: their kinds and bodies.
pub(crate) fn boxes(mut data: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::try_from(be32(data, 0)?).ok()?;
        let length = if length == 0 { data.len() } else { length };
        let body = data.get(8..length)?;
        let kind = data.get(4..8)?.try_into().ok()?;
        data = data.get(length..)?;
        Some((kind, body))
    })
    .take(MOST_BOXES)
}

pub(crate) fn primary_id(body: &[u8]) -> Option<u32> {
    match body.first()? {
        0 => be16(body, 4).map(u32::from),
        _ => be32(body, 4),
    }
}

/// The numbers of the properties of item `id`.
pub(crate) fn properties_of(id: u32, ipma: &[u8]) -> Option<Vec<usize>> {
    let long_ids = *ipma.first()? > 0;
    let long_numbers = ipma.get(3)? & 1 == 1;
    let mut at = 8;
    for _ in 0..be32(ipma, 4)? {
        let item = if long_ids { be32(ipma, at)? } else { u32::from(be16(ipma, at)?) };
        at += if long_ids { 4 } else { 2 };
        let count = usize::from(*ipma.get(at)?);
        let step = if long_numbers { 2 } else { 1 };
        let numbers = ipma.get(at + 1..at + 1 + count * step)?;
        at += 1 + count * step;
        if item == id {
            // The highest bit says that a reader must understand the property.
            let number = |bytes: &[u8]| match bytes {
                [byte] => usize::from(byte & 0x7F),
                _ => usize::from(be16(bytes, 0).unwrap_or(0) & 0x7FFF),
            };
            return Some(numbers.chunks_exact(step).map(number).collect());
        }
    }
    None
}
