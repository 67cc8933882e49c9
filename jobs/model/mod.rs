//! The documents and their rules. Pure: no clock, no store.

mod activity;
mod album;
mod delivery;
mod device;
mod filename;
mod ids;
mod media;
mod message;
mod notification;
mod preferences;
mod schedule;
#[cfg(test)]
mod seed_test;
mod settle;
mod steps;
mod upload;
mod user;
mod worker;

pub use activity::{Activity, ActivityChanges, ActivityMetadata};
pub use album::Album;
pub use delivery::{Channel, Deliveries, Delivery, DeliveryError, DeliveryState, Target};
pub use device::{Device, DeviceAddress, DeviceId, DeviceState, Subscription, SubscriptionKeys};
pub use filename::{display_name, slug};
pub use ids::{AlbumId, EventId, MediaId, MessageId, NotificationId, TaskId, UploadId, UserId};
pub use media::{
    Comment, Dimensions, Exif, Like, Location, Media, MediaMetadata, Original, PresignedUrls,
    Processing, ProcessingStatus, S3Info, ThumbnailInfo, Visibility,
};
pub use message::{Message, MessageKind, MessageMetadata, Reaction, ReadMark};
pub use notification::{
    Digest, Fallback, Notification, NotificationData, NotificationStatus, Unless,
};
pub use preferences::{ChannelWishes, Preferences, QuietHours, Wishes};
pub use schedule::{Misfire, Rule, Schedule, ScheduleName};
pub use steps::{ErrorClass, ScanResult, Step, StepError, StepName, StepState, Steps};
pub use upload::{
    CHUNK_BYTES, Chunk, Tail, Transport, Tus, Upload, UploadError, UploadMetadata, UploadPhase,
    UploadStatus,
};
pub use user::{Person, User};
pub use worker::{Lane, Worker};

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

impl FileType {
    /// What a sender's media type promises; only the bytes decide in the end.
    pub fn of_mime(mime_type: &str) -> Self {
        match mime_type.split('/').next() {
            Some("image") => Self::Image,
            Some("video") => Self::Video,
            Some("audio") => Self::Audio,
            _ => Self::Document,
        }
    }
}
