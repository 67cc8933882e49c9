//! Several hands at work in one house, as the worker has them, with the time of each job.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream::FuturesUnordered};
use iven_worker::worker::LEASE;
use jobs::{
    job::Queue,
    ports::{Clock, Leased, later},
};

use crate::house::House;

/// Jobs at the same time.
const HANDS: usize = 4;

/// A job that ran.
pub struct Ran {
    /// The medium that it was about.
    pub media: String,
    pub kind: String,
    pub ended: String,
    pub time: Duration,
}

/// Runs every waiting job, and those that they put; how each ended, in the order of their ends.
pub async fn work(house: &House) -> Vec<Ran> {
    let mut running = FuturesUnordered::new();
    let mut log = Vec::new();
    loop {
        house.parts.leases.promote(100).await.unwrap();
        for queue in Queue::ALL {
            let free = u32::try_from(HANDS - running.len()).unwrap();
            if free == 0 {
                break;
            }
            let until = later(house.ground.clock.now(), LEASE);
            let claimed = house.parts.leases.claim("house", queue, free, until).await.unwrap();
            running.extend(claimed.into_iter().map(|job| run(house, job)));
        }
        match running.next().await {
            Some(ran) => log.push(ran),
            None => return log,
        }
    }
}

async fn run(house: &House, job: Leased) -> Ran {
    let began = Instant::now();
    let ended = house.parts.engine().attempt(&job).await.to_string();
    let media = job.args.get_object_id("mediaId").map(|id| id.to_hex()).unwrap_or_default();
    Ran { media, kind: job.kind, ended, time: began.elapsed() }
}
