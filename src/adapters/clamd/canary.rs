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
const STEPS: [u64; 2] = [SMALL, 512 << 20];
/// The bare test file.
const TEXT_BYTES: u64 = 68;
/// Up to here a canary is a matter of a blink.
pub(super) const SMALL: u64 = 64 << 20;

/// Up to which size clamd was seen to find the test file.
#[derive(Debug)]
pub(super) enum Fitness {
    /// Nothing is known.
    Unknown,
    /// Files of at most `bytes` are looked at by this process.
    Proven { bytes: u64, process: Option<i32>, since: Instant },
    /// It missed the test file of `bytes`.
    Unfit { bytes: u64, sentence: String, since: Instant },
}

impl Fitness {
    /// Whether files of `bytes` are looked at by `process`, as far as is known; or why it is unfit.
    pub(super) fn covers(&self, bytes: u64, process: Option<i32>) -> Result<bool, String> {
        match self {
            Self::Unfit { sentence, since, .. } if since.elapsed() < PAUSE => Err(sentence.clone()),
            _ => Ok(self.proven(process).is_some_and(|(proven, _)| proven >= bytes)),
        }
    }

    /// The size that was missed: whoever missed one has to find that one first.
    pub(super) fn missed(&self) -> u64 {
        if let Self::Unfit { bytes, .. } = self { *bytes } else { 0 }
    }

    /// Notes that a canary of `bytes` was found. The hour runs from the first one.
    pub(super) fn grow(&mut self, bytes: u64, process: Option<i32>) {
        if bytes < self.missed() {
            return;
        }
        let (proven, since) = self.proven(process).unwrap_or((0, Instant::now()));
        *self = Self::Proven { bytes: bytes.max(proven), process, since };
    }

    /// Notes that a canary of `bytes` was missed.
    pub(super) fn fail(&mut self, bytes: u64, sentence: &str) {
        *self = Self::Unfit { bytes, sentence: sentence.into(), since: Instant::now() };
    }

    fn proven(&self, process: Option<i32>) -> Option<(u64, Instant)> {
        match self {
            Self::Proven { bytes, process: proven, since }
                if *proven == process && since.elapsed() < AGAIN =>
            {
                Some((*bytes, *since))
            }
            _ => None,
        }
    }
}

/// The sizes to try, in order, before a file of `bytes` may be called clean.
pub(super) fn steps(bytes: u64, largest: u64) -> [u64; 2] {
    let enough = STEPS.into_iter().find(|step| *step >= bytes && *step < largest);
    [TEXT_BYTES, enough.unwrap_or(largest)]
}

/// The EICAR test file, padded with zeros to `bytes`.
///
/// The text is at the start: official signatures look for it only there, and clamd leaves a file
/// above its limits unread altogether, so its start is found only if the size is allowed.
pub(super) fn canary(bytes: u64) -> io::Result<File> {
    let file = File::from(rustix::fs::memfd_create("canary", MemfdFlags::CLOEXEC)?);
    file.write_all_at(test_text().as_bytes(), 0)?;
    // A hole takes no memory, and clamd reads it as zeros.
    file.set_len(bytes.max(TEXT_BYTES))?;
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
        assert_eq!(steps(5 * MB, 2000 * MB), [68, 64 * MB]);
        assert_eq!(steps(65 * MB, 2000 * MB), [68, 512 * MB]);
        assert_eq!(steps(600 * MB, 2000 * MB), [68, 2000 * MB]);
        assert_eq!(steps(5 * MB, 50 * MB), [68, 50 * MB]);
    }

    #[test]
    fn another_process_has_to_prove_itself() {
        let mut fitness = Fitness::Unknown;
        fitness.grow(64 * MB, Some(7));
        fitness.grow(68, Some(7));

        assert_eq!(fitness.covers(64 * MB, Some(7)), Ok(true));
        assert_eq!(fitness.covers(65 * MB, Some(7)), Ok(false));
        assert_eq!(fitness.covers(68, Some(8)), Ok(false));
    }

    #[test]
    fn who_missed_a_size_has_to_find_that_one_first() {
        let mut fitness = Fitness::Unknown;
        fitness.fail(512 * MB, "missed");

        fitness.grow(64 * MB, Some(7));
        assert_eq!(fitness.covers(68, Some(7)), Err("missed".into()));
        assert_eq!(fitness.missed(), 512 * MB);

        fitness.grow(512 * MB, Some(7));
        assert_eq!(fitness.covers(68, Some(7)), Ok(true));
        assert_eq!(fitness.missed(), 0);
    }
}
