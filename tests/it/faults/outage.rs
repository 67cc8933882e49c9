//! The store's server stands still for a while under load, or is started again.

use std::time::Duration;

use rustix::process::Signal;

use super::{is_full, journal::What, record::Record, within, worker::Worker, yard::Yard};
use crate::servers::OwnServer;

/// How many jobs a worker has at once.
const PLACES: u32 = 4;
/// So long the server stands still.
const OUTAGE: Duration = Duration::from_secs(10);
/// What should happen has happened after so long: a lease may have to lapse, calls to time out.
const PATIENCE: Duration = Duration::from_secs(240);

/// Looks all the time whether one of them ends, which none may.
async fn none_ends(workers: &mut [Worker]) {
    within(OUTAGE * 1000, "the end of a worker", async || {
        workers.iter_mut().find_map(Worker::ended)
    })
    .await;
}

#[tokio::test]
async fn a_store_that_stands_still_ends_no_worker_and_loses_no_job() {
    outlived(|server| server.signal(Signal::STOP), |server| server.signal(Signal::CONT)).await;
}

#[tokio::test]
async fn a_store_that_is_started_again_ends_no_worker_and_loses_no_job() {
    outlived(OwnServer::end, OwnServer::start_again).await;
}

#[tokio::test]
async fn after_a_long_outage_nobody_begins_what_others_still_work_on() {
    let Some(server) = OwnServer::start() else {
        println!("skipped: no program for a server of our own is on the PATH");
        return;
    };
    let (outage, length) = if is_full() { (40, 70_000) } else { (20, 35_000) };
    let yard = Yard::mongodb(&server.url, PLACES);
    let store = yard.open().await;
    let count = 2 * PLACES as usize;
    let tickets: Vec<_> = (0..count).map(|n| yard.linger(&format!("job-{n}"), length)).collect();
    store.push(&tickets).await;
    let mut workers = vec![yard.worker(), yard.worker()];
    let all = async || (yard.journal.count(What::Start) == count).then_some(());
    within(PATIENCE, "the start of all", all).await;
    // One without work sees the outage, another one starts as it ends.
    workers.push(yard.worker());
    within(PATIENCE, "the third worker", async || (store.workers().await? == 3).then_some(()))
        .await;

    server.signal(Signal::STOP);
    let outage = Duration::from_secs(outage);
    let ended = tokio::time::timeout(outage, none_ends(&mut workers)).await;
    server.signal(Signal::CONT);
    workers.push(yard.worker());
    let done = async || (store.count("done").await? == count).then_some(());
    within(PATIENCE, "the end of all work", done).await;

    assert!(ended.is_err(), "a worker ended while its store was away");
    let record = Record::new(yard.journal.entries(), &store.jobs("done").await);
    record.nothing_is_lost(count);
    record.everything_ran_once();
    for worker in workers {
        worker.stop().await;
    }
}

/// The server goes in this way while there is work, and is back after a while.
async fn outlived(goes: fn(&mut OwnServer), comes_back: fn(&mut OwnServer)) {
    let Some(mut server) = OwnServer::start() else {
        println!("skipped: no program for a server of our own is on the PATH");
        return;
    };
    let (count, length) = if is_full() { (500, 100) } else { (150, 100) };
    let yard = Yard::mongodb(&server.url, PLACES);
    let store = yard.open().await;
    let tickets: Vec<_> = (0..count).map(|n| yard.linger(&format!("job-{n}"), length)).collect();
    store.push(&tickets).await;
    let mut workers = [yard.worker(), yard.worker()];
    within(PATIENCE, "work", async || (yard.journal.count(What::End) >= count / 4).then_some(()))
        .await;

    goes(&mut server);
    let ended = tokio::time::timeout(OUTAGE, none_ends(&mut workers)).await;
    let worked = yard.journal.count(What::End);
    comes_back(&mut server);
    within(PATIENCE, "the end of all work", async || {
        (store.count("done").await? == count).then_some(())
    })
    .await;

    assert!(ended.is_err(), "a worker ended while its store was away");
    assert!(worked < count, "all work was over before the store was away");
    assert!(workers.iter_mut().all(|worker| worker.ended().is_none()), "a worker ended later");
    let record = Record::new(yard.journal.entries(), &store.jobs("done").await);
    record.nothing_is_lost(count);
    record.nothing_is_finished_twice();
    for worker in workers {
        worker.stop().await;
    }
}
