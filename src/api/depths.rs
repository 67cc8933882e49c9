//! How deep the queues are, counted when somebody watches.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jobs::ports::{Clock, JobBook};

/// The route is open: however often it is asked, the store counts no more often than this.
const COUNT_EVERY: Duration = Duration::from_secs(5);

/// When the queues were last counted.
#[derive(Debug, Default)]
pub struct Depths(Mutex<Option<Instant>>);

impl Depths {
    /// Brings the gauges up to date. While the store is away they stay as they were.
    pub async fn count(&self, book: &dyn JobBook, clock: &dyn Clock) {
        if !self.is_due() {
            return;
        }
        let queues = match book.queues().await {
            Ok(queues) => queues,
            Err(error) => return tracing::warn!(%error, "the queues could not be counted"),
        };
        for state in queues {
            let queue = state.queue.as_str();
            for (in_state, jobs) in state.depth {
                let labels = [("queue", queue), ("state", in_state.as_str())];
                metrics::gauge!("jobs_queue_depth", &labels).set(number(jobs));
            }
            let now = clock.now().timestamp_millis();
            let age = state.oldest.map_or(0, |since| now.saturating_sub(since.timestamp_millis()));
            let age = number(u64::try_from(age).unwrap_or(0)) / 1000.0;
            metrics::gauge!("jobs_queue_oldest_age_seconds", "queue" => queue).set(age);
        }
    }

    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= COUNT_EVERY);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of jobs and milliseconds are below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}
