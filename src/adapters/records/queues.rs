//! `queues` over the document port: which lanes an operator has paused, and which rest.

use bson::{Bson, DateTime, Document};
use jobs::{
    job::Queue,
    ports::{Orders, PortError},
};

use super::collections::QUEUES;
use crate::adapters::documents::{Change, Documents, Edit, Guard};

/// Until when a lane rests.
const REST: &str = "restUntil";

/// Pauses a lane or lets it go on.
pub(super) async fn pause(
    store: &dyn Documents,
    queue: Queue,
    paused: bool,
    now: DateTime,
) -> Result<(), PortError> {
    write(store, queue, Change::new().set("paused", paused).set("changedAt", now)).await
}

/// Lets a lane rest until then, or for longer if somebody has said so before.
pub(super) async fn rest(
    store: &dyn Documents,
    queue: Queue,
    until: DateTime,
    now: DateTime,
) -> Result<(), PortError> {
    let change = Change::new().with(REST, Edit::Max(until.into())).set("changedAt", now);
    write(store, queue, change).await
}

/// What all workers have to follow.
pub(super) async fn orders(store: &dyn Documents, now: DateTime) -> Result<Orders, PortError> {
    let all = Queue::ALL.map(|queue| Bson::from(queue.as_str()));
    let mut orders = Orders::default();
    for known in store.get_many(&QUEUES, &all).await? {
        let Some(queue) = known.get_str("_id").ok().and_then(Queue::named) else { continue };
        if known.get_bool("paused").unwrap_or(false) {
            orders.paused.push(queue);
        }
        let until = known.get_datetime(REST).ok().filter(|until| **until > now);
        orders.resting.extend(until.map(|until| (queue, *until)));
    }
    Ok(orders)
}

/// Changes the document of a lane, which may not be there yet.
async fn write(store: &dyn Documents, queue: Queue, change: Change) -> Result<(), PortError> {
    let id = Bson::from(queue.as_str());
    if store.patch(&QUEUES, &id, Guard::none(), change.clone()).await?.is_some() {
        return Ok(());
    }
    let mut document = Document::new();
    document.insert("_id", id.clone());
    match store.insert(&QUEUES, document).await {
        // Another one was first.
        Ok(()) | Err(PortError::Conflict(_)) => {
            store.patch(&QUEUES, &id, Guard::none(), change).await.map(drop)
        }
        answer => answer,
    }
}
