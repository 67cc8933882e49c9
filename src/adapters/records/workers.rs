//! `workers` over the document port.

use async_trait::async_trait;
use bson::Bson;
use jobs::{
    model::Worker,
    ports::{PortError, Workers},
};

use super::{Records, collections::WORKERS, readable, write};
use crate::adapters::documents::{Change, Edge, Guard, Query};

const WHAT: &str = "workers";

#[async_trait]
impl Workers for Records {
    async fn report(&self, worker: &Worker) -> Result<(), PortError> {
        let whole = write(worker, WHAT)?;
        let id = Bson::from(worker.owner.as_str());
        let fields = whole.iter().filter(|(name, _)| *name != "_id");
        let change = fields
            .fold(Change::new(), |change, (name, value)| change.set(name.clone(), value.clone()));
        // The first report, or the store took it for lost while this process stood still.
        if self.store.patch(&WORKERS, &id, Guard::none(), change).await?.is_none() {
            self.store.insert(&WORKERS, whole).await?;
        }
        Ok(())
    }

    async fn leave(&self, owner: &str) -> Result<(), PortError> {
        self.store.delete(&WORKERS, &Bson::from(owner), Guard::none()).await.map(|_| ())
    }

    async fn at_work(&self, limit: u32) -> Result<Vec<Worker>, PortError> {
        // The store removes late ones at its leisure.
        let now = Edge::Excluding(self.clock.now().into());
        let query = Query { from: now, reverse: true, ..Query::over("expire", limit) };
        let found = self.store.find(&WORKERS, query).await?;
        Ok(found.into_iter().filter_map(|worker| readable(worker, WHAT)).collect())
    }
}
