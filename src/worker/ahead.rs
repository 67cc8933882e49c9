//! When a claimer looks at future jobs: as the first of them is due, not at each of its rounds.

use std::time::{Duration, Instant};

use super::POLL_FASTEST;

/// Other processes put future jobs too, and nobody tells: the longest time between two looks.
const LOOK_AHEAD: Duration = Duration::from_secs(2);
/// The same where there are no other processes.
const LOOK_AHEAD_ALONE: Duration = Duration::from_secs(6);

/// The next look.
#[derive(Debug)]
pub struct Ahead {
    looked: Option<Instant>,
    longest: Duration,
    next: Instant,
    /// The next look has a reason, so the claimer must not sleep through it.
    is_firm: bool,
}

impl Ahead {
    /// The first look is now; `is_shared` if other processes put jobs.
    pub fn new(is_shared: bool) -> Self {
        let longest = if is_shared { LOOK_AHEAD } else { LOOK_AHEAD_ALONE };
        Self { looked: None, longest, next: Instant::now(), is_firm: true }
    }

    /// Whether it is time to look.
    pub fn is_time(&self) -> bool {
        Instant::now() >= self.next
    }

    /// There was a look: the first future job, if there is one, is due after so long.
    pub fn looked(&mut self, due: Option<Duration>) {
        let now = Instant::now();
        self.looked = Some(now);
        self.is_firm = due.is_some_and(|due| due < self.longest);
        self.next = now + due.unwrap_or(self.longest).min(self.longest);
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
        let mut ahead = Ahead::new(true);
        assert!(ahead.is_time());

        ahead.looked(Some(Duration::from_millis(300)));

        assert!(!ahead.is_time() && ahead.at_most(LONG) <= Duration::from_millis(300));
        ahead.looked(Some(Duration::ZERO));
        assert!(ahead.is_time());
    }

    #[test]
    fn without_one_the_look_waits_for_a_round_until_something_comes_in() {
        let mut ahead = Ahead::new(true);

        ahead.looked(Some(LONG));
        let quiet = ahead.at_most(LONG);
        ahead.woken();

        assert_eq!(quiet, LONG);
        assert!(ahead.at_most(LONG) < LOOK_AHEAD);
    }
}
