//! The repositories: each collection's port, written once over the document port.

mod activities;
mod albums;
mod arrivals;
mod behind;
mod book;
pub mod collections;
mod diff;
mod leases;
mod limits;
mod media;
mod queues;
mod rates;
mod schedules;
mod tickets;
mod uploads;
mod users;

use std::sync::Arc;

use bson::Document;
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
    /// Walks past jobs whose keys are full.
    passed: Arc<behind::Passed>,
}

impl Records {
    /// The repositories over `store`.
    pub fn new(store: Arc<dyn Documents>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, wake: Arc::new(Notify::new()), passed: Arc::default() }
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
    match read(document, what) {
        Ok(value) => Some(value),
        Err(error) => {
            metrics::counter!("odd_documents_total", "collection" => what.to_owned()).increment(1);
            tracing::error!(id = id.map(tracing::field::display), %error, "left out");
            None
        }
    }
}

/// The model's type as a document.
fn write<T: Serialize>(value: &T, what: &str) -> Result<Document, PortError> {
    bson::serialize_to_document(value).map_err(|error| {
        PortError::refused("malformed_document", format!("{what} is no document: {error}"))
    })
}
