//! Whether clamd finds what it must find, up to the size in question.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

use rustix::fs::MemfdFlags;

/// A clamd that passed is asked again after this time: its settings or signatures may be others.
const AGAIN: Duration = Duration::from_secs(60 * 60);
/// One that failed is not asked again by every job that waits.
const PAUSE: Duration = Duration::from_secs(5);
/// Sizes at which clamd is tried, before the largest allowed one. A canary of 2,000 MB costs clamd
/// 5.5 s, one of 64 MB 0.2 s: photos need not wait for what only a long film needs to know.
const STEPS: [u64; 3] = [68, 64 << 20, 512 << 20];

/// Up to which size clamd was seen to find the test file.
#[derive(Debug)]
pub(super) enum Fitness {
    /// Nothing is known.
    Unknown,
    /// Files of at most `bytes` are looked at by this process.
    Proven { bytes: u64, process: Option<i32>, since: Instant },
    /// It missed the test file.
    Unfit { sentence: String, since: Instant },
}

impl Fitness {
    /// What is known of `process` and still counts: the proven size, or why it is unfit.
    pub(super) fn proven(&self, process: Option<i32>) -> Result<Option<u64>, String> {
        match self {
            Self::Proven { bytes, process: proven, since }
                if *proven == process && since.elapsed() < AGAIN =>
            {
                Ok(Some(*bytes))
            }
            Self::Unfit { sentence, since } if since.elapsed() < PAUSE => Err(sentence.clone()),
            _ => Ok(None),
        }
    }

    /// Notes that a canary of `bytes` was found. The hour runs from the first one.
    pub(super) fn grow(&mut self, bytes: u64, process: Option<i32>) {
        let since = match self {
            Self::Proven { process: proven, since, .. }
                if *proven == process && since.elapsed() < AGAIN =>
            {
                *since
            }
            _ => Instant::now(),
        };
        *self = Self::Proven { bytes, process, since };
    }

    /// Notes that a canary was missed.
    pub(super) fn fail(&mut self, sentence: &str) {
        *self = Self::Unfit { sentence: sentence.into(), since: Instant::now() };
    }
}

/// The sizes to try, in order, before a file of `bytes` may be called clean.
pub(super) fn steps(bytes: u64, proven: Option<u64>, largest: u64) -> Vec<u64> {
    let enough = STEPS.into_iter().find(|step| *step >= bytes && *step < largest);
    let wanted = enough.unwrap_or(largest);
    let first = STEPS.into_iter().take(1).filter(|_| proven.is_none());
    first.chain([wanted]).filter(|step| proven.is_none_or(|proven| *step > proven)).collect()
}

/// The EICAR test file, padded with zeros to `bytes`.
///
/// The text is at the start: official signatures look for it only there, and clamd leaves a file
/// above its limits unread altogether, so its start is found only if the size is allowed.
pub(super) fn canary(bytes: u64) -> io::Result<File> {
    let file = File::from(rustix::fs::memfd_create("canary", MemfdFlags::CLOEXEC)?);
    file.write_all_at(test_text().as_bytes(), 0)?;
    // A hole takes no memory, and clamd reads it as zeros.
    file.set_len(bytes.max(test_text().len() as u64))?;
    Ok(file)
}

/// Put together here, so that neither the source nor the program is itself a finding.
fn test_text() -> String {
    let turned = "*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X";
    turned.chars().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::{Fitness, steps};

    const MB: u64 = 1 << 20;

    #[test]
    fn a_photo_needs_a_small_canary_and_a_film_the_largest() {
        assert_eq!(steps(5 * MB, None, 2000 * MB), [68, 64 * MB]);
        assert_eq!(steps(600 * MB, None, 2000 * MB), [68, 2000 * MB]);
        assert_eq!(steps(5 * MB, None, 50 * MB), [68, 50 * MB]);
    }

    #[test]
    fn what_is_proven_is_not_tried_again() {
        assert_eq!(steps(5 * MB, Some(64 * MB), 2000 * MB), [0; 0]);
        assert_eq!(steps(65 * MB, Some(64 * MB), 2000 * MB), [512 * MB]);
        assert_eq!(steps(2000 * MB, Some(2000 * MB), 2000 * MB), [0; 0]);
    }

    #[test]
    fn another_process_has_to_prove_itself() {
        let mut fitness = Fitness::Unknown;
        fitness.grow(64 * MB, Some(7));

        assert_eq!(fitness.proven(Some(7)), Ok(Some(64 * MB)));
        assert_eq!(fitness.proven(Some(8)), Ok(None));

        fitness.fail("missed");
        assert_eq!(fitness.proven(Some(7)), Err("missed".into()));
    }
}
