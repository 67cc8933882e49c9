//! The worker's own copy of what it must know of people.

use async_trait::async_trait;

use super::PortError;
use crate::model::{User, UserId};

/// The collection `users`, in the product's words; MySQL stays the source of truth.
#[async_trait]
pub trait Users: Send + Sync {
    /// What is known of this person, if anything.
    async fn user(&self, id: UserId) -> Result<Option<User>, PortError>;

    /// Replaces what is known of this person.
    async fn put(&self, user: &User) -> Result<(), PortError>;
}
