//! What runs again and again, and when it does so next.

use async_trait::async_trait;
use bson::DateTime;

use super::PortError;
use crate::model::{Rule, Schedule, ScheduleName};

/// The collection `schedules`, in the product's words.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// Keeps a rule that the program brings along. What an operator has changed of it stays, and so
    /// does a pause; what the program itself says otherwise than it did before is changed.
    async fn define(&self, name: &ScheduleName, rule: &Rule) -> Result<(), PortError>;

    /// Keeps a rule that somebody gives, in place of what this schedule was; its next tick is found
    /// out anew where the times are others.
    async fn put(&self, name: &ScheduleName, rule: &Rule) -> Result<(), PortError>;

    /// Forgets a schedule; whether there was one.
    async fn remove(&self, name: &ScheduleName) -> Result<bool, PortError>;

    /// The schedules whose next ticks come first; before them those of which that is not known.
    async fn soonest(&self, limit: u32) -> Result<Vec<Schedule>, PortError>;

    /// Writes the next tick, and the last one if a job was put, unless somebody else has done so or
    /// has changed the times since `before` was read; whether it was written.
    async fn move_on(
        &self,
        before: &Schedule,
        next: DateTime,
        last: Option<DateTime>,
    ) -> Result<bool, PortError>;

    /// The schedule of this name; `Missing` if there is none.
    async fn schedule(&self, name: &ScheduleName) -> Result<Schedule, PortError>;
}
