//! Uploads on their way.

use async_trait::async_trait;
use bson::DateTime;

use super::{Part, PortError};
use crate::model::{Upload, UploadId, UploadPhase};

/// The collection `file_uploads`, in the product's words.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Keeps a new upload; if its idempotency key is known, the upload that has it is returned.
    async fn create(&self, upload: Upload) -> Result<Upload, PortError>;

    /// The upload with this id; `Missing` without one.
    async fn upload(&self, id: &UploadId) -> Result<Upload, PortError>;

    /// Marks a chunk as verified, counts its bytes once and moves `expiresAt` to `expires_at`
    /// (never back). `None` when the chunk was marked before or the upload no longer takes chunks.
    async fn chunk_verified(
        &self,
        upload: &Upload,
        part: &Part,
        now: DateTime,
        expires_at: DateTime,
    ) -> Result<Option<Upload>, PortError>;

    /// The chunk of this part has to come again, unless it did or the upload takes no more.
    async fn chunk_lost(&self, upload: &Upload, part: &Part) -> Result<(), PortError>;

    /// Writes what differs between the two; `Conflict` if a worker wrote since `before`.
    async fn update(&self, before: &Upload, after: Upload) -> Result<Upload, PortError>;

    /// Uploads still receiving whose time is over at `now`; at most `limit`.
    async fn expired(&self, now: DateTime, limit: u32) -> Result<Vec<Upload>, PortError>;

    /// Uploads in `phase` that no worker touched since `before`; at most `limit`.
    async fn idle_in(
        &self,
        phase: UploadPhase,
        before: DateTime,
        limit: u32,
    ) -> Result<Vec<Upload>, PortError>;
}
