//! When a claimer looks at future jobs: as the first of them is due, not at each of its rounds.

use std::time::{Duration, Instant};

use super::POLL_FASTEST;

/// Where nobody tells of future jobs that other processes put: the longest time between two looks.
const LOOK_AHEAD: Duration = Duration::from_secs(2);
/// The same where somebody tells.
const LOOK_AHEAD_TOLD: Duration = Duration::from_secs(6);

/// The next look.
#[derive(Debug)]
pub struct Ahead {
    looked: Option<Instant>,
    next: Instant,
    /// The next look has a reason, so the claimer must not sleep through it.
    is_firm: bool,
}

impl Ahead {
    /// The first look is now.
    pub fn new() -> Self {
        Self { looked: None, next: Instant::now(), is_firm: true }
    }

    /// Whether it is time to look.
    pub fn is_time(&self) -> bool {
        Instant::now() >= self.next
    }

    /// There was a look: the first future job, if there is one, is due after so long. `is_told` if
    /// somebody tells of those that come in.
    pub fn looked(&mut self, due: Option<Duration>, is_told: bool) {
        let longest = if is_told { LOOK_AHEAD_TOLD } else { LOOK_AHEAD };
        let now = Instant::now();
        self.looked = Some(now);
        self.is_firm = due.is_some_and(|due| due < longest);
        self.next = now + due.unwrap_or(longest).min(longest);
    }

    /// Something came in, perhaps for the near future.
    pub fn woken(&mut self) {
        let soon = self.looked.map_or_else(Instant::now, |looked| looked + POLL_FASTEST);
        if soon < self.next {
            (self.next, self.is_firm) = (soon, true);
        }
    }

    /// How long the claimer may sleep: as long as it likes, or until the next look.
    pub fn at_most(&self, pause: Duration) -> Duration {
        if self.is_firm {
            pause.min(self.next.saturating_duration_since(Instant::now()))
        } else {
            pause
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ahead, LOOK_AHEAD};

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_job_that_is_due_soon_is_not_slept_through() {
        let mut ahead = Ahead::new();
        assert!(ahead.is_time());

        ahead.looked(Some(Duration::from_millis(300)), false);

        assert!(!ahead.is_time() && ahead.at_most(LONG) <= Duration::from_millis(300));
        ahead.looked(Some(Duration::ZERO), false);
        assert!(ahead.is_time());
    }

    #[test]
    fn without_one_the_look_waits_for_a_round_until_something_comes_in() {
        let mut ahead = Ahead::new();

        ahead.looked(Some(LONG), false);
        let quiet = ahead.at_most(LONG);
        ahead.woken();

        assert_eq!(quiet, LONG);
        assert!(ahead.at_most(LONG) < LOOK_AHEAD);
    }
}
