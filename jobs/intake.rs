//! What happens to an upload besides its chunks: completed, cancelled, expired, failed.

use std::time::Duration;

use bson::{DateTime, oid::ObjectId};

use crate::{
    keys,
    model::{
        FileType, Media, MediaId, MediaMetadata, Person, Processing, ProcessingStatus, S3Info,
        Steps, Transport, Upload, UploadError, UploadId, UploadPhase, UploadStatus,
    },
    ports::{Clock, JobQueue, Live, MediaStore, Objects, PortError, Uploads, Users, later},
    route,
};

mod parts;

pub use parts::{end_tail, part_came, take_in};

crate::needs! {
    uploads: dyn Uploads,
    media: dyn MediaStore,
    users: dyn Users,
    objects: dyn Objects,
    queue: dyn JobQueue,
    clock: dyn Clock,
    live: dyn Live,
}

/// How long the record of an upload that has ended is kept, for people who ask what became of it.
const KEEP_RECORD: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often a lost race is run again at once.
const RACES: usize = 16;

/// The answer to "these were all chunks".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// It is (or was before) taken over; the medium exists.
    Accepted(MediaId, ProcessingStatus),
    /// These chunks are not there yet.
    Missing(Vec<u32>),
}

/// When the record of an upload that ended at `now` may go.
pub fn purge_at(now: DateTime) -> DateTime {
    later(now, KEEP_RECORD)
}

/// Makes a new upload known, with room for its parts; under an idempotency key that is taken, the
/// upload that has it.
pub async fn open(needs: &Needs, mut upload: Upload) -> Result<Upload, PortError> {
    let is_checked = upload.transfer().is_checked;
    let begun = needs.objects.begin(&upload.upload_id.0, &upload.mime_type, is_checked);
    let transfer = begun.await?;
    upload.s3_upload_id.clone_from(&transfer.id);
    let kept = needs.uploads.create(upload).await?;
    if kept.upload_id.0 != transfer.upload {
        needs.objects.abort(&transfer).await?;
    }
    Ok(kept)
}

/// Turns an upload whose chunks are all there into a medium, and puts its first ticket. May be
/// asked again at any time, also by whoever finds an upload whose ticket was lost.
pub async fn complete(needs: &Needs, id: &UploadId) -> Result<Completion, PortError> {
    let mut lost = PortError::Conflict(format!("the upload {id} is being changed"));
    for _ in 0..RACES {
        let upload = needs.uploads.upload(id).await?;
        let mut seen = None;
        if upload.media_id.is_none() {
            refuse_ended(&upload)?;
            let upload = match upload.transport {
                Some(Transport::Presigned) => take_in(needs, id).await?,
                _ => upload,
            };
            let missing = missing(needs, &upload).await?;
            if !missing.is_empty() {
                return Ok(Completion::Missing(missing));
            }
            seen = upload.rev.filter(|_| upload.transport == Some(Transport::Presigned));
        }
        match hand_over(needs, id, seen).await {
            Err(PortError::Conflict(message)) => lost = PortError::Conflict(message),
            handed => {
                let (upload, media_id) = handed?;
                return open_medium(needs, &upload, media_id).await;
            }
        }
    }
    Err(lost)
}

/// Chunks without which this upload is not whole; refused where no chunk would help.
async fn missing(needs: &Needs, upload: &Upload) -> Result<Vec<u32>, PortError> {
    let id = &upload.upload_id;
    if upload.is_partial() {
        let message = format!("the upload {id} is a part of a file and none by itself");
        return Err(PortError::refused("upload_ended", message));
    }
    if upload.size == 0 {
        return Err(PortError::refused("empty_file", format!("the upload {id} has no bytes")));
    }
    match upload.missing() {
        missing if missing.is_empty() => parts::lost_chunks(needs, upload).await,
        missing => Ok(missing),
    }
}

/// From here on it is a medium, and takes no chunks. `Conflict` if it was written since it had the
/// revision `seen`: then a part may have come that replaces one.
async fn hand_over(
    needs: &Needs,
    id: &UploadId,
    seen: Option<i64>,
) -> Result<(Upload, MediaId), PortError> {
    let fresh = MediaId(ObjectId::new());
    let upload = change(&*needs.uploads, &*needs.clock, id, |upload, _| {
        let is_whole = upload.missing().is_empty();
        let is_as_seen = seen.is_none() || upload.rev == seen;
        if upload.media_id.is_none() && upload.is_receiving() && is_whole && is_as_seen {
            upload.media_id = Some(fresh);
            upload.phase = Some(UploadPhase::Assembling);
        }
    })
    .await?;
    let Some(media_id) = upload.media_id else {
        refuse_ended(&upload)?;
        return Err(PortError::Conflict(format!("the upload {id} is being changed")));
    };
    Ok((upload, media_id))
}

/// Makes the medium and its first ticket, unless they are there.
async fn open_medium(
    needs: &Needs,
    upload: &Upload,
    media_id: MediaId,
) -> Result<Completion, PortError> {
    let media = match needs.media.media(media_id).await {
        Err(PortError::Missing(_)) => {
            let person = needs.users.user(upload.user_id).await?;
            let uploader = person.map(|user| user.person()).unwrap_or_default();
            let place = needs.objects.place();
            let media = medium(upload, media_id, uploader, place, needs.clock.now());
            needs.media.create(&media).await?;
            media
        }
        answer => answer?,
    };
    if media.processing_status == ProcessingStatus::Uploading {
        needs.queue.push(&route::resume(&media)?).await?;
    }
    Ok(Completion::Accepted(media_id, media.processing_status))
}

