//! The items of a HEIF file: which one is EXIF (`iinf`), and where their bytes are (`iloc`).

use crate::DecodeError;
use crate::bytes::{array, be16, be32};
use crate::heif_header::boxes;
use crate::picture_header::EXIF_BYTES;
use crate::window::Window;

/// An item lies in one piece; a few are possible.
const MOST_PIECES: u64 = 16;

/// The bytes of the EXIF item from its TIFF header on; `inside` are the boxes of `meta`.
pub(crate) fn exif(
    window: &Window,
    inside: &[([u8; 4], &[u8])],
) -> Result<Option<Vec<u8>>, DecodeError> {
    let find = |kind: &[u8; 4]| inside.iter().find(|part| part.0 == *kind).map(|part| part.1);
    let id = find(b"iinf").and_then(exif_id);
    let Some(bytes) = id.map(|id| data(window, inside, id, EXIF_BYTES)).transpose()?.flatten()
    else {
        return Ok(None);
    };
    // Four bytes say how many more come before the TIFF header.
    let start = be32(&bytes, 0).and_then(|skip| usize::try_from(skip).ok()?.checked_add(4));
    Ok(start.and_then(|start| bytes.get(start..)).map(<[u8]>::to_vec))
}

/// The bytes of item `id`, at most `most`; `None` where nothing says where they are.
pub(crate) fn data(
    window: &Window,
    inside: &[([u8; 4], &[u8])],
    id: u64,
    most: usize,
) -> Result<Option<Vec<u8>>, DecodeError> {
    let find = |kind: &[u8; 4]| inside.iter().find(|part| part.0 == *kind).map(|part| part.1);
    let Some(item) = find(b"iloc").and_then(|iloc| place(id, iloc)) else { return Ok(None) };
    let mut bytes = Vec::new();
    for (at, length) in item.pieces {
        let left = most.saturating_sub(bytes.len());
        match item.in_idat {
            true => {
                let data = find(b"idat").unwrap_or_default();
                let rest = usize::try_from(at).ok().and_then(|at| data.get(at..));
                let length = usize::try_from(length).unwrap_or(usize::MAX).min(left);
                bytes.extend(rest.unwrap_or_default().iter().take(length));
            }
            false => bytes.extend(window.part(at, length, left)?),
        }
    }
    Ok(Some(bytes))
}

/// The number of the item of type `Exif`.
fn exif_id(iinf: &[u8]) -> Option<u64> {
    kinds(iinf).find_map(|(id, kind)| (kind == *b"Exif").then_some(id))
}

/// The numbers and the kinds of all items.
pub(crate) fn kinds(iinf: &[u8]) -> impl Iterator<Item = (u64, [u8; 4])> {
    let start = iinf.first().map_or(0, |version| if *version == 0 { 6 } else { 8 });
    let entries = boxes(iinf.get(start..).unwrap_or_default());
    entries.filter(|part| part.0 == *b"infe").filter_map(|(_, body)| {
        let (id, kind_at) = match *body.first()? {
            2 => (u64::from(be16(body, 4)?), 8),
            3 => (u64::from(be32(body, 4)?), 10),
            _ => return None,
        };
        Some((id, array(body, kind_at)?))
    })
}

/// Where the bytes of an item are.
pub(crate) struct Place {
    /// In the box `idat`, not in the file.
    pub(crate) in_idat: bool,
    /// Start and length of each piece; without a length (`u64::MAX`) it reaches to the end.
    pub(crate) pieces: Vec<(u64, u64)>,
    /// There are no more pieces than these.
    pub(crate) is_whole: bool,
}

/// Where item `id` is; `None` where nothing says it, or where it is made of other items or in
/// another file.
pub(crate) fn place(id: u64, iloc: &[u8]) -> Option<Place> {
    let version = *iloc.first()?;
    let widths = be16(iloc, 4)?;
    let [index, base, length, offset] = [0, 4, 8, 12].map(|shift| widths >> shift & 15);
    let index = if version == 0 { 0 } else { index };
    let id_width = if version < 2 { 2 } else { 4 };
    let mut numbers = Numbers { data: iloc, at: 6 };
    for _ in 0..numbers.next(id_width)? {
        let item = numbers.next(id_width)?;
        let method = if version == 0 { 0 } else { numbers.next(2)? & 15 };
        let other_file = numbers.next(2)? != 0;
        let base = numbers.next(base)?;
        let count = numbers.next(2)?;
        if item != id {
            let piece = u64::from(index + offset + length);
            numbers.at = numbers.at.checked_add(usize::try_from(count * piece).ok()?)?;
            continue;
        }
        let pieces = (0..count.min(MOST_PIECES)).map(|_| {
            numbers.next(index)?;
            let start = base.checked_add(numbers.next(offset)?)?;
            let length = numbers.next(length)?;
            Some((start, if length == 0 { u64::MAX } else { length }))
        });
        let pieces = pieces.collect::<Option<Vec<_>>>()?;
        let is_whole = count <= MOST_PIECES;
        let place = Place { in_idat: method == 1, pieces, is_whole };
        return (method < 2 && !other_file).then_some(place);
    }
    None
}

/// Numbers that stand one behind the other.
struct Numbers<'a> {
    data: &'a [u8],
    at: usize,
}

impl Numbers<'_> {
    /// The next number of `width` bytes, up to eight; none has no bytes and is 0.
    fn next(&mut self, width: u16) -> Option<u64> {
        let end = self.at.checked_add(usize::from(width))?;
        let bytes = self.data.get(self.at..end).filter(|bytes| bytes.len() <= 8)?;
        self.at = end;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}
