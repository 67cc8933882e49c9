//! Media that have arrived.

use async_trait::async_trait;
use bson::DateTime;

use super::PortError;
use crate::model::{EventId, FileType, Media, MediaId, ProcessingStatus};

/// Which media to list, newest first.
#[derive(Debug, Clone)]
pub struct MediaFilter {
    /// Of this event; nothing crosses events.
    pub event_id: EventId,
    /// In this status.
    pub status: Option<ProcessingStatus>,
    /// Of this kind.
    pub file_type: Option<FileType>,
    /// After this one (the last of the page before): its `uploadedAt` and id.
    pub after: Option<(DateTime, MediaId)>,
    /// At most so many.
    pub limit: u32,
}

/// Some media of an event.
#[derive(Debug, Clone)]
pub struct MediaPage {
    /// Newest first.
    pub media: Vec<Media>,
    /// Whether others may follow behind the last one.
    pub more: bool,
}

/// The collection `event_media`, in the product's words.
#[async_trait]
pub trait MediaStore: Send + Sync {
    /// Keeps a new medium; one with the same id is left as it is.
    async fn create(&self, media: &Media) -> Result<(), PortError>;

    /// The medium with this id; `Missing` without one.
    async fn media(&self, id: MediaId) -> Result<Media, PortError>;

    /// Writes what differs between the two, field by field; `Conflict` if a worker wrote since
    /// `before`. What other services write meanwhile stays.
    async fn update(&self, before: &Media, after: Media) -> Result<Media, PortError>;

    /// Media of an event, newest first, soft-deleted ones left out.
    async fn list(&self, filter: MediaFilter) -> Result<MediaPage, PortError>;

    /// Media in `status` created before `before`, oldest first; at most `limit`.
    async fn waiting(
        &self,
        status: ProcessingStatus,
        before: DateTime,
        limit: u32,
    ) -> Result<Vec<Media>, PortError>;
}
