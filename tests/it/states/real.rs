//! The real queue: the product's records and engine over the embedded store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bson::{DateTime, Document, doc, oid::ObjectId};
use iven_worker::{
    adapters::{
        disk::Disk,
        documents::Documents,
        embedded,
        records::{
            collections::{self, JOBS},
            standing,
        },
    },
    config::Config,
    wire,
    worker::{Ended, Engine, Kinds},
};
use jobs::{
    job::{Job as Work, JobError, Outcome, Policy, Queue},
    ports::{Clock, JobState, Leased, PortError, Ticket, later},
    tools::Tools,
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{
    deed::{Deed, Jobs, LEASE, NOT_YET, owner},
    gate::Gate,
    job::{Job, key, medium},
    steps::{Says, Wish},
    whole::Answer,
};
use crate::house::{HandClock, scanner};

/// More jobs than a case has.
const ALL: u32 = 1000;
/// The lane of all of them.
const LANE: Queue = Queue::Scan;

tokio::task_local! {
    /// What the work says in the run that is under way.
    static SAYS: Says;
}

/// Work that ends as the case wants it.
#[derive(Serialize, Deserialize)]
struct Told {}

struct Nothing;

impl From<&Tools> for Nothing {
    fn from(_: &Tools) -> Self {
        Self
    }
}

impl Work for Told {
    const KIND: &'static str = "told";
    const POLICY: Policy =
        Policy { queue: LANE, tries: 9, timeout: Duration::from_secs(60), priority: 4 };
    type Needs = Nothing;

    fn key(&self) -> String {
        String::new()
    }

    async fn run(&self, _: &Nothing) -> Result<Outcome, JobError> {
        let (code, message) = ("as_told".to_owned(), "as the case wants it".to_owned());
        match SAYS.get() {
            Says::Done => Ok(Outcome::Done),
            Says::NotYet => Ok(Outcome::NotYet(Duration::from_millis(NOT_YET.unsigned_abs()))),
            Says::Retry => Err(JobError::Retry { code, message, after: None }),
            Says::Away => Err(JobError::Unavailable { message, after: None }),
            Says::Fail => Err(JobError::Fail { code, message }),
        }
    }
}

struct AllTold;

#[async_trait]
impl Kinds for AllTold {
    async fn run(&self, engine: &Engine, leased: &Leased) -> Result<Ended, PortError> {
        engine.run::<Told>(leased).await
    }
}

/// The store with two houses on it: one behind a gate, one that acts meanwhile.
pub struct Real {
    pub gate: Arc<Gate>,
    pub clock: Arc<HandClock>,
    pub gated: wire::House,
    pub other: wire::House,
    _folder: tempfile::TempDir,
}

impl Real {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = embedded::open(&folder.path().join("records"), collections::ALL).unwrap();
        let store: Arc<dyn Documents> = Arc::new(store);
        store.migrate().await.unwrap();
        let (gate, clock) = (Gate::before(store.clone()), HandClock::new());
        let house = |store| {
            let config = Config::read(None, Vec::new()).unwrap();
            let objects = Arc::new(Disk::open(&folder.path().join("objects")).unwrap());
            let decoder = wire::in_process(&config);
            let nobody = scanner("unix:/no/scanner");
            wire::assemble(config, store, objects, nobody, (clock.clone(), decoder)).unwrap()
        };
        let (gated, other) = (house(gate.clone()), house(store));
        Self { gated, other, gate, clock, _folder: folder }
    }

    /// The time, in milliseconds.
    pub fn now(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }

    /// All jobs as they stand in the store.
    pub async fn jobs(&self) -> Jobs {
        jobs(&*self.gate.inner).await
    }
}

/// All jobs as they stand in this store.
pub async fn jobs(store: &dyn Documents) -> Jobs {
    let mut jobs = Jobs::new();
    for state in JobState::ALL {
        let query = standing(state, None, ALL);
        for job in store.find(&JOBS, query).await.unwrap() {
            let job = Job::read(&job);
            jobs.insert(job.id, job);
        }
    }
    jobs
}

