//! The samples of a track that goes: zeros take their place.

use super::boxes::{Placed, Walk};
use super::edits::Edits;
use super::film::find;
use super::unsure;
use crate::DecodeError;
use crate::bytes::be32;

/// A table of ten hours of measurements, thirty a second, has 4 MB.
const TABLE_BYTES: usize = 16 << 20;

/// Writes zeros over all samples of the track that has these boxes.
pub(super) fn blank(
    walk: &mut Walk,
    track: &[Placed],
    edits: &mut Edits,
) -> Result<(), DecodeError> {
    edits.check_deadline()?;
    let mut inside = track.to_vec();
    for kind in [b"mdia", b"minf", b"stbl"] {
        // Without them it has no samples here.
        let Some(part) = find(&inside, kind) else { return Ok(()) };
        inside = walk.inside(part, 0)?;
    }
    let table = |kind: &[u8; 4]| match find(&inside, kind) {
        Some(part) if part.length() <= TABLE_BYTES as u64 => {
            walk.window.part(part.body, part.length(), TABLE_BYTES).map(Some)
        }
        Some(_) => Err(unsure("a track of measurements has too many samples")),
        None => Ok(None),
    };
    let chunks = match (table(b"stco")?, table(b"co64")?) {
        (Some(places), _) => numbers(&places, 4),
        (None, Some(places)) => numbers(&places, 8),
        (None, None) => return Ok(()),
    };
    let per_chunk = table(b"stsc")?.unwrap_or_default();
    let Some(sizes) = table(b"stsz")?.as_deref().and_then(Sizes::of) else {
        return match chunks.is_empty() {
            true => Ok(()),
            false => Err(unsure("a track of measurements does not say how long they are")),
        };
    };
    let size = walk.window.size();
    let lengths = lengths(chunks.len(), &per_chunk, sizes);
    for (at, length) in chunks.into_iter().zip(lengths) {
        let length = length.min(size.saturating_sub(at));
        edits.check_needless(at, length)?;
        edits.fill(at, length, 0)?;
    }
    Ok(())
}

/// Numbers of `width` bytes behind a version, flags and their count.
fn numbers(table: &[u8], width: usize) -> Vec<u64> {
    let count = usize::try_from(be32(table, 4).unwrap_or(0)).unwrap_or(0);
    let rows = table.get(8..).unwrap_or_default().chunks_exact(width).take(count);
    rows.map(|row| row.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))).collect()
}

/// How long the samples are.
struct Sizes {
    /// All of them, if they are alike.
    each: Option<u64>,
    list: std::vec::IntoIter<u64>,
    left: u64,
}

impl Sizes {
    fn of(table: &[u8]) -> Option<Self> {
        let (each, count) = (u64::from(be32(table, 4)?), be32(table, 8)?);
        let list = if each == 0 { numbers(table.get(4..)?, 4) } else { Vec::new() };
        let left = if each == 0 { list.len() as u64 } else { u64::from(count) };
        Some(Self { each: (each > 0).then_some(each), list: list.into_iter(), left })
    }

    /// The length of the next `count` samples together.
    fn next(&mut self, count: u64) -> u64 {
        let count = count.min(self.left);
        self.left -= count;
        match self.each {
            Some(each) => each.saturating_mul(count),
            None => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                self.list.by_ref().take(count).fold(0, u64::saturating_add)
            }
        }
    }
}

/// The length of each chunk. The rows of `stsc` say from which chunk on how many samples are in
/// one; without rows each has all that are left.
fn lengths(chunks: usize, per_chunk: &[u8], mut sizes: Sizes) -> Vec<u64> {
    let rows = usize::try_from(be32(per_chunk, 4).unwrap_or(0)).unwrap_or(0);
    let row = |index: usize| {
        let at = index.checked_mul(12)?.checked_add(8)?;
        be32(per_chunk, at).zip(be32(per_chunk, at + 4)).filter(|_| index < rows)
    };
    let (mut next, mut count) = (0, u32::MAX);
    let chunks = 1..=chunks;
    let length = |chunk: usize| {
        while let Some((_, many)) = row(next).filter(|(from, _)| *from as usize <= chunk) {
            (next, count) = (next + 1, many);
        }
        sizes.next(u64::from(count))
    };
    chunks.map(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    #[test]
    fn the_length_of_a_chunk_is_that_of_its_samples() {
        let sizes = || Sizes::of(&table(&[0, 0, 5, 1, 10, 100, 1000, 10_000])).unwrap();
        // Two samples in the first two chunks, one in each that follows.
        let per_chunk = table(&[0, 2, 1, 2, 1, 3, 1, 1]);

        assert_eq!(lengths(3, &per_chunk, sizes()), [11, 1100, 10_000]);
        assert_eq!(lengths(5, &per_chunk, sizes()), [11, 1100, 10_000, 0, 0]);
        assert_eq!(lengths(1, &[], sizes()), [11_111]);
        let alike = Sizes::of(&table(&[0, 7, 3])).unwrap();
        assert_eq!(lengths(2, &per_chunk, alike), [14, 7]);
    }
}
