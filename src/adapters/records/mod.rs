//! The repositories: each collection's port, written once over the document port.

mod activities;
mod albums;
mod arrivals;
mod behind;
mod book;
pub mod collections;
mod contacts;
mod counted;
mod diff;
mod leases;
mod limits;
mod lists;
mod live;
mod lost;
mod media;
mod notifications;
mod queues;
mod rates;
mod row;
mod schedules;
mod tickets;
mod uploads;
mod users;
mod workers;

pub use lists::standing;
pub use live::LiveRooms;

use std::sync::{Arc, atomic::AtomicBool};

use bson::{Bson, Document};
use jobs::ports::{Clock, PortError};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Notify;

use super::documents::Documents;

/// All repositories over one store.
#[derive(Clone)]
pub struct Records {
    store: Arc<dyn Documents>,
    clock: Arc<dyn Clock>,
    /// Rung when a ticket comes in, so that the claimer need not wait for its next look.
    wake: Arc<Notify>,
    /// Rung when another service has put a job.
    bell: Arc<Notify>,
    /// Whether somebody rings for what other processes put, too.
    is_told: Arc<AtomicBool>,
    enqueued: counted::Enqueued,
    /// Walks past jobs whose keys are full.
    passed: Arc<behind::Passed>,
}

impl Records {
    /// The repositories over `store`.
    pub fn new(store: Arc<dyn Documents>, clock: Arc<dyn Clock>) -> Self {
        let is_told = Arc::new(AtomicBool::new(!store.is_shared()));
        Self {
            store,
            clock,
            is_told,
            wake: Arc::default(),
            bell: Arc::default(),
            enqueued: counted::Enqueued::new(),
            passed: Arc::default(),
        }
    }
}

/// A document as the model's type.
fn read<T: DeserializeOwned>(document: Document, what: &str) -> Result<T, PortError> {
    bson::deserialize_from_document(document).map_err(|error| {
        PortError::refused("malformed_document", format!("a document of {what} is odd: {error}"))
    })
}

/// A document as the model's type, for work through many: an odd one, which another service may
/// have written, must not keep the others from being done.
fn readable<T: DeserializeOwned>(document: Document, what: &str) -> Option<T> {
    let id = document.get("_id").cloned();
    read(document, what).map_err(|error| left_out(id, &error, what)).ok()
}

/// Says and counts that a document was left out.
fn left_out(id: Option<Bson>, error: &dyn std::fmt::Display, what: &str) {
    metrics::counter!("odd_documents_total", "collection" => what.to_owned()).increment(1);
    tracing::error!(id = id.map(tracing::field::display), %error, "left out");
}

/// The model's type as a document.
fn write<T: Serialize>(value: &T, what: &str) -> Result<Document, PortError> {
    bson::serialize_to_document(value).map_err(|error| {
        PortError::refused("malformed_document", format!("{what} is no document: {error}"))
    })
}
