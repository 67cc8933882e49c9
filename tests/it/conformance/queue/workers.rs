//! Which processes are at work, on both engines.

use bson::Bson;
use iven_worker::adapters::{documents::Query, records::collections::WORKERS};
use jobs::{
    model::{Lane, Worker},
    ports::{Clock, Workers},
};

use super::{Bench, LEASE, on_every_engine};

on_every_engine![
    a_worker_is_seen_as_it_last_said_until_it_leaves,
    a_worker_that_says_nothing_is_lost_and_may_come_back,
    what_is_no_worker_is_left_out,
];

/// A report of now that holds for so many seconds.
fn worker(bench: &Bench, owner: &str, seconds: u64) -> Worker {
    let (running, paused, resting) = (1, true, false);
    Worker {
        owner: owner.to_owned(),
        host: "here".to_owned(),
        pid: 7,
        version: "0.1.0".to_owned(),
        started_at: bench.clock.now(),
        seen_at: bench.clock.now(),
        expire_at: bench.at(seconds),
        lanes: vec![Lane { queue: "scan".to_owned(), places: 4, running, paused, resting }],
    }
}

async fn a_worker_is_seen_as_it_last_said_until_it_leaves(bench: Bench) {
    let first = worker(&bench, "one", 30);
    bench.records.report(&first).await.unwrap();
    bench.clock.forward(LEASE);
    let (mut again, other) = (worker(&bench, "one", 30), worker(&bench, "two", 40));
    again.started_at = first.started_at;
    again.lanes[0].running = 3;

    bench.records.report(&again).await.unwrap();
    bench.records.report(&other).await.unwrap();
    let both = bench.records.at_work(9).await.unwrap();
    bench.records.leave("two").await.unwrap();
    bench.records.leave("nobody").await.unwrap();

    assert_eq!(both, [other, again.clone()]);
    assert_eq!(bench.records.at_work(9).await.unwrap(), [again]);
}

async fn a_worker_that_says_nothing_is_lost_and_may_come_back(bench: Bench) {
    bench.records.report(&worker(&bench, "one", 15)).await.unwrap();
    bench.clock.forward(LEASE);
    assert_eq!(bench.records.at_work(9).await.unwrap(), []);

    let back = worker(&bench, "one", 15);
    // Also where the store has removed its record meanwhile.
    bench.store.expire(&WORKERS, bench.clock.now()).await.unwrap();
    bench.records.report(&back).await.unwrap();

    assert_eq!(bench.records.at_work(9).await.unwrap(), [back]);
    let all = bench.store.count(&WORKERS, Query::over("expire", 9)).await.unwrap();
    assert_eq!(all, 1);
}

async fn what_is_no_worker_is_left_out(bench: Bench) {
    let odd = bson::doc! { "_id": Bson::from("odd"), "expireAt": bench.at(60) };
    bench.store.insert(&WORKERS, odd).await.unwrap();
    let good = worker(&bench, "one", 15);
    bench.records.report(&good).await.unwrap();

    assert_eq!(bench.records.at_work(9).await.unwrap(), [good]);
}
