//! What one process hears of another's jobs; nobody polls here.

use std::time::{Duration, Instant};

use bson::{doc, oid::ObjectId};
use futures_util::FutureExt;
use iven_worker::{
    adapters::{mongo, records::collections},
    config::Config,
    wire,
};
use jobs::ports::{Ending, later};
use mongodb::Database;

use super::{LEASE, Queue, error, ticket};
use crate::servers::mongodb_url;

/// What is told is heard within this time, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process on the database of this url.
async fn house(url: &str, data: &tempfile::TempDir) -> wire::House {
    let settings = format!(
        "[store]\ndata_dir = {:?}\nmongodb_url = {url:?}\n\
         [scanner]\naddress = \"unix:/no/scanner\"\n",
        data.path(),
    );
    let house = wire::house(Config::read(Some(&settings), Vec::new()).unwrap()).await.unwrap();
    house.store.migrate().await.unwrap();
    house.set_clock().await.unwrap();
    house
}

async fn database(url: &str) -> Database {
    mongo::connect(url, collections::ALL).await.unwrap().database().clone()
}

/// Waits for the bell; how long that took.
async fn heard(bell: impl Future<Output = ()>, what: &str) -> Duration {
    let began = Instant::now();
    tokio::time::timeout(PATIENCE, bell).await.unwrap_or_else(|_| panic!("{what} is not heard"));
    began.elapsed()
}

#[tokio::test]
async fn a_process_hears_of_jobs_that_others_put() {
    let (url, data) = (mongodb_url(), tempfile::tempdir().unwrap());
    let (one, other) = (house(&url, &data).await, house(&url, &data).await);
    let database = database(&url).await;
    let hears = async {
        // Open: what came before is looked for.
        heard(other.leases.woken(), "the opening").await;
        heard(other.arrivals.arrived(), "the opening").await;
        // It rings for each state.
        while other.leases.woken().now_or_never().is_some() {}
        assert!(other.leases.is_told() && !one.leases.is_told(), "who listens may look less often");

        one.tools.queue.push(&[ticket("a")]).await.unwrap();
        let pushed = heard(other.leases.woken(), "a ticket").await;
        let plain = doc! { "_id": ObjectId::new(), "kind": "sweep", "args": {}, "state": "new" };
        database.collection("jobs").insert_one(plain).await.unwrap();
        let put = heard(other.arrivals.arrived(), "a plain document").await;
        let until = later(one.tools.clock.now(), LEASE);
        let job = one.leases.claim("one", Queue::Scan, 1, until).await.unwrap().remove(0);
        let again = Ending::Again { at: until, counted: true, error: Some(error("late")) };
        one.leases.end(&job, again).await.unwrap();
        let back = heard(other.leases.woken(), "a job that comes again").await;

        println!("heard after {pushed:?}, {put:?} and {back:?}");
    };

    tokio::select! {
        () = other.listen() => panic!("it stops listening"),
        () = hears => {}
    }
    database.drop().await.unwrap();
}
