//! `queues` over the document port: how much of their rate the lanes have left.

use async_trait::async_trait;
use bson::{Bson, DateTime, Document, doc};
use jobs::{
    job::Queue,
    ports::{Bucket, Drawn, PortError, Rate, Rates},
};

use super::{Records, collections::QUEUES};
use crate::adapters::documents::{Change, Guard, Test};

/// How often a lost race is run again.
const RACES: usize = 32;

#[async_trait]
impl Rates for Records {
    async fn draw(&self, queue: Queue, rate: Rate, wanted: u32) -> Result<Drawn, PortError> {
        let id = Bson::from(queue.as_str());
        for _ in 0..RACES {
            let lane = self.store.get(&QUEUES, &id).await?;
            let now = self.clock.now();
            let before = lane.as_ref().and_then(|lane| lane.get("rate"));
            let (after, drawn) = bucket(before, rate, now).draw(rate, wanted, now);
            let Drawn::Jobs(jobs) = drawn else { return Ok(drawn) };
            let change = Change::new().set("rate", written(after));
            let is_mine = match &lane {
                Some(_) => {
                    let guard = Guard::none().eq("rate", before.cloned().unwrap_or(Bson::Null));
                    self.store.patch(&QUEUES, &id, guard, change).await?.is_some()
                }
                None => self.first(&id, after, now).await?,
            };
            if is_mine {
                return Ok(Drawn::Jobs(jobs));
            }
        }
        Err(PortError::Conflict(format!("the rate of {} changes too fast", queue.as_str())))
    }

    async fn put_back(&self, queue: Queue, jobs: u32) -> Result<(), PortError> {
        let back = Change::new().inc("rate.units", Bucket::units_of(jobs));
        let guard = Guard::none().and("rate.units", Test::Exists(true));
        self.store.patch(&QUEUES, &queue.as_str().into(), guard, back).await.map(drop)
    }
}

impl Records {
    /// Writes the lane's document, unless another process was first.
    async fn first(&self, id: &Bson, bucket: Bucket, now: DateTime) -> Result<bool, PortError> {
        let lane = doc! {
            "_id": id.clone(), "paused": false, "changedAt": now, "rate": written(bucket),
        };
        match self.store.insert(&QUEUES, lane).await {
            Ok(()) => Ok(true),
            Err(PortError::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A lane that was never drawn from is full; from what cannot be read nothing is drawn at first.
fn bucket(rate: Option<&Bson>, of: Rate, now: DateTime) -> Bucket {
    let Some(rate) = rate else { return Bucket::full(of, now) };
    let read = |rate: &Document| {
        Some(Bucket { units: rate.get_i64("units").ok()?, at: *rate.get_datetime("at").ok()? })
    };
    rate.as_document().and_then(read).unwrap_or(Bucket::empty(now))
}

fn written(bucket: Bucket) -> Document {
    doc! { "units": bucket.units, "at": bucket.at }
}
