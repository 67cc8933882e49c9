//! What is told at once to whoever listens. A hint that gets lost is harmless: the documents are
//! the truth, and whoever missed one asks for them.

use std::{fmt, pin::Pin, sync::Arc};

use async_trait::async_trait;
use futures_core::Stream;
use serde_json::Value;

use super::PortError;
use crate::model::{EventId, UserId};

/// Whose hints one listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Room {
    /// What concerns one user.
    User(UserId),
    /// What happens in one event.
    Event(EventId),
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user_{id}"),
            Self::Event(id) => write!(f, "event_{id}"),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveName {
    /// Bytes of an upload have come.
    UploadProgress,
    /// A step of a medium stands elsewhere.
    MediaStep,
    /// A medium is published.
    MediaCompleted,
    /// A medium has come to nothing.
    MediaFailed,
    /// A user has got a notification.
    Notification,
    /// A user has read one.
    NotificationRead,
}

impl LiveName {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::UploadProgress,
        Self::MediaStep,
        Self::MediaCompleted,
        Self::MediaFailed,
        Self::Notification,
        Self::NotificationRead,
    ];

    /// Its name for front ends.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UploadProgress => "upload.progress",
            Self::MediaStep => "media.step",
            Self::MediaCompleted => "media.completed",
            Self::MediaFailed => "media.failed",
            Self::Notification => "notification",
            Self::NotificationRead => "notification.read",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// Something that happened, and who may know.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveEvent {
    /// What.
    pub name: LiveName,
    /// Whose upload, medium or notification it is about.
    pub user: UserId,
    /// In which event; only who is invited to it may know.
    pub event: Option<EventId>,
    /// Nobody but that user may know.
    pub is_private: bool,
    /// A small JSON object: ids and states, no address of anything unpublished.
    pub data: Value,
}

impl LiveEvent {
    /// Where it is heard.
    pub fn rooms(&self) -> impl Iterator<Item = Room> + use<> {
        [Some(Room::User(self.user)), self.event.map(Room::Event)].into_iter().flatten()
    }
}

/// What a listener hears.
#[derive(Debug, Clone)]
pub enum Heard {
    /// An event, and the place behind it.
    Event(String, Arc<LiveEvent>),
    /// Events before this place were missed: what they were about has to be asked for.
    Missed(String),
}

/// Events as they happen. It ends when the listener is too slow, with [`Heard::Missed`], and when
/// the service stops.
pub type Hearing = Pin<Box<dyn Stream<Item = Heard> + Send>>;

/// Tells and listens.
#[async_trait]
pub trait Live: Send + Sync {
    /// Tells whoever listens, in all processes. Nobody's work waits for a listener or fails
    /// because nobody could be told.
    async fn announce(&self, events: &[LiveEvent]);

    /// What happens in these rooms from now on, or, in one room alone, from behind the place
    /// `after`; and the place where that begins. `Busy` where too many listen.
    async fn listen(
        &self,
        rooms: &[Room],
        after: Option<&str>,
    ) -> Result<(String, Hearing), PortError>;

    /// Ends what everybody hears; from then on nobody may listen.
    fn close(&self);
}
