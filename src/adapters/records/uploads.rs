//! `file_uploads` over the document port.

use async_trait::async_trait;
use bson::{Bson, DateTime, Document};
use jobs::{
    model::{Upload, UploadId, UploadPhase},
    ports::{Part, PortError, Uploads},
};

use super::{Records, collections::FILE_UPLOADS, diff::diff, read, readable, write};
use crate::adapters::documents::{Change, Edit, Guard, Query};

const WHAT: &str = "file_uploads";

#[async_trait]
impl Uploads for Records {
    async fn create(&self, upload: Upload) -> Result<Upload, PortError> {
        match self.store.insert(&FILE_UPLOADS, write(&upload, WHAT)?).await {
            Ok(()) => Ok(upload),
            Err(PortError::Conflict(message)) => match &upload.idempotency_key {
                Some(key) => {
                    let query = Query::over("idempotencyKey", 1).at(key.as_str());
                    one(self.store.find(&FILE_UPLOADS, query).await?)
                        .ok_or(PortError::Conflict(message))
                        .and_then(|document| read(document, WHAT))
                }
                None => Err(PortError::Conflict(message)),
            },
            Err(error) => Err(error),
        }
    }

    async fn upload(&self, id: &UploadId) -> Result<Upload, PortError> {
        let query = Query::over("uploadId_unique", 1).at(id.0.as_str());
        let missing = || PortError::Missing(format!("the upload {id} does not exist"));
        read(one(self.store.find(&FILE_UPLOADS, query).await?).ok_or_else(missing)?, WHAT)
    }

    async fn chunk_verified(
        &self,
        upload: &Upload,
        part: &Part,
        now: DateTime,
        expires_at: DateTime,
    ) -> Result<Option<Upload>, PortError> {
        let at = |field: &str| format!("chunks.{}.{field}", part.number.saturating_sub(1));
        let guard = Guard::none()
            .eq("status", "uploading")
            .eq("phase", "receiving")
            .eq(at("chunkNumber"), i64::from(part.number))
            .eq(at("uploaded"), false);
        let change = Change::new()
            .set(at("uploaded"), true)
            .set(at("uploadedAt"), now)
            .set(at("sha256"), part.sha256.clone())
            .set(at("etag"), part.etag.as_str())
            .inc("receivedBytes", i64::try_from(part.bytes).unwrap_or(i64::MAX))
            .inc("rev", 1)
            .with("expiresAt", Edit::Max(expires_at.into()))
            .set("updatedAt", now);
        let id = Bson::ObjectId(upload.id);
        let Some(written) = self.store.patch(&FILE_UPLOADS, &id, guard, change).await? else {
            return Ok(None);
        };
        let mut after: Upload = read(written, WHAT)?;
        after.progress = after.percent();
        // In a write of its own: it follows from the chunks, and readers compute it from them.
        let progress = Change::new().with("progress", Edit::Max(i64::from(after.progress).into()));
        self.store.patch(&FILE_UPLOADS, &id, Guard::none(), progress).await?;
        Ok(Some(after))
    }

    async fn chunk_lost(&self, upload: &Upload, part: &Part) -> Result<(), PortError> {
        let at = |field: &str| format!("chunks.{}.{field}", part.number.saturating_sub(1));
        let guard = Guard::none()
            .eq("status", "uploading")
            .eq("phase", "receiving")
            .eq(at("chunkNumber"), i64::from(part.number))
            .eq(at("uploaded"), true)
            .eq(at("etag"), part.etag.as_str());
        let change = Change::new()
            .set(at("uploaded"), false)
            .unset(at("uploadedAt"))
            .unset(at("sha256"))
            .unset(at("etag"))
            .inc("receivedBytes", i64::try_from(part.bytes).map_or(0, |bytes| -bytes))
            .inc("rev", 1);
        self.store.patch(&FILE_UPLOADS, &Bson::ObjectId(upload.id), guard, change).await.map(drop)
    }

    async fn update(&self, before: &Upload, mut after: Upload) -> Result<Upload, PortError> {
        after.rev = Some(before.rev.unwrap_or(0).saturating_add(1));
        let change = diff(&write(before, WHAT)?, &write(&after, WHAT)?);
        let guard = Guard::none().eq("rev", before.rev.map_or(Bson::Null, Bson::Int64));
        let id = Bson::ObjectId(before.id);
        let written = self.store.patch(&FILE_UPLOADS, &id, guard, change).await?;
        let name = &before.upload_id;
        let lost = || PortError::Conflict(format!("the upload {name} was written meanwhile"));
        read(written.ok_or_else(lost)?, WHAT)
    }

    async fn expired(&self, now: DateTime, limit: u32) -> Result<Vec<Upload>, PortError> {
        let query = Query::over("status_expiresAt", limit).at("uploading").up_to(now);
        let guard = Guard::none().eq("phase", "receiving");
        Ok(all(self.store.find(&FILE_UPLOADS, query.such_that(guard)).await?))
    }

    async fn idle_in(
        &self,
        phase: UploadPhase,
        before: DateTime,
        limit: u32,
    ) -> Result<Vec<Upload>, PortError> {
        let name = bson::serialize_to_bson(&phase)
            .map_err(|error| PortError::refused("malformed_document", error.to_string()))?;
        let query = Query::over("phase_updatedAt", limit).at(name).below(before);
        let guard = Guard::none().eq("status", "uploading");
        Ok(all(self.store.find(&FILE_UPLOADS, query.such_that(guard)).await?))
    }
}

fn one(found: Vec<Document>) -> Option<Document> {
    found.into_iter().next()
}

fn all(found: Vec<Document>) -> Vec<Upload> {
    found.into_iter().filter_map(|document| readable(document, WHAT)).collect()
}
