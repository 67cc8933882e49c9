//! The service's own parts over an empty store, with one kind of job: one that does nothing.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bson::DateTime;
use iven_worker::{
    adapters::{documents::Query, records::collections::JOBS},
    config::Config,
    serve,
    wire::{self, House},
    worker::{Ended, Engine, EveryKind, Kinds, Pool},
};
use jobs::{
    job::{Job, JobError, Outcome, Policy, Queue},
    ports::{Leased, PortError, Ticket},
    tools::Tools,
};
use serde::{Deserialize, Serialize};

use crate::Wish;

/// How many have begun.
static BEGUN: AtomicU32 = AtomicU32::new(0);
/// When the urgent ones began, by their number.
static STARTS: Mutex<Vec<(u32, Instant)>> = Mutex::new(Vec::new());

/// The lane of the jobs.
pub const LANE: Queue = Queue::Media;
/// How often a measurement looks whether all is over.
const LOOK: Duration = Duration::from_millis(2);

pub struct Nothing;

impl From<&Tools> for Nothing {
    fn from(_: &Tools) -> Self {
        Self
    }
}

/// Does nothing, but says when it began if that is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Noop {
    pub n: u32,
    pub is_timed: bool,
}

impl Job for Noop {
    const KIND: &'static str = "noop";
    const POLICY: Policy =
        Policy { queue: LANE, tries: 3, timeout: Duration::from_secs(60), priority: 4 };
    type Needs = Nothing;

    fn key(&self) -> String {
        format!("{}:{}", self.is_timed, self.n)
    }

    async fn run(&self, _: &Nothing) -> Result<Outcome, JobError> {
        if self.is_timed {
            let mut starts = STARTS.lock().unwrap_or_else(PoisonError::into_inner);
            starts.push((self.n, Instant::now()));
        }
        BEGUN.fetch_add(1, Ordering::Relaxed);
        Ok(Outcome::Done)
    }
}

struct WithNoop;

#[async_trait]
impl Kinds for WithNoop {
    async fn run(&self, engine: &Engine, leased: &Leased) -> Result<Ended, PortError> {
        match leased.kind.as_str() {
            Noop::KIND => engine.run::<Noop>(leased).await,
            _ => EveryKind.run(engine, leased).await,
        }
    }
}

/// A house over the wish's store.
pub struct Stage {
    pub house: House,
}

impl Stage {
    pub async fn open(wish: &Wish) -> Self {
        let settings = format!(
            "[store]\ndata_dir = {:?}\nmongodb_url = {:?}\n\
             [scanner]\naddress = \"unix:/no/scanner\"\n[worker]\nmedia = {}\n",
            wish.data, wish.mongodb, wish.places
        );
        let config = Config::read(Some(&settings), Vec::new()).expect("settings");
        let house = wire::house(config).await.expect("a store");
        house.store.migrate().await.expect("indexes");
        house.set_clock().await.expect("the time");
        Self { house }
    }

    /// Puts these jobs; `ticket` may change each.
    pub async fn push(&self, jobs: impl Iterator<Item = Noop>, ticket: impl Fn(Ticket) -> Ticket) {
        let tickets = jobs.map(|job| ticket(Ticket::of(&job).unwrap()));
        let tickets: Vec<Ticket> = tickets.collect();
        for some in tickets.chunks(500) {
            self.house.tools.queue.push(some).await.expect("a place in the queue");
        }
    }

    pub fn start(&self) -> Pool {
        let house = &self.house;
        let engine = Engine::new(house.tools.clone(), house.leases.clone(), Arc::new(WithNoop));
        serve::start_with(house, engine).expect("threads")
    }

    /// Waits until so many have begun, and the store knows that they are done.
    pub async fn all_done(&self, jobs: u32) {
        while begun() < jobs {
            tokio::time::sleep(LOOK).await;
        }
        while self.count("done").await < u64::from(jobs) {
            tokio::time::sleep(LOOK).await;
        }
    }

    pub async fn count(&self, state: &str) -> u64 {
        let query = Query::over("state_queue", u32::MAX).at(state).at(LANE.as_str());
        self.house.store.count(&JOBS, query).await.expect("a count")
    }

    pub fn now(&self) -> DateTime {
        self.house.tools.clock.now()
    }
}

/// How many have begun.
pub fn begun() -> u32 {
    BEGUN.load(Ordering::Relaxed)
}

/// When the urgent ones began, by their number.
pub fn starts() -> Vec<(u32, Instant)> {
    STARTS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