/// Ends an upload at its sender's wish. One that is complete already cannot be cancelled.
pub async fn cancel(needs: &Needs, id: &UploadId) -> Result<(), PortError> {
    let upload = change(&*needs.uploads, &*needs.clock, id, |upload, now| {
        if upload.is_receiving() {
            upload.status = UploadStatus::Cancelled;
            upload.purge_at = Some(purge_at(now));
        }
    })
    .await?;
    if upload.status != UploadStatus::Cancelled {
        let message = format!("the upload {id} is complete or failed and cannot be cancelled");
        return Err(PortError::refused("upload_ended", message));
    }
    forget(needs, &upload).await
}

/// Frees what an upload has in the object store.
async fn forget(needs: &Needs, upload: &Upload) -> Result<(), PortError> {
    let transfer = upload.transfer();
    needs.objects.abort(&transfer).await?;
    if let Some(tail) = upload.tail() {
        needs.objects.delete(&tail.key).await?;
    }
    if upload.is_partial() {
        needs.objects.delete(&transfer.key()).await?;
    }
    Ok(())
}

/// Ends an upload whose time is over, unless a chunk or its completion came in meanwhile. Whether
/// it has ended.
pub async fn expire(needs: &Needs, id: &UploadId) -> Result<bool, PortError> {
    // Its sender was told that all is there, and the process died before it became a medium.
    let upload = needs.uploads.upload(id).await?;
    if upload.is_whole_by_tus() {
        end_tail(needs, &upload).await?;
        complete(needs, id).await?;
    }
    let upload = change(&*needs.uploads, &*needs.clock, id, |upload, now| {
        if upload.is_receiving() && upload.expires_at <= now {
            failed(upload, now, "upload_expired", "no chunk arrived in time");
        }
    })
    .await?;
    let ended = upload.status == UploadStatus::Failed;
    if ended {
        forget(needs, &upload).await?;
    }
    Ok(ended)
}

/// Says in the upload's record why it came to nothing.
pub async fn fail(
    uploads: &dyn Uploads,
    clock: &dyn Clock,
    id: &UploadId,
    code: &str,
    message: &str,
) -> Result<(), PortError> {
    change(uploads, clock, id, |upload, now| {
        if upload.status == UploadStatus::Uploading {
            failed(upload, now, code, message);
        }
    })
    .await
    .map(|_| ())
}

fn failed(upload: &mut Upload, now: DateTime, code: &str, message: &str) {
    upload.status = UploadStatus::Failed;
    upload.error = Some(UploadError { code: code.into(), message: message.into() });
    upload.purge_at = Some(purge_at(now));
}

/// Reads, computes and writes; a lost race is read again and tried at once, a few times.
pub async fn change(
    uploads: &dyn Uploads,
    clock: &dyn Clock,
    id: &UploadId,
    compute: impl Fn(&mut Upload, DateTime),
) -> Result<Upload, PortError> {
    let mut lost = PortError::Conflict(format!("upload {id} is written by too many at once"));
    for _ in 0..RACES {
        let before = uploads.upload(id).await?;
        let mut after = before.clone();
        let now = clock.now();
        compute(&mut after, now);
        if after == before {
            return Ok(before);
        }
        after.updated_at = Some(now);
        match uploads.update(&before, after).await {
            Err(PortError::Conflict(message)) => lost = PortError::Conflict(message),
            answer => return answer,
        }
    }
    Err(lost)
}

/// Refuses an upload that was cancelled, has expired or failed, with the code of its end.
pub fn refuse_ended(upload: &Upload) -> Result<(), PortError> {
    let id = &upload.upload_id;
    match upload.status {
        UploadStatus::Cancelled => {
            Err(PortError::refused("upload_cancelled", format!("the upload {id} was cancelled")))
        }
        UploadStatus::Failed => {
            let (code, why) = upload
                .error
                .as_ref()
                .map_or(("upload_failed", "it failed"), |e| (e.code.as_str(), e.message.as_str()));
            Err(PortError::refused(code, format!("the upload {id} has ended: {why}")))
        }
        UploadStatus::Uploading | UploadStatus::Completed => Ok(()),
    }
}

/// The document of a medium that has just arrived.
fn medium(
    upload: &Upload,
    id: MediaId,
    uploader_info: Person,
    (bucket, region): (String, String),
    now: DateTime,
) -> Media {
    Media {
        id,
        event_id: upload.event_id,
        uploaded_by: upload.user_id,
        uploader_info,
        filename: upload.filename.clone(),
        original_filename: upload.original_filename.clone(),
        file_url: None,
        thumbnail_url: None,
        file_type: FileType::of_mime(&upload.mime_type),
        mime_type: upload.mime_type.clone(),
        file_size: upload.size,
        metadata: MediaMetadata::default(),
        caption: upload.caption.clone(),
        tags: upload.tags.clone().unwrap_or_default(),
        album_id: upload.album_id,
        album_name: None,
        likes: Vec::new(),
        comments: Vec::new(),
        processing_status: ProcessingStatus::Uploading,
        processing_steps: Steps::default(),
        visibility: upload.visibility.unwrap_or_default(),
        downloadable: true,
        is_deleted: false,
        deleted_at: None,
        deleted_by: None,
        s3_info: S3Info { bucket, region, ..S3Info::default() },
        taken_at: None,
        uploaded_at: now,
        created_at: now,
        updated_at: now,
        thumbnails: Vec::new(),
        placeholder: None,
        original: None,
        sha256: None,
        sniffed_mime_type: None,
        degraded: None,
        processing: Some(Processing {
            rev: 1,
            upload_id: upload.upload_id.clone(),
            private_key: keys::private(&upload.upload_id.0),
            quarantine_key: None,
            spare_keys: Vec::new(),
            publish_error: None,
        }),
    }
}
