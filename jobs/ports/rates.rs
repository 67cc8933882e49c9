//! How fast the lanes may begin jobs, over all workers.

use async_trait::async_trait;
use bson::DateTime;
use std::time::Duration;

use super::{PortError, until};
use crate::job::Queue;

/// One job in the bucket's units: a millisecond brings as many of them as jobs a minute are
/// allowed, so that nothing is ever rounded.
const JOB: i64 = 60_000;

/// How fast a lane may begin jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub per_minute: u32,
    /// After a quiet time, what so much time brings may begin at once; at least one job.
    pub burst: Duration,
}

impl Rate {
    fn brings(self, time: Duration) -> i64 {
        let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        millis.saturating_mul(i64::from(self.per_minute))
    }

    fn most(self) -> i64 {
        self.brings(self.burst).max(JOB)
    }
}

/// What a lane may begin, at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// What is in it.
    pub units: i64,
    /// When.
    pub at: DateTime,
}

/// What was drawn from a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// So many jobs, at least one.
    Jobs(u32),
    /// Nothing; the next job comes in after so long.
    NotBefore(Duration),
}

impl Bucket {
    /// As full as it gets.
    pub fn full(rate: Rate, at: DateTime) -> Self {
        Self { units: rate.most(), at }
    }

    /// With nothing in it.
    pub fn empty(at: DateTime) -> Self {
        Self { units: 0, at }
    }

    /// Draws up to `wanted` jobs at `now`, also where the last one's clock was ahead of it.
    pub fn draw(self, rate: Rate, wanted: u32, now: DateTime) -> (Self, Drawn) {
        let units = self.units.saturating_add(rate.brings(until(self.at, now))).min(rate.most());
        let jobs = (units / JOB).clamp(0, i64::from(wanted));
        let after = Self { units: units - jobs * JOB, at: self.at.max(now) };
        match u32::try_from(jobs) {
            Ok(jobs) if jobs > 0 => (after, Drawn::Jobs(jobs)),
            _ => (after, Drawn::NotBefore(after.wait(rate))),
        }
    }

    /// Until it holds a whole job.
    fn wait(self, rate: Rate) -> Duration {
        let (missing, speed) = (JOB.saturating_sub(self.units), i64::from(rate.per_minute.max(1)));
        let millis = missing.saturating_add(speed - 1) / speed;
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// What so many jobs are in its units.
    pub fn units_of(jobs: u32) -> i64 {
        i64::from(jobs) * JOB
    }
}

/// The buckets of the lanes, one each for all workers.
#[async_trait]
pub trait Rates: Send + Sync {
    /// Draws up to `wanted` jobs out of the lane's bucket.
    async fn draw(&self, queue: Queue, rate: Rate, wanted: u32) -> Result<Drawn, PortError>;

    /// Puts back what was drawn and not used.
    async fn put_back(&self, queue: Queue, jobs: u32) -> Result<(), PortError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_minute: 120, burst: Duration::from_secs(2) };

    fn at(millis: i64) -> DateTime {
        DateTime::from_millis(millis)
    }

    #[test]
    fn a_bucket_holds_its_burst_and_fills_with_time() {
        let (bucket, first) = Bucket::full(RATE, at(0)).draw(RATE, 9, at(3_600_000));
        let (bucket, early) = bucket.draw(RATE, 9, at(3_600_499));
        let (bucket, due) = bucket.draw(RATE, 9, at(3_600_500));
        let (_, none) = bucket.draw(RATE, 9, at(3_600_500));

        assert_eq!((first, early), (Drawn::Jobs(4), Drawn::NotBefore(Duration::from_millis(1))));
        assert_eq!(due, Drawn::Jobs(1));
        assert_eq!(none, Drawn::NotBefore(Duration::from_millis(500)));
    }

    #[test]
    fn a_clock_that_is_behind_brings_nothing() {
        let (bucket, _) = Bucket::full(RATE, at(1_000)).draw(RATE, 4, at(1_000));

        let (bucket, behind) = bucket.draw(RATE, 1, at(0));
        let (_, ahead) = bucket.draw(RATE, 9, at(1_500));

        assert_eq!(behind, Drawn::NotBefore(Duration::from_millis(500)));
        assert_eq!(ahead, Drawn::Jobs(1));
    }

    #[test]
    fn the_slowest_lane_begins_one_job_and_then_waits_a_minute() {
        let slow = Rate { per_minute: 1, burst: Duration::from_secs(1) };

        let (bucket, first) = Bucket::full(slow, at(0)).draw(slow, 5, at(0));
        let (_, next) = bucket.draw(slow, 5, at(1));

        assert_eq!(
            (first, next),
            (Drawn::Jobs(1), Drawn::NotBefore(Duration::from_millis(59_999)))
        );
    }

    #[test]
    fn what_no_bucket_holds_is_no_way_to_draw_more() {
        for units in [i64::MIN, i64::MAX] {
            let odd = Bucket { units, at: at(i64::MIN) };
            let (_, drawn) = odd.draw(RATE, u32::MAX, at(i64::MAX));
            assert!(matches!(drawn, Drawn::Jobs(0..=4) | Drawn::NotBefore(_)), "{drawn:?}");
        }
    }
}
