//! A file that is arriving: the seed's `file_uploads`, field by field.

use std::time::Duration;

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::{AlbumId, EventId, MediaId, UploadId, UserId, Visibility};
use crate::ports::{KeptPart, Part, Transfer, later};

/// Length of every chunk but the last, in bytes (the seed's 10 MB).
pub const CHUNK_BYTES: u64 = 10 << 20;

/// One document of `file_uploads`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct Upload {
    #[serde(rename = "_id")]
    pub id: bson::oid::ObjectId,
    pub upload_id: UploadId,
    pub user_id: UserId,
    pub event_id: EventId,
    pub filename: String,
    pub original_filename: String,
    pub mime_type: String,
    pub size: u64,
    pub chunks: Vec<Chunk>,
    pub status: UploadStatus,
    pub progress: u32,
    pub error: Option<UploadError>,
    pub s3_bucket: String,
    pub s3_key: String,
    pub s3_url: Option<String>,
    pub metadata: UploadMetadata,
    pub created_at: DateTime,
    pub completed_at: Option<DateTime>,
    pub expires_at: DateTime,
    /// The object store's own name for the parts on their way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_upload_id: Option<String>,
    /// The door that its bytes come through; numbered chunks, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// Its length is not known yet: `size` and `chunks` grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred: Option<bool>,
    /// What the door for tus keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tus: Option<Tus>,
    /// Where the bytes are on their way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<UploadPhase>,
    /// Distinct verified bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_bytes: Option<u64>,
    /// SHA-256 of the whole file: first what the sender promised, then what was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The medium it becomes; set once, when the upload is completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_id: Option<MediaId>,
    /// Wish for the medium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album_id: Option<AlbumId>,
    /// Wish for the medium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Wish for the medium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Wish for the medium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Who asked for it, by which key: the same request gets the same upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// After this nothing is accepted, however busy the upload is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_expires_at: Option<DateTime>,
    /// When the record itself may go; set by the janitor after it has freed the space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_at: Option<DateTime>,
    /// Last write of the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime>,
    /// Grows with every write of the worker but those of single chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rev: Option<i64>,
}

/// One chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chunk {
    /// From 1.
    pub chunk_number: u32,
    /// Bytes.
    pub chunk_size: u64,
    /// Whether its bytes are kept and verified.
    pub uploaded: bool,
    /// When they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_at: Option<DateTime>,
    /// SHA-256 of its bytes in lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The object store's name for exactly these bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// What callers see of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own words")]
pub enum UploadStatus {
    Uploading,
    Completed,
    Failed,
    Cancelled,
}

/// The door that bytes come through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Transport {
    /// Numbered chunks, through the service.
    Chunks,
    /// Numbered chunks, straight to the object store by signed addresses.
    Presigned,
    /// The protocol tus: bytes from an offset on.
    Tus,
}

/// What the door for tus keeps of an upload.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tus {
    /// The header `Upload-Metadata` as the client sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// The request that may write: a later one takes over from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// The beginning of the next chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
    /// The header `Upload-Concat`, of a part of a file or of a file made of parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concat: Option<String>,
}

/// Bytes that are kept and do not fill their chunk yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// Where they lie.
    pub key: String,
    /// How many they are.
    pub bytes: u64,
}

/// Where the bytes are on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UploadPhase {
    /// Chunks are coming.
    Receiving,
    /// All chunks are there; they become one object.
    Assembling,
    /// The object is compared with what was promised.
    Verifying,
    /// The object is whole.
    Stored,
}

/// Why an upload failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadError {
    /// Stable, `snake_case`.
    pub code: String,
    /// One sentence.
    pub message: String,
}

/// The seed's small extract of the medium's metadata.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UploadMetadata {
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Such as `1920x1080`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// FFmpeg's short name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
}

impl Chunk {
    /// A chunk of so many bytes that are still to come.
    pub fn empty(number: u32, bytes: u64) -> Self {
        Self {
            chunk_number: number,
            chunk_size: bytes,
            uploaded: false,
            uploaded_at: None,
            sha256: None,
            etag: None,
        }
    }

    /// It has come, and the store has it as this.
    fn keep(&mut self, etag: &str, sha256: Option<&String>, now: DateTime) {
        self.uploaded = true;
        self.uploaded_at = Some(now);
        self.sha256 = sha256.cloned();
        self.etag = Some(etag.to_owned());
    }
}

impl Upload {
    /// Cuts `size` bytes into chunks.
    pub fn chunks_for(size: u64) -> Vec<Chunk> {
        let chunk = |index: u64| {
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            Chunk::empty(number, CHUNK_BYTES.min(size - index * CHUNK_BYTES))
        };
        (0..size.div_ceil(CHUNK_BYTES)).map(chunk).collect()
    }

    /// The chunk with this number.
    pub fn chunk(&self, number: u32) -> Option<&Chunk> {
        self.chunks.iter().find(|chunk| chunk.chunk_number == number)
    }

    /// Numbers of the chunks that are not there yet.
    pub fn missing(&self) -> Vec<u32> {
        self.chunks.iter().filter(|c| !c.uploaded).map(|c| c.chunk_number).collect()
    }

