//! What attempts are counted by: looked up once a kind, because labels cost more than counting.

use std::{collections::HashMap, time::Duration};

use jobs::{
    job::{Job, Queue},
    ports::Leased,
};
use metrics::{Counter, Histogram, counter, histogram};

use super::handle::Ended;

/// The counters of one process.
pub struct Meters {
    kinds: HashMap<&'static str, OfKind>,
    /// What a stranger writes into a ticket is no label.
    unknown: OfKind,
    waits: [Histogram; Queue::ALL.len()],
    fenced: Counter,
}

struct OfKind {
    duration: Histogram,
    finished: [Counter; Ended::NAMES.len()],
    retried: Counter,
}

impl OfKind {
    fn new(kind: &'static str) -> Self {
        let finished =
            |outcome| counter!("jobs_finished_total", "kind" => kind, "outcome" => outcome);
        Self {
            duration: histogram!("job_duration_seconds", "kind" => kind),
            finished: Ended::NAMES.map(finished),
            retried: counter!("jobs_retried_total", "kind" => kind),
        }
    }
}

impl Meters {
    /// Counters of every kind there is; they count nothing where nobody listens yet.
    pub fn new() -> Self {
        macro_rules! kinds {
            ($($job:ty),+ $(,)?) => { [$(<$job as Job>::KIND),+] };
        }
        let kinds = jobs::every_job!(kinds);
        let wait = |queue: Queue| histogram!("job_wait_seconds", "queue" => queue.as_str());
        Self {
            kinds: kinds.into_iter().map(|kind| (kind, OfKind::new(kind))).collect(),
            unknown: OfKind::new("unknown"),
            waits: Queue::ALL.map(wait),
            fenced: counter!("jobs_fenced_total"),
        }
    }

    /// The job has begun after it could have for so long.
    pub fn began(&self, job: &Leased, waited: Duration) {
        let place = Queue::ALL.iter().position(|queue| *queue == job.queue);
        if let Some(wait) = place.and_then(|place| self.waits.get(place)) {
            wait.record(waited);
        }
    }

    /// An attempt at the job ended so.
    pub fn ended(&self, job: &Leased, ended: &Ended, took: Duration) {
        let of_kind = self.kinds.get(job.kind.as_str()).unwrap_or(&self.unknown);
        of_kind.duration.record(took);
        let place = Ended::NAMES.iter().position(|name| *name == ended.name());
        if let Some(finished) = place.and_then(|place| of_kind.finished.get(place)) {
            finished.increment(1);
        }
        match ended {
            Ended::Again(Some(_)) => of_kind.retried.increment(1),
            Ended::Fenced => self.fenced.increment(1),
            _ => {}
        }
    }

    /// Somebody else had the job before an attempt could begin.
    pub fn lost(&self) {
        self.fenced.increment(1);
    }
}
