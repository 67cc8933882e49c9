//! Jobs that take longer than a lease, and leave their worker no room.

use std::time::Duration;

use iven_worker::worker::LEASE;
use jobs::ports::Ticket;

use super::{is_full, journal::What, record::Record, within, yard::Yard};
use crate::servers::mongodb_url;

/// How many jobs a worker has at once.
const PLACES: u32 = 2;
/// What should happen has happened after so long beyond the jobs' own time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Longer than a lease by more than the time until others look for lost ones.
fn long() -> Duration {
    if is_full() { LEASE * 5 } else { LEASE + Duration::from_secs(5) }
}

fn millis() -> u64 {
    u64::try_from(long().as_millis()).unwrap()
}

/// Runs the jobs in two workers, in so many turns; each of them runs once.
async fn run_once(yard: Yard, tickets: Vec<Ticket>, turns: u32) {
    let (count, patience) = (tickets.len(), long() * turns + PATIENCE);
    let store = yard.open().await;
    store.push(&tickets).await;

    let workers = [yard.worker(), yard.worker()];
    within(patience, "the last work", async || {
        (yard.journal.count(What::End) >= count).then_some(())
    })
    .await;
    within(PATIENCE, "the last end", async || (store.count("done").await? == count).then_some(()))
        .await;

    let done = store.jobs("done").await;
    let record = Record::new(yard.journal.entries(), &done);
    record.nothing_is_lost(count);
    record.everything_ran_once();
    assert!(done.iter().all(|job| !job.contains_key("errors")), "{done:?}");
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn jobs_longer_than_leases_in_full_workers_begin_once() {
    let yard = Yard::mongodb(&mongodb_url(), PLACES);
    // Half of them wait while the others fill both workers.
    let tickets = (0..4 * PLACES).map(|n| yard.linger(&format!("long-{n}"), millis())).collect();

    run_once(yard, tickets, 2).await;
}

#[tokio::test]
async fn a_job_that_blocks_its_thread_long_beyond_its_time_is_begun_by_another_worker() {
    let yard = Yard::mongodb(&mongodb_url(), 1);
    let store = yard.open().await;
    let ticket = yard.block("for-ever", 3_600_000);
    store.push(&[Ticket { timeout: Duration::from_secs(1), ..ticket }]).await;

    let _workers = [yard.worker(), yard.worker()];
    within(LEASE * 2 + PATIENCE, "the second start", async || {
        (yard.journal.count(What::Start) == 2).then_some(())
    })
    .await;

    let running = store.jobs("running").await;
    let errors = running[0].get_array("errors").unwrap();
    assert_eq!(errors[0].as_document().unwrap().get_str("code").unwrap(), "worker_lost");
}

#[tokio::test]
async fn a_job_that_blocks_its_thread_longer_than_a_lease_runs_once() {
    // As many as both workers have threads: none is left to either of them.
    let threads = u32::try_from(std::thread::available_parallelism().unwrap().get()).unwrap();
    let yard = Yard::mongodb(&mongodb_url(), threads);
    let tickets = (0..2 * threads).map(|n| yard.block(&format!("block-{n}"), millis())).collect();

    run_once(yard, tickets, 2).await;
}
