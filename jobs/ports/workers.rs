//! Which processes are at work.

use async_trait::async_trait;

use super::PortError;
use crate::model::Worker;

/// The collection `workers`, in the product's words.
#[async_trait]
pub trait Workers: Send + Sync {
    /// Writes how the worker stands, whether or not it was known.
    async fn report(&self, worker: &Worker) -> Result<(), PortError>;

    /// Forgets the worker.
    async fn leave(&self, owner: &str) -> Result<(), PortError>;

    /// Those who have reported in time, the last report first; at most `limit`.
    async fn at_work(&self, limit: u32) -> Result<Vec<Worker>, PortError>;
}
