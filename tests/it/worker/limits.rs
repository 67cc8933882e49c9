//! Limits that hold over all workers: places of a key, and the rate of a lane.

use bson::DateTime;
use jobs::{
    job::{Limit, Queue},
    ports::Ticket,
    sweep::Sweep,
};

use super::*;

/// A job that is short and can be done at any time.
fn short(name: &str) -> Ticket {
    Ticket { unique_key: format!("sweep:{name}"), ..Ticket::of(&Sweep {}).unwrap() }
}

async fn done(house: &House) -> Vec<Document> {
    let query = Query::over("state_queue", 1000).at("done").at(Queue::Housekeeping.as_str());
    house.ground.store.find(&JOBS, query).await.unwrap()
}

async fn all_done(house: &House, count: usize) -> Vec<Document> {
    until("the end of all jobs", || async {
        let done = done(house).await;
        (done.len() >= count).then_some(done)
    })
    .await
}

fn millis(job: &Document, field: &str) -> i64 {
    job.get_datetime(field).unwrap().timestamp_millis()
}

#[tokio::test]
async fn the_place_of_a_dead_worker_is_free_after_its_lease() {
    let house = House::awake(Arc::new(Ground::new().await));
    let limit = Some(Limit { key: "one at a time".to_owned(), most: 1 });
    let tickets = ["a", "b", "c"].map(|name| Ticket { limit: limit.clone(), ..short(name) });
    house.parts.tools.queue.push(&tickets).await.unwrap();
    let lapses = later(house.parts.tools.clock.now(), Duration::from_secs(1));
    // Whoever this is neither renews its lease nor ends its job.
    let leases = house.parts.leases.clone();
    let held = leases.claim("dead", Queue::Housekeeping, 9, lapses).await.unwrap();
    assert_eq!(held.len(), 1, "{held:?}");

    let pool = serve::start(&house.parts).unwrap();
    let done = all_done(&house, 3).await;
    pool.stop().await;

    let mut spans: Vec<_> =
        done.iter().map(|job| (millis(job, "startedAt"), millis(job, "finishedAt"))).collect();
    spans.sort_unstable();
    assert!(spans[0].0 >= lapses.timestamp_millis(), "{spans:?}");
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{spans:?}");
}

#[tokio::test]
async fn two_workers_together_keep_to_the_rate_of_a_lane() {
    // Twenty a second, and as many at once.
    const RATE: i64 = 20;
    let settings = "[worker]\nhousekeeping = 4\n[rate]\nhousekeeping = 1200\n";
    let house = House::awake_with(Arc::new(Ground::new().await), settings);
    let tickets: Vec<Ticket> = (0..50).map(|n| short(&n.to_string())).collect();
    house.parts.tools.queue.push(&tickets).await.unwrap();
    let began: DateTime = house.parts.tools.clock.now();

    let pools = [serve::start(&house.parts).unwrap(), serve::start(&house.parts).unwrap()];
    let done = all_done(&house, 50).await;
    for pool in pools {
        pool.stop().await;
    }

    let mut starts: Vec<i64> = done.iter().map(|job| millis(job, "startedAt")).collect();
    starts.sort_unstable();
    for (begun, at) in (1..).zip(&starts) {
        let allowed = RATE + (at - began.timestamp_millis()) * RATE / 1000;
        assert!(begun <= allowed, "{begun} begun, {allowed} allowed: {starts:?}");
    }
}
