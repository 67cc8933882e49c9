//! The documents and their rules. Pure: no clock, no store.

mod filename;
mod ids;
mod media;
mod steps;
mod upload;

pub use filename::{display_name, slug};
pub use ids::{AlbumId, EventId, MediaId, MessageId, NotificationId, TaskId, UploadId, UserId};
pub use media::{
    Comment, Dimensions, Exif, Like, Location, Media, MediaMetadata, PresignedUrls, Processing,
    ProcessingStatus, S3Info, ThumbnailInfo, Uploader, Visibility,
};
pub use steps::{ErrorClass, ScanResult, Step, StepError, StepName, StepState, Steps};
pub use upload::{
    CHUNK_BYTES, Chunk, Upload, UploadError, UploadMetadata, UploadPhase, UploadStatus,
};

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
