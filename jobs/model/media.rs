//! A medium that has arrived: the seed's `event_media`, field by field.

use bson::{DateTime, Document};
use serde::{Deserialize, Serialize};

use super::{AlbumId, EventId, FileType, MediaId, Person, StepError, Steps, UploadId, UserId};

/// One document of `event_media`. Our additions are left out of the document while they are empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct Media {
    #[serde(rename = "_id")]
    pub id: MediaId,
    pub event_id: EventId,
    pub uploaded_by: UserId,
    pub uploader_info: Person,
    pub filename: String,
    pub original_filename: String,
    pub file_url: Option<String>,
    pub thumbnail_url: Option<String>,
    pub file_type: FileType,
    pub mime_type: String,
    pub file_size: u64,
    pub metadata: MediaMetadata,
    pub caption: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    pub album_id: Option<AlbumId>,
    pub album_name: Option<String>,
    #[serde(default)]
    pub likes: Vec<Like>,
    #[serde(default)]
    pub comments: Vec<Comment>,
    pub processing_status: ProcessingStatus,
    pub processing_steps: Steps,
    pub visibility: Visibility,
    pub downloadable: bool,
    pub is_deleted: bool,
    pub deleted_at: Option<DateTime>,
    pub deleted_by: Option<UserId>,
    pub s3_info: S3Info,
    pub taken_at: Option<DateTime>,
    pub uploaded_at: DateTime,
    pub created_at: DateTime,
    pub updated_at: DateTime,
    /// Small pictures, smallest first; those in AVIF behind the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thumbnails: Vec<ThumbnailInfo>,
    /// A thumbhash in base64, to show while the picture loads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// SHA-256 of the file in lower-case hex; like `fileSize` of what readers get, once they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What was sent, where readers get something else: a copy without its metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// What the bytes are, whatever the name and the sender say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sniffed_mime_type: Option<String>,
    /// Published although a step failed that is not needed for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<bool>,
    /// What the worker keeps for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing: Option<Processing>,
}

/// The file as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Original {
    /// Its length.
    pub file_size: u64,
    /// Its SHA-256 in lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What the worker keeps for itself about a medium.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Processing {
    /// Grows with every write of the worker; guards against lost updates.
    pub rev: i64,
    /// Where it came from.
    pub upload_id: UploadId,
    /// Where the bytes lie until they are published or quarantined.
    pub private_key: String,
    /// Where withheld bytes lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine_key: Option<String>,
    /// Objects that lie there, or may, and that no reader can know; whoever makes pictures of the
    /// medium removes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spare_keys: Vec<String>,
    /// Why it could not be published although its steps have ended well; the bytes are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_error: Option<StepError>,
}

/// Where a medium stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProcessingStatus {
    /// The bytes are being put together.
    Uploading,
    /// Steps are open.
    Processing,
    /// Published.
    Completed,
    /// Withheld or lost.
    Failed,
}

/// Who may see a medium.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Whoever takes part in the event.
    #[default]
    EventParticipants,
    /// The uploader alone.
    Private,
}

/// What is known of the content; absent fields do not apply or are not known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaMetadata {
    /// Of pictures and videos, as shown (after rotation).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<Dimensions>,
    /// Camera, time and place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exif: Option<Exif>,
    /// Seconds; of an animated picture, once through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Of videos, as shown: `1920x1080`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// FFmpeg's short name, such as `h264`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// Frames a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<f64>,
    /// kbit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u32>,
    /// Hz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Of documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// Of documents, ISO 639-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Clockwise turn for display in degrees, of videos that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<u16>,
    /// Frames of animated pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u32>,
    /// What the colours of a picture mean: `sRGB`, `Display P3`, `Adobe RGB (1998)` and the like,
    /// or the description of its ICC profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color_space: Option<String>,
    /// The file ended early or is damaged; the pictures show what was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Dimensions {
    pub width: u32,
    pub height: u32,
}

