//! A pool says that it is at work, and that it is gone.

use std::sync::Arc;

use iven_worker::serve;

use super::until;
use crate::house::{Ground, House};

#[tokio::test]
async fn a_pool_is_among_the_workers_until_it_stops() {
    let house = House::awake(Arc::new(Ground::new().await));
    let workers = house.parts.tools.workers.clone();
    let pool = serve::start(&house.parts).unwrap();

    let seen = until("a report", || async { workers.at_work(9).await.unwrap().pop() }).await;
    pool.stop().await;

    let pid = std::process::id();
    assert!(seen.owner.contains(&format!("/{pid}/")), "{}", seen.owner);
    assert_eq!((seen.pid, seen.version.as_str()), (pid.into(), env!("CARGO_PKG_VERSION")));
    let lanes: Vec<_> = seen.lanes.iter().map(|l| (l.queue.as_str(), l.places)).collect();
    let files = [("ingest", 8), ("scan", 4), ("media", 2), ("housekeeping", 1)];
    let notices = [("notify", 16), ("push", 128), ("email", 8), ("sms", 4)];
    assert_eq!(lanes, [files, notices].concat());
    assert_eq!(workers.at_work(9).await.unwrap(), []);
}
