//! How many jobs came in, by kind: looked up once a kind.

use std::{collections::HashMap, sync::Arc};

use jobs::job::Job;
use metrics::{Counter, counter};

/// Counters of jobs that were put or taken in.
#[derive(Clone)]
pub(super) struct Enqueued {
    kinds: Arc<HashMap<&'static str, Counter>>,
    unknown: Counter,
}

impl Enqueued {
    /// Counters of every kind there is; they count nothing where nobody listens yet.
    pub(super) fn new() -> Self {
        macro_rules! kinds {
            ($($job:ty),+ $(,)?) => { [$(<$job as Job>::KIND),+] };
        }
        let of = |kind| counter!("jobs_enqueued_total", "kind" => kind);
        let kinds = jobs::every_job!(kinds).into_iter().map(|kind| (kind, of(kind)));
        Self { kinds: Arc::new(kinds.collect()), unknown: of("unknown") }
    }

    /// One more of this kind.
    pub(super) fn count(&self, kind: &str) {
        self.kinds.get(kind).unwrap_or(&self.unknown).increment(1);
    }
}