/// Camera, time and place of a picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exif {
    /// The model, or the maker where the file names no model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// The maker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub make: Option<String>,
    /// A GeoJSON point that also carries the seed's fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The moment; where no offset is known, the local time read as UTC (see `local_time`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<DateTime>,
    /// Whether the flash fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash: Option<bool>,
    /// Such as `24mm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_length: Option<String>,
    /// Such as `f/1.6`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aperture: Option<String>,
    /// Film speed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iso: Option<u32>,
    /// 1 to 8, as stored in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<u8>,
    /// The time on the camera's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_time: Option<String>,
    /// That clock's offset from UTC, such as `+02:00`; absent where the file does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<String>,
    /// Model of the lens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lens: Option<String>,
    /// The same in the picture and in the film of one live photo, which belong together by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_identifier: Option<String>,
}

/// A place. With `type` and `coordinates` it is a GeoJSON point, which is what we write: the seed's
/// bare fields under a 2dsphere index would be read as longitude, latitude.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// `Point`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Longitude, latitude.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinates: Option<[f64; 2]>,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// A name for people.
    pub address: Option<String>,
}

impl Location {
    /// The point at these degrees.
    pub fn at(latitude: f64, longitude: f64) -> Self {
        let (kind, coordinates) = (Some("Point".into()), Some([longitude, latitude]));
        Self { kind, coordinates, latitude, longitude, address: None }
    }
}

/// A person likes a medium.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct Like {
    pub user_id: UserId,
    pub timestamp: DateTime,
}

/// A person says something about a medium.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct Comment {
    #[serde(rename = "_id")]
    pub id: bson::oid::ObjectId,
    pub user_id: UserId,
    pub user_info: Document,
    pub content: String,
    pub timestamp: DateTime,
    pub is_edited: bool,
    pub edited_at: Option<DateTime>,
}

/// Where the published bytes lie.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct S3Info {
    /// The bucket.
    pub bucket: String,
    /// The key, once published.
    pub key: Option<String>,
    /// The region.
    pub region: String,
    /// Where everybody can read it, if so.
    pub public_url: Option<String>,
    /// Signed links, for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presigned_urls: Option<PresignedUrls>,
}

/// Signed links and their end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct PresignedUrls {
    pub download: String,
    pub expires_at: DateTime,
}

/// One small picture of a medium.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThumbnailInfo {
    /// The name of its size, such as `320`.
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Such as `image/jpeg`.
    pub mime_type: String,
    /// Length of the file.
    pub bytes: u64,
    /// Where it lies in the object store.
    pub key: String,
    /// Where readers get it; null until publication.
    pub url: Option<String>,
}

impl Media {
    /// Whether readers may have the bytes.
    pub fn is_published(&self) -> bool {
        self.processing_status == ProcessingStatus::Completed
    }

    /// What its bytes are, or what its sender said they are where nobody looked.
    pub fn known_type(&self) -> &str {
        self.sniffed_mime_type.as_ref().unwrap_or(&self.mime_type)
    }

    /// Whether its bytes are a film.
    pub fn is_film(&self) -> bool {
        self.known_type().starts_with("video/")
    }

    /// Whether readers have its small pictures, which may be made again.
    pub fn is_pictured(&self) -> bool {
        let steps = &self.processing_steps;
        self.is_published()
            && steps.may_be_opened()
            && !self.is_deleted
            && steps.thumbnail_generation.completed
    }

    /// Whether it is published and has small pictures whose addresses nobody knows yet.
    pub fn has_hidden_pictures(&self) -> bool {
        self.is_published() && self.thumbnails.iter().any(|thumbnail| thumbnail.url.is_none())
    }

    /// Computes `processingStatus` and `degraded` from the steps. Only publication says
    /// `completed`; what is published stays so, unless a new verdict withholds it.
    pub fn settle(&mut self) {
        let published = self.is_published();
        let unpublishable = self.processing.as_ref().is_some_and(|p| p.publish_error.is_some());
        self.processing_status = match self.processing_steps.status() {
            ProcessingStatus::Processing if unpublishable => ProcessingStatus::Failed,
            ProcessingStatus::Processing if published => ProcessingStatus::Completed,
            status => status,
        };
        let degraded = self.processing_steps.is_degraded();
        self.degraded = (degraded || self.degraded.is_some()).then_some(degraded);
    }

    /// The worker's own part; a document that another service wrote has none.
    pub fn rev(&self) -> i64 {
        self.processing.as_ref().map_or(0, |p| p.rev)
    }
}
