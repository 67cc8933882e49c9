//! How far a running job is, for whoever watches.

use std::sync::{Mutex, PoisonError};

/// Longer notes are cut: a note is a line, not a log.
const NOTE_CHARS: usize = 200;

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// From 0 to 100.
    pub pct: u8,
    /// One line.
    pub note: String,
}

/// Where a job says how far it is: `progress: Progress` in its `needs!`. Saying it costs nothing
/// and never fails; the worker writes down the last word about once a second while the job runs.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Option<Report>>);

impl Progress {
    /// So many of a hundred parts are done; above that it is a hundred.
    pub fn report(&self, pct: u8, note: &str) {
        let note = note.chars().take(NOTE_CHARS).collect();
        *self.latest() = Some(Report { pct: pct.min(100), note });
    }

    /// So much of the whole is done.
    pub fn report_of(&self, done: u64, whole: u64, note: &str) {
        let pct = u128::from(done) * 100 / u128::from(whole.max(1));
        self.report(u8::try_from(pct).unwrap_or(100), note);
    }

    /// What was said since somebody last asked.
    pub fn news(&self) -> Option<Report> {
        self.latest().take()
    }

    /// A poisoned lock only means that a thread died between two plain assignments.
    fn latest(&self) -> std::sync::MutexGuard<'_, Option<Report>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_and_is_heard_once() {
        let progress = Progress::default();

        progress.report(10, "begun");
        progress.report_of(3, 4, "three of four");

        let last = Report { pct: 75, note: "three of four".to_owned() };
        assert_eq!((progress.news(), progress.news()), (Some(last), None));
    }

    #[test]
    fn no_number_is_too_large() {
        let progress = Progress::default();
        let said = |done, whole| {
            progress.report_of(done, whole, &"x".repeat(1000));
            let news = progress.news().unwrap();
            (news.pct, news.note.len())
        };

        assert_eq!(
            [said(9, 0), said(u64::MAX, u64::MAX), said(0, 9)],
            [(100, 200), (100, 200), (0, 200)]
        );
    }
}