    /// The kept parts in order, if all are there.
    pub fn parts(&self) -> Option<Vec<Part>> {
        let part = |chunk: &Chunk| {
            Some(Part {
                number: chunk.chunk_number,
                etag: chunk.etag.clone()?,
                sha256: chunk.sha256.clone(),
                bytes: chunk.chunk_size,
            })
        };
        self.chunks.iter().map(part).collect()
    }

    /// The upload as the store of objects knows it.
    pub fn transfer(&self) -> Transfer {
        let is_unchecked =
            self.transport == Some(Transport::Presigned) && self.deferred == Some(true);
        let (upload, id) = (self.upload_id.0.clone(), self.s3_upload_id.clone());
        Transfer { upload, id, is_checked: !is_unchecked }
    }

    /// Whether it is a part of a file that is put together later.
    pub fn is_partial(&self) -> bool {
        let concat = self.tus.as_ref().and_then(|tus| tus.concat.as_deref());
        concat == Some("partial")
    }

    /// Whether all of it has come by tus and it did not become a medium yet; or did, if the process
    /// that was about to make it one lived on.
    pub fn is_whole_by_tus(&self) -> bool {
        self.transport == Some(Transport::Tus)
            && self.status == UploadStatus::Uploading
            && matches!(self.phase(), UploadPhase::Receiving | UploadPhase::Assembling)
            && !self.is_partial()
            && self.has_all_by_tus()
    }

    /// Whether it is known how long it is and so much has come, perhaps the end of it as a tail.
    pub fn has_all_by_tus(&self) -> bool {
        self.deferred.is_none() && self.size > 0 && self.offset() == self.size
    }

    /// Writes down a part that comes next.
    pub fn keep(&mut self, part: &Part, now: DateTime) {
        let at = usize::try_from(part.number.saturating_sub(1)).unwrap_or(usize::MAX);
        if at == self.chunks.len() {
            self.chunks.push(Chunk::empty(part.number, part.bytes));
        }
        if let Some(chunk) = self.chunks.get_mut(at) {
            chunk.keep(&part.etag, part.sha256.as_ref(), now);
        }
        self.count();
    }

    fn count(&mut self) {
        let received = self.chunks.iter().filter(|chunk| chunk.uploaded);
        self.received_bytes = Some(received.map(|chunk| chunk.chunk_size).sum());
        self.progress = self.percent();
    }

    /// How many bytes from the beginning are kept without a gap.
    pub fn offset(&self) -> u64 {
        let whole = self.chunks.iter().take_while(|chunk| chunk.uploaded);
        whole.map(|chunk| chunk.chunk_size).sum::<u64>() + self.tail().map_or(0, |tail| tail.bytes)
    }

    /// Bytes behind the last whole chunk, where there are some.
    pub fn tail(&self) -> Option<&Tail> {
        self.tus.as_ref()?.tail.as_ref()
    }

    /// When it expires if nothing comes after `now` for `idle`.
    pub fn expiry(&self, now: DateTime, idle: Duration) -> DateTime {
        later(now, idle).min(self.last_expiry())
    }

    /// When it expires however busy it is.
    pub fn last_expiry(&self) -> DateTime {
        self.hard_expires_at.unwrap_or(self.expires_at)
    }

    /// Marks these parts as kept, which the store has, where they are as long as their chunks. Of
    /// an upload whose length nobody said, they are the chunks.
    pub fn take_in(&mut self, kept: &[KeptPart], now: DateTime) {
        if self.deferred == Some(true) {
            let mut kept = kept.to_vec();
            kept.dedup_by_key(|part| part.number);
            let last = kept.last().map_or(0, |part| part.number);
            // A gap is a chunk that is missing, of whatever length.
            let bytes = |n| kept.iter().find(|part| part.number == n).map_or(0, |part| part.bytes);
            self.chunks = (1..=last).map(|n| Chunk::empty(n, bytes(n))).collect();
            self.size = self.chunks.iter().map(|chunk| chunk.chunk_size).sum();
        }
        for chunk in &mut self.chunks {
            let fits = |part: &&KeptPart| {
                part.number == chunk.chunk_number && part.bytes == chunk.chunk_size
            };
            // The last that came stands first; it takes the place of one that was written down.
            let Some(part) = kept.iter().find(fits) else { continue };
            if !chunk.uploaded || chunk.etag.as_ref() != Some(&part.etag) {
                chunk.keep(&part.etag, part.sha256.as_ref(), now);
            }
        }
        self.count();
    }

    /// The share of distinct verified bytes in percent, rounded down.
    pub fn percent(&self) -> u32 {
        let received: u64 = self.chunks.iter().filter(|c| c.uploaded).map(|c| c.chunk_size).sum();
        let percent = received.saturating_mul(100).checked_div(self.size).unwrap_or(0);
        u32::try_from(percent.min(100)).unwrap_or(100)
    }

    /// Where the bytes are on their way; documents of other writers may not say.
    pub fn phase(&self) -> UploadPhase {
        let unsaid = match self.status {
            UploadStatus::Completed => UploadPhase::Stored,
            _ => UploadPhase::Receiving,
        };
        self.phase.unwrap_or(unsaid)
    }

    /// Whether chunks may still come at `now`.
    pub fn is_receiving(&self) -> bool {
        self.status == UploadStatus::Uploading && self.phase() == UploadPhase::Receiving
    }
}