/// Does it; the answer, and the leases that came of it.
pub async fn act(house: &wire::House, clock: &HandClock, deed: Deed) -> (Answer, Vec<Leased>) {
    let (leases, book) = (&house.leases, &house.tools.book);
    let until = later(house.tools.clock.now(), Duration::from_millis(LEASE.unsigned_abs()));
    let answer = match deed {
        Deed::Push(wish) => {
            let ticket = ticket(&wish, house.tools.clock.now());
            house.tools.queue.push(&[ticket]).await.unwrap();
            Answer::Nothing
        }
        Deed::Put(wish) => {
            let put = book.put(&ticket(&wish, house.tools.clock.now())).await.unwrap();
            Answer::Is(put.1)
        }
        Deed::Insert { wish, with_key } => {
            let plain = plain(&wish, with_key, house.tools.clock.now());
            done(house.store.insert(&JOBS, plain).await)
        }
        Deed::TakeIn => Answer::Count(house.arrivals.take_in(ALL).await.unwrap()),
        Deed::Promote => Answer::Count(leases.promote(ALL).await.unwrap()),
        Deed::Claim { worker, slots } => {
            let claimed = leases.claim(&owner(worker), LANE, slots, until).await.unwrap();
            return (Answer::Jobs(claimed.iter().map(|job| job.id).collect()), claimed);
        }
        Deed::Run { leased, heard, says } => {
            Answer::Ended(run(house, &leased, heard, says).await.name())
        }
        Deed::Extend(held) => Answer::Count(leases.extend(&held, until).await.unwrap()),
        Deed::Alone(held) => Answer::Is(leases.alone(held).await.unwrap()),
        Deed::Release(held) => Answer::Count(leases.release(&held).await.unwrap()),
        Deed::Hear { held, .. } => {
            let wanted = leases.cancelled(&held).await.unwrap();
            let mut ids: Vec<ObjectId> = wanted.iter().map(|held| held.job).collect();
            ids.sort();
            Answer::Jobs(ids)
        }
        Deed::Reap => Answer::Count(leases.reap(ALL).await.unwrap()),
        Deed::Inherit { owner } => {
            let gone = move |of: &str| of == owner;
            Answer::Count(leases.inherit(&gone, ALL).await.unwrap())
        }
        Deed::Cancel(id) => done(book.cancel(id).await),
        Deed::Retry(id) => done(book.retry(id).await),
        Deed::Delete(id) => done(book.delete(id).await),
        Deed::Pass { millis } => {
            clock.forward(Duration::from_millis(millis));
            Answer::Nothing
        }
        Deed::Nothing => Answer::Nothing,
    };
    (answer, Vec::new())
}

/// Whether it was done or refused; nothing else may come.
fn done<T>(answer: Result<T, PortError>) -> Answer {
    match answer {
        Ok(_) => Answer::Is(true),
        Err(PortError::Unavailable(message)) => panic!("the store is away: {message}"),
        Err(_) => Answer::Is(false),
    }
}

/// One attempt by the product's engine.
async fn run(house: &wire::House, leased: &Leased, heard: bool, says: Says) -> Ended {
    let engine = Engine::new(house.tools.clone(), house.leases.clone(), Arc::new(AllTold));
    let cancel = CancellationToken::new();
    if heard {
        cancel.cancel();
    }
    SAYS.scope(says, engine.until(cancel).attempt(leased)).await
}

fn ticket(wish: &Wish, now: DateTime) -> Ticket {
    Ticket {
        kind: "scan_virus",
        queue: LANE,
        args: doc! { "mediaId": medium(wish.name) },
        unique_key: key(wish.name),
        once_key: wish.once.map(|once| once.to_string()),
        about: None,
        priority: wish.priority,
        trace: None,
        limit: None,
        run_at: Some(later(now, Duration::from_secs(wish.delay.into()))),
        max_attempts: wish.tries,
        timeout: Duration::from_secs(60),
    }
}

/// The job as another service puts it.
fn plain(wish: &Wish, with_key: bool, now: DateTime) -> Document {
    let mut job = doc! {
        "_id": ObjectId::new(),
        "kind": "scan_virus",
        "args": { "mediaId": medium(wish.name) },
        "state": "new",
        "priority": i32::from(wish.priority),
        "maxAttempts": i64::from(wish.tries),
        "runAt": later(now, Duration::from_secs(wish.delay.into())),
    };
    if with_key {
        job.insert("uniqueKey", key(wish.name));
    }
    job
}
