//! The workers by themselves: nobody drains, time passes, parts fail.

mod limits;
pub mod parts;
mod reports;
mod said;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bson::Document;
use iven_worker::{
    adapters::{documents::Query, records::collections::JOBS},
    serve, worker,
};
use jobs::{
    job::Queue,
    model::{Media, MediaId, ProcessingStatus, StepState},
    ports::later,
};

use self::parts::{SlowClaim, Switched, Trouble, Troubled};
use crate::house::{Ground, House, fixture, jobs_in};

/// What should happen has happened after so long, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a test looks.
const LOOK: Duration = Duration::from_millis(20);

const GOOD: &str = "images/orientation_1.jpg";
const TROUBLING: &str = "images/gps_iphone.jpg";

/// Looks until `seen` gives something.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, seen: impl Fn() -> F) -> T {
    let looking = async {
        let mut every = tokio::time::interval(LOOK);
        loop {
            every.tick().await;
            if let Some(found) = seen().await {
                return found;
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, looking).await;
    found.unwrap_or_else(|_| panic!("{what} does not happen"))
}

async fn finished(house: &House, id: MediaId) -> Media {
    until("the end of a medium", || async {
        let media = house.read(id).await;
        let status = media.processing_status;
        let over = matches!(status, ProcessingStatus::Completed | ProcessingStatus::Failed);
        over.then_some(media)
    })
    .await
}

/// The job of this kind about this medium.
async fn job(house: &House, id: MediaId, kind: &str) -> Option<Document> {
    let query = Query::over("ref", 20).at("event_media").at(id.to_string());
    let found = house.ground.store.find(&JOBS, query).await.unwrap();
    found.into_iter().find(|job| job.get_str("kind").is_ok_and(|of| of == kind))
}

/// Waits until the job is in this state.
async fn job_in(house: &House, id: MediaId, kind: &str, state: &str) -> Document {
    until(&format!("{kind} {state}"), || async {
        let job = job(house, id, kind).await?;
        (job.get_str("state").unwrap() == state).then_some(job)
    })
    .await
}

async fn count(house: &House, state: &str) -> u64 {
    let query = jobs_in(state);
    house.ground.store.count(&JOBS, query).await.unwrap()
}

fn number(job: &Document, field: &str) -> i64 {
    let value = job.get(field).unwrap();
    value.as_i64().or_else(|| value.as_i32().map(i64::from)).unwrap()
}

/// A house whose decoder has this trouble with the file [`TROUBLING`].
async fn troubled(trouble: Trouble) -> (House, Arc<Troubled>) {
    let mut house = House::awake(Arc::new(Ground::new().await));
    let inner = house.parts.tools.decoder.clone();
    let decoder = Troubled::new(inner, fixture(TROUBLING).len(), trouble);
    house.parts.tools.decoder = decoder.clone();
    (house, decoder)
}

#[tokio::test]
async fn uploads_are_published_by_themselves_and_once() {
    let house = House::awake(Arc::new(Ground::new().await));
    let pool = serve::start(&house.parts).unwrap();
    let photo = fixture(GOOD);

    let sends = (0..6).map(|n| {
        let (house, name) = (&house, format!("{n}.jpg"));
        let photo = &photo;
        async move { house.media(&name, photo).await }
    });
    let ids = futures_util::future::join_all(sends).await;

    for id in ids {
        let media = finished(&house, id).await;
        assert_eq!(media.processing_status, ProcessingStatus::Completed);
        assert_eq!(media.degraded, None);
        assert!(!media.thumbnails.is_empty());
        for kind in ["assemble_upload", "scan_virus", "extract_metadata", "publish_media"] {
            assert_eq!(number(&job_in(&house, id, kind, "done").await, "attempt"), 1, "{kind}");
        }
    }
    pool.stop().await;
    assert_eq!((count(&house, "running").await, count(&house, "dead").await), (0, 0));
}

#[tokio::test]
async fn a_stop_lets_running_jobs_end_and_begins_no_others() {
    let (house, decoder) = troubled(Trouble::Long).await;
    let id = house.media("a.jpg", &fixture(TROUBLING)).await;
    let pool = serve::start(&house.parts).unwrap();
    tokio::time::timeout(PATIENCE, decoder.begun.notified()).await.expect("the job begins");
    job_in(&house, id, "extract_metadata", "done").await;

    tokio::join!(pool.stop(), async {
        // The stop comes first in this list, so it is asked for already.
        let late = house.media("late.jpg", &fixture(GOOD)).await;
        assert_eq!(house.read(late).await.processing_status, ProcessingStatus::Uploading);
        decoder.let_go.notify_one();
    });

    let ended = job(&house, id, "generate_thumbnails").await.unwrap();
    assert_eq!(ended.get_str("state").unwrap(), "done");
    assert_eq!(number(&ended, "attempt"), 1);
    assert_eq!(count(&house, "running").await, 0);
    let pool = serve::start(&house.parts).unwrap();
    assert_eq!(finished(&house, id).await.processing_status, ProcessingStatus::Completed);
    pool.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_a_claim_that_is_under_way() {
    let mut house = House::awake(Arc::new(Ground::new().await));
    let leases = SlowClaim::new(house.parts.leases.clone());
    house.parts.leases = leases.clone();
    let id = house.media("a.jpg", &fixture(GOOD)).await;
    let pool = serve::start(&house.parts).unwrap();
    tokio::time::timeout(PATIENCE, leases.claimed.notified()).await.expect("a job is claimed");

    let (early, ()) = tokio::join!(
        async {
            // The stop, asked for below, has this long to forget the claim.
            let early = tokio::time::timeout(LOOK * 10, leases.released.notified()).await;
            leases.let_go.notify_one();
            early
        },
        pool.stop()
    );

    assert!(early.is_err(), "the rest is given back before the claim is known");
    let claimed = job(&house, id, "assemble_upload").await.unwrap();
    assert_eq!(claimed.get_str("state").unwrap(), "done");
    assert_eq!(count(&house, "running").await, 0);
}

#[tokio::test]
async fn a_job_that_keeps_failing_comes_again_later_and_ends_dead() {
    let (house, decoder) = troubled(Trouble::TryAgain).await;
    let pool = serve::start(&house.parts).unwrap();

    let id = house.media("a.jpg", &fixture(TROUBLING)).await;
    let media = finished(&house, id).await;
    let dead = job_in(&house, id, "generate_thumbnails", "dead").await;
    pool.stop().await;

    assert_eq!(decoder.asked.load(Ordering::SeqCst), 3);
    assert_eq!(number(&dead, "attempt"), 3);
    let errors = dead.get_array("errors").unwrap().iter();
    let errors: Vec<_> = errors.map(|error| error.as_document().unwrap()).collect();
    let told = errors.iter().map(|e| (number(e, "attempt"), e.get_str("code").unwrap()));
    assert_eq!(told.collect::<Vec<_>>(), [(1, "conflict"), (2, "conflict"), (3, "conflict")]);
    let (created, run_at) = (dead.get_datetime("createdAt"), dead.get_datetime("runAt"));
    assert!(run_at.unwrap() > created.unwrap(), "the back-off is written down: {dead}");
    let step = media.processing_steps.thumbnail_generation;
    assert_eq!((step.state(), step.attempts), (StepState::Failed, Some(3)));
    assert_eq!(step.error.unwrap().code, "conflict");
    assert_eq!(media.processing_status, ProcessingStatus::Completed);
    assert_eq!(media.degraded, Some(true));
}

#[tokio::test]
async fn a_decoder_that_panics_ends_its_job_and_not_the_worker() {
    let (house, decoder) = troubled(Trouble::Panics).await;
    let pool = serve::start(&house.parts).unwrap();

    let bad = house.media("bad.jpg", &fixture(TROUBLING)).await;
    let beside = house.media("beside.jpg", &fixture(GOOD)).await;
    let broken = finished(&house, bad).await;
    let after = house.media("after.jpg", &fixture(GOOD)).await;

    assert_eq!(decoder.asked.load(Ordering::SeqCst), 3);
    let error = broken.processing_steps.thumbnail_generation.error.unwrap();
    assert_eq!(error.code, "panicked");
    assert!(error.message.contains("dies on purpose"), "{}", error.message);
    for id in [beside, after] {
        let media = finished(&house, id).await;
        assert_eq!(media.processing_status, ProcessingStatus::Completed);
        assert_eq!(media.degraded, None);
    }
    pool.stop().await;
}

#[tokio::test]
async fn a_part_that_is_away_costs_no_attempt() {
    let (house, decoder) = troubled(Trouble::AwayOnce).await;
    let pool = serve::start(&house.parts).unwrap();

    let id = house.media("a.jpg", &fixture(TROUBLING)).await;
    let media = finished(&house, id).await;
    let done = job_in(&house, id, "generate_thumbnails", "done").await;
    pool.stop().await;

    assert_eq!(decoder.asked.load(Ordering::SeqCst), 2);
    assert_eq!(number(&done, "attempt"), 1);
    assert_eq!(media.degraded, None);
}

/// Runs the one ready job of `queue` by hand.
async fn step(house: &House, queue: Queue) {
    let until = later(house.parts.tools.clock.now(), worker::LEASE);
    let jobs = house.parts.leases.claim("hand", queue, 1, until).await.unwrap();
    house.parts.engine().attempt(&jobs[0]).await;
}

#[tokio::test]
async fn while_the_scanner_is_away_the_other_lanes_go_on() {
    let mut house = House::awake(Arc::new(Ground::new().await));
    let scanned = house.media("scanned.jpg", &fixture(GOOD)).await;
    step(&house, Queue::Ingest).await;
    step(&house, Queue::Scan).await;
    let (inner, away) = (house.parts.tools.scanner.clone(), AtomicBool::new(true));
    let scanner = Arc::new(Switched { inner, away });
    house.parts.tools.scanner = scanner.clone();
    let pool = serve::start(&house.parts).unwrap();

    let waiting = house.media("waiting.jpg", &fixture(GOOD)).await;
    until("a scan that is put off", || async {
        let step = house.read(waiting).await.processing_steps.virus_scanning;
        (step.state() == StepState::Retrying).then_some(())
    })
    .await;
    let second = house.media("second.jpg", &fixture(GOOD)).await;
    job_in(&house, second, "assemble_upload", "done").await;
    let published = finished(&house, scanned).await;
    let unscanned = [house.read(waiting).await, house.read(second).await];
    scanner.away.store(false, Ordering::SeqCst);

    assert_eq!(published.processing_status, ProcessingStatus::Completed);
    for media in unscanned {
        assert_eq!(media.processing_status, ProcessingStatus::Processing);
        assert_eq!(media.file_url, None);
    }
    for id in [waiting, second] {
        let media = finished(&house, id).await;
        assert_eq!(media.processing_status, ProcessingStatus::Completed);
        let scan = job_in(&house, id, "scan_virus", "done").await;
        assert_eq!(number(&scan, "attempt"), 1, "waiting is no attempt");
    }
    pool.stop().await;
}

#[tokio::test]
async fn a_running_job_ends_when_somebody_cancels_it() {
    let (house, decoder) = troubled(Trouble::Long).await;
    let id = house.media("a.jpg", &fixture(TROUBLING)).await;
    let pool = serve::start(&house.parts).unwrap();
    tokio::time::timeout(PATIENCE, decoder.begun.notified()).await.expect("the job begins");
    let running = job_in(&house, id, "generate_thumbnails", "running").await;

    let job = running.get_object_id("_id").unwrap();
    house.parts.tools.book.cancel(job).await.unwrap();
    job_in(&house, id, "generate_thumbnails", "cancelled").await;
    let media = finished(&house, id).await;
    pool.stop().await;

    assert_eq!(media.degraded, Some(true));
    let error = media.processing_steps.thumbnail_generation.error.unwrap();
    assert_eq!(error.code, "cancelled");
}

#[tokio::test]
async fn a_paused_lane_begins_nothing_until_it_is_let() {
    let house = House::awake(Arc::new(Ground::new().await));
    let book = house.parts.tools.book.clone();
    book.pause(Queue::Scan, true).await.unwrap();
    let pool = serve::start(&house.parts).unwrap();

    let id = house.media("a.jpg", &fixture(GOOD)).await;
    job_in(&house, id, "assemble_upload", "done").await;
    // Later than the first one could have been scanned.
    let later = house.media("b.jpg", &fixture(GOOD)).await;
    job_in(&house, later, "assemble_upload", "done").await;
    let waiting = job_in(&house, id, "scan_virus", "ready").await;
    book.pause(Queue::Scan, false).await.unwrap();
    let media = finished(&house, id).await;
    pool.stop().await;

    assert_eq!(number(&waiting, "attempt"), 0);
    assert_eq!(media.processing_status, ProcessingStatus::Completed);
}
