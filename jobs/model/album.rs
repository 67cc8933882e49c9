//! An album of an event: the seed's `media_albums`, field by field.

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::{AlbumId, EventId, FileType, MediaId, UserId, Visibility};

/// One document of `media_albums`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct Album {
    #[serde(rename = "_id")]
    pub id: AlbumId,
    pub event_id: EventId,
    pub created_by: UserId,
    pub name: String,
    pub description: Option<String>,
    pub cover_media_id: Option<MediaId>,
    #[serde(default)]
    pub media_count: u32,
    /// Bytes of all its media together.
    #[serde(default)]
    pub total_size: u64,
    #[serde(default)]
    pub media_types: Vec<FileType>,
    #[serde(default)]
    pub visibility: Visibility,
    /// Roles in the event, such as `organizer`. Words of the API services, which we only keep.
    #[serde(default)]
    pub can_contribute: Vec<String>,
    pub created_at: DateTime,
    pub updated_at: DateTime,
}
