//! TIFF and BigTIFF: entries that do not say how to show a page leave their directory, and zeros
//! take the place of their values; nothing moves.

use std::collections::BTreeMap;
use std::ops::Range;

use super::edits::Edits;
use super::exif::EXIF_TAGS;
use super::tiff_directory::{Entry, Tiff};
use super::unsure;
use crate::DecodeError;
use crate::bytes::has;
use crate::exif_block::EXIF_POINTER;

/// Directories of one file; documents have some hundred pages.
const MOST_DIRECTORIES: usize = 4096;
/// Strips and tiles of all pages; of a page of a gigapixel in tiles of 64 pixels there are 260,000.
const MOST_RANGES: usize = 1 << 20;
const GPS_POINTER: u16 = 0x8825;
const SUB_DIRECTORIES: u16 = 330;
/// The kind of a value that leads to a directory.
const DIRECTORY: u16 = 13;
const PHOTOMETRIC: u16 = 262;
/// The pictures of a sensor: a filter's colours, or one value for all.
const RAW: [u64; 2] = [32_803, 34_892];
const DNG_VERSION: u16 = 50_706;
/// What stands behind the header of Canon's (CR2).
const CANON_RAW: &[u8] = b"CR\x02";
const RAW_PICTURE: &str = "the TIFF is the raw picture of a camera";
/// Where compressed bytes are, and how many: strips, tiles, JPEG.
const BYTES: [(u16, u16); 3] = [(273, 279), (324, 325), (513, 514)];
/// Make and model, and what says how to show a page (TIFF 6.0 and its supplements); the profile of
/// colours.
const PAGE_TAGS: [Range<u16>; 18] = [
    254..269,
    271..275,
    277..285,
    286..288,
    290..294,
    296..302,
    317..330,
    332..333,
    334..337,
    338..348,
    351..352,
    512..516,
    517..522,
    529..533,
    32_995..32_999,
    34_675..34_676,
    32_934..32_935,
    37_439..37_440,
];

/// What may stay in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Page,
    Exif,
    Nothing,
}

impl Role {
    fn keeps(self, tag: u16) -> bool {
        match self {
            Self::Page => {
                matches!(tag, EXIF_POINTER | SUB_DIRECTORIES)
                    || PAGE_TAGS.iter().any(|tags| tags.contains(&tag))
            }
            Self::Exif => EXIF_TAGS.contains(&tag),
            Self::Nothing => false,
        }
    }
}

/// What is found on the way.
#[derive(Default)]
struct Found {
    waiting: Vec<(u64, Role)>,
    seen: BTreeMap<u64, Role>,
    /// Bytes that are needed.
    kept: Vec<Range<u64>>,
    /// Values of entries that go.
    dropped: Vec<Range<u64>>,
}

/// See [`super::strip`].
pub(super) fn strip(data: &[u8], edits: &mut Edits) -> Result<(), DecodeError> {
    let broken = || unsure("the directories of the TIFF are damaged");
    let (tiff, first) = Tiff::open(data).ok_or_else(broken)?;
    if has(data, 8, CANON_RAW) {
        return Err(unsure(RAW_PICTURE));
    }
    let mut found = Found { waiting: vec![(first, Role::Page)], ..Found::default() };
    while let Some((at, role)) = found.waiting.pop() {
        edits.check_deadline()?;
        match found.seen.insert(at, role) {
            // Pages may share their EXIF.
            Some(before) if before == role => continue,
            Some(_) => return Err(broken()),
            None if found.seen.len() > MOST_DIRECTORIES => return Err(broken()),
            None => {}
        }
        directory(&tiff, at, role, &mut found, edits)?.ok_or_else(broken)?;
    }
    for gone in without(found.dropped, found.kept) {
        edits.fill(gone.start, gone.end - gone.start, 0)?;
    }
    Ok(())
}

/// Strips one directory; `None` where it does not fit into the file.
fn directory(
    tiff: &Tiff,
    at: u64,
    role: Role,
    found: &mut Found,
    edits: &mut Edits,
) -> Result<Option<()>, DecodeError> {
    let Some((entries, next)) = tiff.directory(at) else { return Ok(None) };
    let size = tiff.directory_bytes(entries.len());
    found.kept.push(at..at + size);
    if role == Role::Page && is_raw(tiff, &entries) {
        return Err(unsure(RAW_PICTURE));
    }
    let (kept, dropped): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| role.keeps(entry.tag));
    for entry in &kept {
        found.kept.push(entry.value.clone());
        match (entry.tag, role) {
            (EXIF_POINTER, _) => found.wait(tiff, entry, Role::Exif),
            (SUB_DIRECTORIES, Role::Page) => found.wait(tiff, entry, Role::Page),
            _ => {}
        }
    }
    for (places, lengths) in BYTES {
        let find = |tag| kept.iter().find(|entry| entry.tag == tag);
        let Some((places, lengths)) = find(places).zip(find(lengths)) else { continue };
        let rows = tiff.numbers(places).zip(tiff.numbers(lengths)).take(MOST_RANGES);
        found.kept.extend(rows.map(|(at, length)| at..at.saturating_add(length)));
        if found.kept.len() > MOST_RANGES {
            return Ok(None);
        }
    }
    for entry in &dropped {
        if entry.tag == GPS_POINTER || entry.kind == DIRECTORY {
            found.wait(tiff, entry, Role::Nothing);
        }
        if !entry.is_inside {
            found.dropped.push(entry.value.clone());
        }
    }
    if next != 0 && role == Role::Page {
        found.waiting.push((next, role));
    }
    if !dropped.is_empty() {
        let next = if role == Role::Page { next } else { 0 };
        let bytes = tiff.written(&kept, next);
        let used = bytes.len() as u64;
        edits.put(at, used, bytes)?;
        edits.fill(at + used, size - used, 0)?;
    }
    Ok(Some(()))
}

impl Found {
    fn wait(&mut self, tiff: &Tiff, entry: &Entry, role: Role) {
        let room = MOST_DIRECTORIES + 1 - self.waiting.len().min(MOST_DIRECTORIES);
        self.waiting.extend(tiff.numbers(entry).take(room).map(|at| (at, role)));
    }
}

/// Raw pictures need what their makers wrote beside them.
fn is_raw(tiff: &Tiff, entries: &[Entry]) -> bool {
    entries.iter().any(|entry| match entry.tag {
        DNG_VERSION => true,
        PHOTOMETRIC => tiff.numbers(entry).any(|kind| RAW.contains(&kind)),
        _ => false,
    })
}

/// The parts of `ranges` that are not in `kept`: what two entries share stays.
fn without(mut ranges: Vec<Range<u64>>, mut kept: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    kept.sort_by_key(|range| range.start);
    let (mut left, mut kept) = (Vec::new(), kept.into_iter().peekable());
    // Everything before this is either kept or in `left` already.
    let mut at = 0;
    for range in ranges {
        at = at.max(range.start);
        while at < range.end {
            match kept.peek() {
                Some(next) if next.end <= at => drop(kept.next()),
                Some(next) if next.start <= at => at = next.end,
                next => {
                    let end = next.map_or(range.end, |next| next.start.min(range.end));
                    left.push(at..end);
                    at = end;
                }
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_stays_though_it_lies_within_what_goes() {
        let dropped = vec![10..30, 20..40, 50..60, 90..95];
        let kept = vec![0..12, 15..16, 15..17, 35..55, 58..58, 80..99];

        assert_eq!(without(dropped, kept), [12..15, 17..30, 30..35, 55..58, 58..60]);
    }
}
