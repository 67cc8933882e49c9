//! Who did what.

use async_trait::async_trait;

use super::PortError;
use crate::model::Activity;

/// The collection `activity_logs`; entries are added and never changed.
#[async_trait]
pub trait Activities: Send + Sync {
    /// Keeps an entry; one with the same id is there already.
    async fn note(&self, activity: &Activity) -> Result<(), PortError>;
}
