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

/// Where a medium stands among those with pictures: by the version of their recipe, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PicturedPlace {
    /// None where they were made before there were versions.
    pub version: Option<u32>,
    /// The medium.
    pub id: MediaId,
}

/// Some media with pictures.
#[derive(Debug, Clone)]
pub struct PicturedPage {
    /// Those with the oldest pictures first.
    pub media: Vec<MediaId>,
    /// The place of the last one, if others may follow behind it.
    pub next: Option<PicturedPlace>,
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

    /// Published media whose pictures are of a recipe older than `version`, from behind `after` on;
    /// at most `limit`. Deleted ones and those of other writers are left out.
    async fn pictured_before(
        &self,
        version: u32,
        after: Option<PicturedPlace>,
        limit: u32,
    ) -> Result<PicturedPage, PortError>;
}
