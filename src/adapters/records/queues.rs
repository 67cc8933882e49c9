//! `queues` over the document port: which lanes an operator has paused.

use bson::{Bson, DateTime, doc};
use jobs::{job::Queue, ports::PortError};

use super::collections::QUEUES;
use crate::adapters::documents::{Change, Documents, Guard};

/// Pauses a lane or lets it go on.
pub(super) async fn pause(
    store: &dyn Documents,
    queue: Queue,
    paused: bool,
    now: DateTime,
) -> Result<(), PortError> {
    let id = Bson::from(queue.as_str());
    let change = Change::new().set("paused", paused).set("changedAt", now);
    if store.patch(&QUEUES, &id, Guard::none(), change.clone()).await?.is_some() {
        return Ok(());
    }
    let document = doc! { "_id": id.clone(), "paused": paused, "changedAt": now };
    match store.insert(&QUEUES, document).await {
        // Another operator was first.
        Err(PortError::Conflict(_)) => {
            store.patch(&QUEUES, &id, Guard::none(), change).await.map(|_| ())
        }
        answer => answer,
    }
}

/// The lanes that are paused.
pub(super) async fn paused(store: &dyn Documents) -> Result<Vec<Queue>, PortError> {
    let all = Queue::ALL.map(|queue| Bson::from(queue.as_str()));
    let known = store.get_many(&QUEUES, &all).await?;
    let paused = known.iter().filter(|queue| queue.get_bool("paused").unwrap_or(false));
    Ok(paused.filter_map(|queue| Queue::named(queue.get_str("_id").ok()?)).collect())
}
