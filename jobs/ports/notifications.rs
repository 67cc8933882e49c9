//! The collection `notifications`, in the product's words.

use async_trait::async_trait;
use bson::{Bson, DateTime};

use super::PortError;
use crate::model::{EventId, Notification, NotificationId, NotificationStatus, UserId};

/// A notification that another service may have written.
#[derive(Debug, Clone)]
pub struct Foreign {
    /// Its `_id`, of whatever type.
    pub id: Bson,
    /// The notification, or why it cannot be read.
    pub read: Result<Notification, String>,
}

/// Which notifications of a user.
#[derive(Debug, Clone)]
pub struct NotificationFilter {
    /// Whose.
    pub user_id: UserId,
    /// In this status alone.
    pub status: Option<NotificationStatus>,
    /// Changed at or after this time, such as by being sent. These come by their last change.
    pub since: Option<DateTime>,
    /// Behind this one, which was the last of the page before.
    pub after: Option<(DateTime, NotificationId)>,
    /// At most so many.
    pub limit: u32,
}

/// Some notifications of a user.
#[derive(Debug, Clone)]
pub struct NotificationPage {
    /// The newest first.
    pub notifications: Vec<Notification>,
    /// The place of the last one, if others may follow behind it.
    pub next: Option<(DateTime, NotificationId)>,
}

/// Notifications, waiting and sent. `Missing` where there is no such notification.
#[async_trait]
pub trait Notifications: Send + Sync {
    /// Keeps a new one and gives it back with `true`, or the one that has its `dedupeKey` already
    /// with `false`.
    async fn create(&self, new: &Notification) -> Result<(Notification, bool), PortError>;

    /// Keeps new ones at once; those whose id is taken are there already.
    async fn create_all(&self, new: &[Notification]) -> Result<(), PortError>;

    /// The notification with this id.
    async fn notification(&self, id: NotificationId) -> Result<Notification, PortError>;

    /// Writes what differs between the two; `Conflict` if somebody wrote meanwhile.
    async fn update(
        &self,
        before: &Notification,
        after: Notification,
    ) -> Result<Notification, PortError>;

    /// What other services have inserted and nobody has taken in yet.
    async fn foreign(&self, limit: u32) -> Result<Vec<Foreign>, PortError>;

    /// Takes one that cannot be read out of the way of the others; what nobody has got has failed.
    async fn refuse(&self, id: &Bson, why: &str) -> Result<(), PortError>;

    /// Those that somebody has to look at by `now`, the longest due first.
    async fn due(&self, now: DateTime, limit: u32) -> Result<Vec<Foreign>, PortError>;

    /// Somebody has looked at these, which were due by `now`: nobody has to before `again`.
    async fn looked(
        &self,
        seen: &[NotificationId],
        now: DateTime,
        again: DateTime,
    ) -> Result<(), PortError>;

    /// A page of a user's, the newest first.
    async fn of_user(&self, filter: &NotificationFilter) -> Result<NotificationPage, PortError>;

    /// Those about an event of which something is still to be done.
    async fn open_of(&self, event: EventId, limit: u32) -> Result<Vec<Notification>, PortError>;

    /// Open ones of a user that are gathered under this key.
    async fn gathered(
        &self,
        user: UserId,
        key: &str,
        limit: u32,
    ) -> Result<Vec<Notification>, PortError>;
}
