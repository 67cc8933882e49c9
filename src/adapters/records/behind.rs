//! `jobs` over the document port: what waits behind jobs whose keys are full.
//!
//! Walking past many of those takes time, so a long walk is remembered for a while: until then the
//! next ones begin where it came out, and at the jobs of keys that have a place again.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bson::{DateTime, Document};
use jobs::{job::Queue, ports::PortError};

use super::{Records, collections::JOBS, limits::others};
use crate::adapters::documents::{Edge, Query};

/// A walk that takes less is simply done again.
const SHORT: Duration = Duration::from_millis(5);
/// A long walk is done again after so many times as long: it takes a tenth of the time at most.
const REST: u32 = 10;
/// Where beginning further on takes longer than the long walk (a server that sorts what it could
/// read in order), it is not tried again for so long.
const USELESS: Duration = Duration::from_secs(60);
/// The most that the clock of another process is behind, and its write under way. What becomes
/// ready with an older `runAt` (given back, say) is found by the next long walk.
const SLACK: i64 = 5_000;
/// Priorities are 0 to 9.
const LAST_PRIORITY: i64 = 9;

/// The long walks that are remembered, one a lane.
#[derive(Debug, Default)]
pub(super) struct Passed(Mutex<HashMap<Queue, Walk>>);

#[derive(Debug, Clone)]
struct Walk {
    until: Instant,
    took: Duration,
    /// Whether it is quicker to begin where it came out.
    pays: bool,
    /// The keys that were full: their jobs were left behind.
    keys: HashSet<String>,
    /// When it began.
    since: DateTime,
    /// Priority and `runAt` of the first job that it came to, if there was one.
    first: Option<(i64, DateTime)>,
}

impl Passed {
    fn walks(&self) -> MutexGuard<'_, HashMap<Queue, Walk>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, queue: Queue) -> Option<Walk> {
        self.walks().get(&queue).filter(|walk| Instant::now() < walk.until).cloned()
    }
}

impl Records {
    /// Up to `slots` jobs of the lane, without those of the `full` keys.
    pub(super) async fn behind(
        &self,
        queue: Queue,
        slots: u32,
        full: &HashSet<String>,
    ) -> Result<Vec<Document>, PortError> {
        let known = self.passed.of(queue);
        let (began, since) = (Instant::now(), self.clock.now());
        if let Some(walk) = known.as_ref().filter(|walk| walk.pays) {
            let found = self.resume(queue, slots, full, walk).await?;
            if began.elapsed() > walk.took {
                let until = Instant::now() + USELESS;
                self.passed.walks().insert(queue, Walk { until, pays: false, ..walk.clone() });
            }
            return Ok(found);
        }
        let query = Query::over("claim", slots).at(queue.as_str()).such_that(others(full));
        let found = self.store.find(&JOBS, query).await?;
        let took = began.elapsed();
        if took > SHORT && known.is_none() {
            let (until, keys) = (Instant::now() + took * REST, full.clone());
            let first = found.first().and_then(place);
            let walk = Walk { until, took, pays: true, keys, since, first };
            self.passed.walks().insert(queue, walk);
        }
        Ok(found)
    }

    /// The same from where a walk came out: first those that it left behind and that now may run.
    async fn resume(
        &self,
        queue: Queue,
        slots: u32,
        full: &HashSet<String>,
        walk: &Walk,
    ) -> Result<Vec<Document>, PortError> {
        let wanted = usize::try_from(slots).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        for key in walk.keys.difference(full) {
            let query = Query::over("limitKey", slots).at(key.as_str()).at(queue.as_str());
            found.extend(self.store.find(&JOBS, query).await?);
            if found.len() >= wanted {
                return Ok(found);
            }
        }
        for priority in 0..=LAST_PRIORITY {
            let base = Query::over("claim", slots).at(queue.as_str()).at(priority);
            let query = Query { from: walk.begin(priority), ..base.such_that(others(full)) };
            found.extend(self.store.find(&JOBS, query).await?);
            if found.len() >= wanted {
                break;
            }
        }
        Ok(found)
    }
}

impl Walk {
    /// Where the jobs of this priority begin that it did not see.
    fn begin(&self, priority: i64) -> Edge {
        match self.first {
            Some((of, _)) if priority > of => Edge::Open,
            Some((of, run_at)) if priority == of => Edge::Including(run_at.into()),
            _ => {
                let millis = self.since.timestamp_millis().saturating_sub(SLACK);
                Edge::Including(DateTime::from_millis(millis).into())
            }
        }
    }
}

/// Where a job stands in its lane.
fn place(job: &Document) -> Option<(i64, DateTime)> {
    let priority = bson::deserialize_from_bson(job.get("priority")?.clone()).ok()?;
    Some((priority, *job.get_datetime("runAt").ok()?))
}
