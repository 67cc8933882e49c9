//! How many samples the tables of an MP4 or QuickTime file claim, before FFmpeg believes them.
//!
//! It makes an entry for each sample in advance, and a table may say in 20 bytes that there are
//! a thousand million of one size.

use std::fs::File;

use crate::bytes::be32;
use crate::window::Window;
use crate::{Code, DecodeError, Limits};

/// An entry of FFmpeg's index has 24 bytes, twice while edits are applied, beside its time and
/// its offset. A film of ten hours has some four million samples with its sound.
const SAMPLE_BYTES: u64 = 64;
/// Fragments of the longest films; more are not looked at.
const MOST_BOXES: u32 = 200_000;
/// What is searched of one box: no header is larger, but room that was left free may be.
const SEARCHED_BYTES: u64 = 256 << 20;
/// What is searched at once, and what of it may belong to the box before or after.
const BLOCK_BYTES: usize = 1 << 20;
const MARGIN_BYTES: usize = 32;

/// Refuses a file whose index would be more than the memory limit.
///
/// Tables count wherever they stand: FFmpeg takes them in boxes where none belongs.
pub(crate) fn check(file: &File, limits: &Limits) -> Result<(), DecodeError> {
    let mut window = Window::new(file, limits)?;
    let (mut at, mut samples) = (0u64, 0u64);
    for _ in 0..MOST_BOXES {
        let Some(head) = window.array::<8>(at)? else { break };
        let length = match be32(&head, 0) {
            Some(0) => window.size().saturating_sub(at),
            Some(1) => window.array(at + 8)?.map_or(0, u64::from_be_bytes),
            length => u64::from(length.unwrap_or(0)),
        };
        if length < 8 {
            break;
        }
        let end = at.saturating_add(length).min(window.size());
        if !head.ends_with(b"mdat") {
            let searched = end.min(at.saturating_add(SEARCHED_BYTES));
            samples = samples.saturating_add(in_box(&window, at, searched, limits)?);
            limits.check_memory(samples.saturating_mul(SAMPLE_BYTES))?;
        }
        at = end;
    }
    Ok(())
}

/// The samples that the tables between `at` and `end` claim.
fn in_box(window: &Window, mut at: u64, end: u64, limits: &Limits) -> Result<u64, DecodeError> {
    let mut samples = 0u64;
    while at < end {
        limits.check_deadline()?;
        let block = window.part(at, end - at, BLOCK_BYTES + MARGIN_BYTES)?;
        for (place, word) in block.windows(4).enumerate().skip(4).take(BLOCK_BYTES) {
            let count_at = match word {
                b"stsz" | b"stz2" => place + 12,
                b"trun" => place + 8,
                b"cmov" => {
                    let message = "films with a compressed header are not read";
                    return Err(DecodeError::new(Code::UnsupportedFormat, message));
                }
                _ => continue,
            };
            // A length of 1 means that a long one follows the name.
            let is_long = be32(&block, place - 4) == Some(1);
            let count = be32(&block, count_at + if is_long { 8 } else { 0 });
            samples = samples.saturating_add(count.unwrap_or(0).into());
        }
        at = at.saturating_add(BLOCK_BYTES as u64);
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::fixtures::{fixture, limits, nameless};
    use crate::{Format, facts};

    #[test]
    fn a_table_of_millions_of_samples_is_refused() {
        let mut film = Vec::new();
        fixture("videos/rot90_gps.mp4").0.read_to_end(&mut film).unwrap();
        let table = film.windows(4).position(|word| word == b"stsz").unwrap();
        // 20 million samples of one byte.
        film[table + 8..table + 12].copy_from_slice(&1u32.to_be_bytes());
        film[table + 12..table + 16].copy_from_slice(&20_000_000u32.to_be_bytes());

        let refusal = facts(&nameless(&film), Format::Mp4, &limits()).unwrap_err();

        assert_eq!(refusal.code, Code::MemoryLimit);
    }
}
