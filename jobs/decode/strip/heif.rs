//! The items of HEIC and AVIF: EXIF becomes a small block, XMP spaces, at the same place.

use super::boxes::{Placed, Walk, free};
use super::edits::Edits;
use super::film::find;
use super::{exif, unsure};
use crate::DecodeError;
use crate::bytes::{be16, be32};
use crate::heif_items::{Place, kinds, place};
use crate::picture_header::EXIF_BYTES;

/// The list of items of a large grid has some 100 KB.
const LIST_BYTES: usize = 4 << 20;
/// A picture has one item of EXIF and one of XMP, and so may each of a few others in the file.
const MOST_ITEMS: usize = 64;
/// Parts of `meta` that say what the picture is.
const KEPT: [&[u8; 4]; 10] =
    [b"hdlr", b"pitm", b"iinf", b"iref", b"iprp", b"iloc", b"idat", b"dinf", b"grpl", b"ipro"];
/// XMP that says nothing.
const NO_XMP: &[u8] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>";
/// A TIFF block that says nothing.
const EMPTY: &[u8] = b"MM\0*\0\0\0\x08\0\0\0\0\0\0";

/// Whether a `meta` box names a picture; that of a film has words alone.
pub(super) fn has_pictures(walk: &mut Walk, meta: Placed) -> Result<bool, DecodeError> {
    let row = walk.row(meta.body.saturating_add(4).min(meta.end)..meta.end)?;
    Ok(find(&row.boxes, b"iinf").is_some() && find(&row.boxes, b"pitm").is_some())
}

/// Strips the items of a file's `meta` box.
pub(super) fn items(walk: &mut Walk, meta: Placed, edits: &mut Edits) -> Result<(), DecodeError> {
    let inside = walk.inside(meta, 4)?;
    for part in &inside {
        match &part.kind {
            b"free" | b"skip" => edits.fill(part.body, part.length(), 0)?,
            b"iprp" => properties(walk, *part, edits)?,
            kind if KEPT.contains(&kind) => {}
            _ => free(*part, edits)?,
        }
    }
    let list = |kind: &[u8; 4]| match find(&inside, kind) {
        Some(part) if part.length() <= LIST_BYTES as u64 => {
            walk.window.part(part.body, part.length(), LIST_BYTES)
        }
        _ => Err(unsure("the file does not say where its items are")),
    };
    let (infos, places) = (list(b"iinf")?, list(b"iloc")?);
    let spoken = kinds(&infos).collect::<Vec<_>>();
    if spoken.len() as u64 != count(&infos).unwrap_or(0) {
        return Err(unsure("the file does not say what its items are"));
    }
    if spoken.iter().any(|(_, kind)| kind == b"jpeg") {
        return Err(unsure("an item is a JPEG, which has metadata of its own"));
    }
    let spoken = spoken.into_iter().filter(|(_, kind)| matches!(kind, b"Exif" | b"mime" | b"uri "));
    for (number, (id, kind)) in spoken.enumerate() {
        if number >= MOST_ITEMS {
            return Err(unsure("the file has more metadata than any real one"));
        }
        let pieces = place(id, &places).and_then(|place| pieces(place, &inside));
        let pieces =
            pieces.ok_or_else(|| unsure("the file does not say where its metadata are"))?;
        item(walk, kind, &pieces, edits)?;
    }
    Ok(())
}

/// How many items the list says it has.
fn count(infos: &[u8]) -> Option<u64> {
    match infos.first()? {
        0 => be16(infos, 4).map(u64::from),
        _ => be32(infos, 4).map(u64::from),
    }
}

/// Where an item is in the file; none unless it says so to the byte.
fn pieces(place: Place, inside: &[Placed]) -> Option<Vec<(u64, u64)>> {
    let data = find(inside, b"idat").filter(|_| place.in_idat);
    let piece = |(at, length): (u64, u64)| {
        let at = match (place.in_idat, data) {
            (true, Some(data)) => data.body.checked_add(at)?,
            (true, None) => return None,
            (false, _) => at,
        };
        let is_known = length != u64::MAX && at.checked_add(length).is_some();
        let is_inside = data.is_none_or(|data| at.saturating_add(length) <= data.end);
        (is_known && is_inside).then_some((at, length))
    };
    place.pieces.into_iter().map(piece).collect::<Option<Vec<_>>>().filter(|_| place.is_whole)
}

/// Puts what says nothing in place of an item.
fn item(
    walk: &mut Walk,
    kind: [u8; 4],
    pieces: &[(u64, u64)],
    edits: &mut Edits,
) -> Result<(), DecodeError> {
    let size = walk.window.size();
    let there = |(at, length): &(u64, u64)| (*at, (*length).min(size.saturating_sub(*at)));
    let mut pieces: Vec<_> = pieces.iter().map(there).filter(|(_, length)| *length > 0).collect();
    let filling = if kind == *b"mime" { b' ' } else { 0 };
    if let [(at, length)] = pieces.as_mut_slice() {
        let bytes = walk.window.part(*at, *length, EXIF_BYTES)?;
        let said = match &kind {
            b"Exif" => small_exif(&bytes),
            b"mime" if is_xmp(&bytes) => NO_XMP.to_vec(),
            _ => Vec::new(),
        };
        let used = said.len() as u64;
        if used <= *length {
            edits.put(*at, used, said)?;
            (*at, *length) = (*at + used, *length - used);
        }
    }
    pieces.iter().try_for_each(|(at, length)| edits.fill(*at, *length, filling))
}

/// An item of EXIF with the few values that stay, or none.
fn small_exif(item: &[u8]) -> Vec<u8> {
    // Four bytes say how many more come before the TIFF header.
    let skip = be32(item, 0).and_then(|skip| usize::try_from(skip).ok()?.checked_add(4));
    let kept = skip.and_then(|skip| item.get(skip..)).and_then(exif::kept);
    // A block of many values that share their bytes would be smaller than the small one.
    let kept = kept.filter(|kept| kept.len() + 4 <= item.len());
    [&[0; 4], kept.as_deref().unwrap_or(EMPTY)].concat()
}

fn is_xmp(item: &[u8]) -> bool {
    let start = item.get(..item.len().min(64)).unwrap_or_default();
    [&b"xpacket"[..], b"xmpmeta"].iter().any(|word| start.windows(7).any(|seven| seven == *word))
}

/// Properties stay in their order; what a person wrote (`udes`, `altt`) and what nobody knows becomes
/// free space.
fn properties(walk: &mut Walk, of: Placed, edits: &mut Edits) -> Result<(), DecodeError> {
    for part in walk.inside(of, 0)? {
        if part.kind == *b"ipco" {
            let spoken = walk
                .inside(part, 0)?
                .into_iter()
                .filter(|part| matches!(&part.kind, b"udes" | b"altt" | b"uuid"));
            spoken.into_iter().try_for_each(|part| free(part, edits))?;
        }
    }
    Ok(())
}
