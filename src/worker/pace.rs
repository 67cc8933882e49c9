//! How fast this process may begin jobs: what it draws from the lanes' shared buckets.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jobs::{
    job::Queue,
    ports::{Drawn, PortError, Rate, Rates},
};

use super::POLL_FASTEST;

/// The lanes that have a rate; the others cost nothing.
pub struct Pace {
    port: Arc<dyn Rates>,
    rates: HashMap<Queue, Rate>,
    /// Nothing is drawn for these lanes before then.
    rests: Mutex<HashMap<Queue, Instant>>,
}

impl Pace {
    /// Draws through `port` for the lanes of `rates`.
    pub fn new(port: Arc<dyn Rates>, rates: HashMap<Queue, Rate>) -> Self {
        Self { port, rates, rests: Mutex::default() }
    }

    /// Whether the lane may be asked for at all now; asks nobody.
    pub fn is_open(&self, queue: Queue) -> bool {
        self.rates.is_empty() || self.rest_of(queue).is_none()
    }

    /// How many jobs of the lane may begin now, of those that have a place. Those that do not
    /// begin have to be given back.
    pub async fn allowed(&self, queue: Queue, free: u32) -> Result<u32, PortError> {
        let Some(rate) = self.rates.get(&queue) else { return Ok(free) };
        if free == 0 || !self.is_open(queue) {
            return Ok(0);
        }
        match self.port.draw(queue, *rate, free).await {
            Ok(Drawn::Jobs(jobs)) => Ok(jobs),
            Ok(Drawn::NotBefore(after)) => {
                self.rest(queue, after);
                Ok(0)
            }
            // So many others draw at this moment.
            Err(PortError::Conflict(_)) => {
                self.rest(queue, POLL_FASTEST);
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    /// Of the `allowed` jobs only `begun` were there. A lane without jobs is left alone for a
    /// moment: other lanes may be busy, and each of their rounds would draw and give back.
    pub async fn begun(&self, queue: Queue, allowed: u32, begun: usize) {
        let left = allowed.saturating_sub(u32::try_from(begun).unwrap_or(u32::MAX));
        if left == 0 || !self.rates.contains_key(&queue) {
            return;
        }
        if begun == 0 {
            self.rest(queue, POLL_FASTEST);
        }
        if let Err(error) = self.port.put_back(queue, left).await {
            // Time brings them back as well.
            tracing::warn!(%error, queue = queue.as_str(), "a part of the rate was not used");
        }
    }

    /// Until the first of the lanes that rest goes on, if that is before `pause` has passed.
    pub fn at_most(&self, pause: Duration) -> Duration {
        let rests = Queue::ALL.into_iter().filter_map(|queue| self.rest_of(queue));
        rests.fold(pause, Duration::min)
    }

    fn rest_of(&self, queue: Queue) -> Option<Duration> {
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let left = rests.get(&queue)?.saturating_duration_since(Instant::now());
        Some(left).filter(|left| !left.is_zero())
    }

    fn rest(&self, queue: Queue, after: Duration) {
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        rests.insert(queue, Instant::now() + after);
    }
}
