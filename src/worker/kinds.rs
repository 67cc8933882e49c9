//! From a ticket's kind to the type of its job.

use async_trait::async_trait;
use jobs::{
    job::Job,
    ports::{Leased, PortError},
};

use super::handle::{Ended, Engine};

/// The kinds of jobs that an engine knows.
#[async_trait]
pub trait Kinds: Send + Sync {
    /// Runs one attempt with the engine's `run` for the ticket's kind, or its `unknown`.
    async fn run(&self, engine: &Engine, leased: &Leased) -> Result<Ended, PortError>;
}

/// All that the product does: the list in `jobs::every_job`.
pub struct EveryKind;

#[async_trait]
impl Kinds for EveryKind {
    async fn run(&self, engine: &Engine, leased: &Leased) -> Result<Ended, PortError> {
        macro_rules! run {
            ($($job:ty),+ $(,)?) => {
                match leased.kind.as_str() {
                    // In a box each: the largest of all would be on the stack otherwise.
                    $(<$job as Job>::KIND => Box::pin(engine.run::<$job>(leased)).await,)+
                    _ => engine.unknown(leased).await,
                }
            };
        }
        jobs::every_job!(run)
    }
}
