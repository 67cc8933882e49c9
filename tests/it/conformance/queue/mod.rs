//! The queue on both engines: who gets a job, who may end it, when it comes back.

mod arrivals;
mod book;
mod claims;
mod leases;
mod limits;
mod news;
mod rates;
mod schedules;
mod workers;

use std::{sync::Arc, time::Duration};

use bson::{Bson, DateTime, Document, doc};
use iven_worker::adapters::{
    documents::Documents,
    embedded,
    mongo::{self, Mongo},
    records::{
        Records,
        collections::{self, JOBS},
    },
};
use jobs::{
    job::Queue,
    model::{ErrorClass, StepError},
    ports::{About, Clock, Ending, JobQueue, Leased, Leases, Ticket, later},
};

use crate::{
    house::{HandClock, jobs_in},
    servers::mongodb_url,
};

/// How long the leases of these cases last.
const LEASE: Duration = Duration::from_secs(15);

/// An empty queue and the hand on its clock.
#[derive(Clone)]
struct Bench {
    records: Records,
    store: Arc<dyn Documents>,
    clock: Arc<HandClock>,
}

/// Runs each case on each engine.
macro_rules! on_every_engine {
    ($($case:ident),* $(,)?) => {
        mod on_embedded {
            $(
                #[tokio::test]
                async fn $case() {
                    let (bench, _folder) = crate::conformance::queue::Bench::embedded().await;
                    super::$case(bench).await;
                }
            )*
        }

        mod on_mongo {
            $(
                #[tokio::test]
                async fn $case() {
                    let (bench, store) = crate::conformance::queue::Bench::mongo().await;
                    super::$case(bench).await;
                    store.database().drop().await.unwrap();
                }
            )*
        }
    };
}
use on_every_engine;

impl Bench {
    async fn embedded() -> (Self, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = embedded::open(folder.path(), collections::ALL).unwrap();
        (Self::over(Arc::new(store)).await, folder)
    }

    async fn mongo() -> (Self, Mongo) {
        let store = mongo::connect(&mongodb_url(), collections::ALL).await.unwrap();
        (Self::over(Arc::new(store.clone())).await, store)
    }

    async fn over(store: Arc<dyn Documents>) -> Self {
        store.migrate().await.unwrap();
        let clock = HandClock::new();
        Self { records: Records::new(store.clone(), clock.clone()), store, clock }
    }

    fn at(&self, seconds: u64) -> DateTime {
        later(self.clock.now(), Duration::from_secs(seconds))
    }

    async fn push(&self, tickets: &[Ticket]) {
        self.records.push(tickets).await.unwrap();
    }

    async fn claim(&self, owner: &str, slots: u32) -> Vec<Leased> {
        let until = later(self.clock.now(), LEASE);
        self.records.claim(owner, Queue::Scan, slots, until).await.unwrap()
    }

    /// The one job that can be had.
    async fn claim_one(&self, owner: &str) -> Leased {
        let mut jobs = self.claim(owner, 9).await;
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs.remove(0)
    }

    async fn end(&self, job: &Leased, ending: Ending) -> bool {
        self.records.end(job, ending).await.unwrap()
    }

    async fn reap(&self) -> u64 {
        self.records.reap(100).await.unwrap()
    }

    async fn document(&self, job: &Leased) -> Document {
        self.store.get(&JOBS, &Bson::ObjectId(job.id)).await.unwrap().unwrap()
    }

    async fn count(&self, state: &str) -> u64 {
        self.store.count(&JOBS, jobs_in(state)).await.unwrap()
    }
}

fn ticket(name: &str) -> Ticket {
    Ticket {
        kind: "scan_virus",
        queue: Queue::Scan,
        args: doc! { "name": name },
        unique_key: format!("scan_virus:{name}"),
        once_key: None,
        about: Some(About { collection: "event_media", id: name.to_owned() }),
        priority: 4,
        run_at: None,
        max_attempts: 3,
        timeout: Duration::from_secs(60),
        trace: None,
        limit: None,
    }
}

fn names(jobs: &[Leased]) -> Vec<&str> {
    jobs.iter().map(|job| job.args.get_str("name").unwrap()).collect()
}

fn error(code: &str) -> StepError {
    let message = format!("it went wrong: {code}");
    StepError { class: ErrorClass::Transient, code: code.to_owned(), message }
}
