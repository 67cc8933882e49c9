//! What jobs and ports say to the worker: how far they are, and when to come again.

use std::sync::LazyLock;

use async_trait::async_trait;
use iven_worker::worker::{Ended, Engine, Kinds};
use jobs::{
    job::{Job, JobError, Outcome, Policy},
    ports::{Leased, PortError, Ticket},
};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

const POLICY: Policy = Policy { queue: Queue::Housekeeping, tries: 9, timeout: DAY, priority: 4 };

/// Lets [`Slow`] end.
static LET_GO: LazyLock<Notify> = LazyLock::new(Notify::new);

jobs::needs! { progress: jobs::progress::Progress }

/// Says three times how far it is, and then does not come to an end.
#[derive(Debug, Serialize, Deserialize)]
struct Slow {}

impl Job for Slow {
    const KIND: &'static str = "slow";
    const POLICY: Policy = POLICY;
    type Needs = Needs;

    fn key(&self) -> String {
        String::new()
    }

    async fn run(&self, needs: &Needs) -> Result<Outcome, JobError> {
        for (pct, note) in [(10, "begun"), (20, "going on"), (130, "nearly there")] {
            needs.progress.report(pct, note);
        }
        LET_GO.notified().await;
        Ok(Outcome::Done)
    }
}

/// Asks to be run again after so many seconds.
#[derive(Debug, Serialize, Deserialize)]
struct Later {
    seconds: u64,
}

impl Job for Later {
    const KIND: &'static str = "later";
    const POLICY: Policy = POLICY;
    type Needs = Needs;

    fn key(&self) -> String {
        self.seconds.to_string()
    }

    async fn run(&self, _: &Needs) -> Result<Outcome, JobError> {
        let after = Some(Duration::from_secs(self.seconds));
        Err(JobError::Retry { code: "too_many".into(), message: "not now".into(), after })
    }
}

/// Has more to do than time, once.
#[derive(Debug, Serialize, Deserialize)]
struct Overdue {}

impl Job for Overdue {
    const KIND: &'static str = "overdue";
    const POLICY: Policy = Policy { tries: 1, timeout: Duration::from_millis(50), ..POLICY };
    type Needs = Needs;

    fn key(&self) -> String {
        String::new()
    }

    async fn run(&self, _: &Needs) -> Result<Outcome, JobError> {
        std::future::pending().await
    }
}

struct These;

#[async_trait]
impl Kinds for These {
    async fn run(&self, engine: &Engine, leased: &Leased) -> Result<Ended, PortError> {
        match leased.kind.as_str() {
            Slow::KIND => engine.run::<Slow>(leased).await,
            Later::KIND => engine.run::<Later>(leased).await,
            Overdue::KIND => engine.run::<Overdue>(leased).await,
            _ => engine.unknown(leased).await,
        }
    }
}

fn engine(house: &House) -> Engine {
    Engine::new(house.parts.tools.clone(), house.parts.leases.clone(), Arc::new(These))
}

/// The only job of this kind in this state.
async fn of_kind(house: &House, kind: &str, state: &str) -> Option<Document> {
    let mut jobs = house.ground.store.find(&JOBS, jobs_in(state)).await.unwrap();
    jobs.retain(|job| job.get_str("kind").unwrap() == kind);
    jobs.pop()
}

#[tokio::test]
async fn a_running_job_says_how_far_it_is() {
    let house = House::awake(Arc::new(Ground::new().await));
    house.parts.tools.queue.push(&[Ticket::of(&Slow {}).unwrap()]).await.unwrap();
    let pool = serve::start_with(&house.parts, engine(&house)).unwrap();

    let running = until("a word", || async {
        of_kind(&house, "slow", "running").await.filter(|job| job.contains_key("progress"))
    })
    .await;
    let path = format!("/v1/jobs/{}", running.get_object_id("_id").unwrap());
    let (_, shown) = house.ask("GET", &path, serde_json::Value::Null).await;
    LET_GO.notify_one();
    let done = until("the end", || of_kind(&house, "slow", "done")).await;
    pool.stop().await;

    let last = serde_json::json!({ "pct": 100, "note": "nearly there" });
    assert_eq!(shown["progress"], last);
    assert!(!done.contains_key("progress"), "what has ended is not under way: {done}");
}

#[tokio::test]
async fn a_job_that_takes_longer_than_its_kind_may_has_failed() {
    let house = House::awake(Arc::new(Ground::new().await));
    house.parts.tools.queue.push(&[Ticket::of(&Overdue {}).unwrap()]).await.unwrap();
    let pool = serve::start_with(&house.parts, engine(&house)).unwrap();

    let dead = until("the time-out", || of_kind(&house, "overdue", "dead")).await;
    pool.stop().await;

    assert!(dead.get_str("error").unwrap().starts_with("timeout: "), "{dead}");
}

#[tokio::test]
async fn a_job_that_asks_for_time_gets_it_but_not_for_ever() {
    let house = House::awake(Arc::new(Ground::new().await));
    for (asked, given) in [(HOUR, HOUR), (DAY * 30, DAY)] {
        let job = Later { seconds: asked.as_secs() };
        house.parts.tools.queue.push(&[Ticket::of(&job).unwrap()]).await.unwrap();
        let until = later(house.parts.tools.clock.now(), worker::LEASE);
        let leases = &house.parts.leases;
        let jobs = leases.claim("hand", Queue::Housekeeping, 1, until).await.unwrap();
        let before = house.parts.tools.clock.now();

        let ended = engine(&house).attempt(&jobs[0]).await;

        assert_eq!(ended, Ended::Again(Some("too_many".to_owned())));
        let query = Query::over("state_kind", 9).at("scheduled").at("later");
        let found = house.ground.store.find(&JOBS, query).await.unwrap();
        let job = found.iter().find(|job| job.get_object_id("_id").unwrap() == jobs[0].id);
        let run_at = *job.unwrap().get_datetime("runAt").unwrap();
        assert!(run_at >= later(before, given) && run_at <= later(before, given + HOUR / 60));
    }
}

#[tokio::test]
async fn a_part_that_says_how_long_it_is_busy_is_left_alone_for_so_long() {
    let (house, decoder) = troubled(Trouble::BusyOnce(HOUR)).await;
    let pool = serve::start(&house.parts).unwrap();
    let before = house.parts.tools.clock.now();

    let id = house.media("a.jpg", &fixture(TROUBLING)).await;
    let waiting = job_in(&house, id, "generate_thumbnails", "scheduled").await;
    let media = house.read(id).await;
    pool.stop().await;

    assert_eq!((decoder.asked.load(Ordering::SeqCst), number(&waiting, "attempt")), (1, 0));
    assert!(*waiting.get_datetime("runAt").unwrap() >= later(before, HOUR), "{waiting}");
    let step = media.processing_steps.thumbnail_generation;
    assert_eq!(step.next_retry_at.as_ref(), waiting.get_datetime("runAt").ok());
}
