//! The documents and their rules. Pure: no clock, no store.

mod ids;

pub use ids::{AlbumId, EventId, MediaId, MessageId, NotificationId, TaskId, UploadId, UserId};

/// What kind of medium a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FileType {
    /// A still or animated picture.
    Image,
    /// Moving pictures.
    Video,
    /// Sound alone.
    Audio,
    /// Pages.
    Document,
}
