//! Cron: frees what expired uploads held, and gives a lost medium its ticket back.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    intake,
    job::{Job, JobError, Outcome, Policy, Queue},
    keys,
    model::{ProcessingStatus, Upload, UploadId, UploadPhase, UploadStatus},
    ports::{About, PortError, Transfer, later},
    route,
};

pub use crate::intake::Needs;

/// One batch; the next tick does the next one.
const BATCH: u32 = 100;

/// So many uploads are listed at a time.
const PAGE: usize = 500;

/// Longer than any hand-off takes: record, push, acknowledge.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// Parts younger than this may belong to a chunk that is arriving right now.
const ORPHAN_AFTER_SECONDS: u64 = 3600;

/// Looks at the documents, not at any input; may run at any time on any number of machines.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
pub struct Sweep {}

impl Job for Sweep {
    const KIND: &'static str = "sweep";
    const POLICY: Policy = Policy {
        queue: Queue::Housekeeping,
        tries: 3,
        timeout: Duration::from_secs(120),
        priority: 8,
    };
    type Needs = Needs;

    fn key(&self) -> String {
        "all".to_owned()
    }

    #[tracing::instrument(name = "sweep", skip_all)]
    async fn run(&self, needs: &Needs) -> Result<Outcome, JobError> {
        let expired = expire_uploads(needs).await?;
        // First what people wait for: a store that cannot list must not keep them waiting.
        let resumed = resume_uploads(needs).await? + resume_media(needs).await?;
        let (mut orphans, mut bytes) = drop_orphan_parts(needs).await?;
        let (left, left_bytes) = drop_left_objects(needs).await?;
        (orphans, bytes) = (orphans + left, bytes + left_bytes);
        if expired + orphans + resumed == 0 {
            return Ok(Outcome::Done);
        }
        let bytes = if bytes > 0 { format!(" ({bytes} bytes)") } else { String::new() };
        let note =
            format!("{expired} expired, {orphans} orphans dropped{bytes}, {resumed} resumed");
        Ok(Outcome::Noted(note))
    }
}

/// Says first that the upload has ended, so that no chunk is taken any more, then frees its space.
async fn expire_uploads(needs: &Needs) -> Result<usize, PortError> {
    let mut expired = 0;
    for Upload { upload_id, .. } in needs.uploads.expired(needs.clock.now(), BATCH).await? {
        let ended = done(&upload_id, intake::expire(needs, &upload_id).await)?;
        expired += usize::from(ended == Some(true));
    }
    Ok(expired)
}

/// Parts of uploads that have ended or that nobody knows: how many transfers, and their bytes.
async fn drop_orphan_parts(needs: &Needs) -> Result<(usize, u64), PortError> {
    let (mut dropped, mut bytes, mut last) = (0, 0, String::new());
    while dropped < BATCH as usize {
        // Those that are still needed may be many, and must not hide the others.
        let page = needs.objects.stale(ORPHAN_AFTER_SECONDS, &last, PAGE).await?;
        for transfer in &page {
            if !is_needed(needs, transfer).await? {
                let parts = needs.objects.parts(transfer).await?;
                needs.objects.abort(transfer).await?;
                bytes += parts.iter().map(|part| part.bytes).sum::<u64>();
                dropped += 1;
            }
        }
        match page.into_iter().next_back() {
            Some(end) => last = end.upload,
            None => break,
        }
    }
    Ok((dropped, bytes))
}

async fn is_needed(needs: &Needs, transfer: &Transfer) -> Result<bool, PortError> {
    match needs.uploads.upload(&UploadId(transfer.upload.clone())).await {
        Ok(upload) => {
            Ok(upload.status == UploadStatus::Uploading && upload.s3_upload_id == transfer.id)
        }
        Err(PortError::Missing(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Tails and joined parts that a death or an error left behind: how many, and their bytes. What
/// became a medium is its jobs' to move or to delete.
async fn drop_left_objects(needs: &Needs) -> Result<(usize, u64), PortError> {
    let (mut dropped, mut bytes, mut last) = (0, 0, String::new());
    while dropped < BATCH as usize {
        let page = needs.objects.arrived(ORPHAN_AFTER_SECONDS, &last, PAGE).await?;
        for object in &page {
            if is_left(needs, &object.key).await? {
                needs.objects.delete(&object.key).await?;
                bytes += object.bytes;
                dropped += 1;
            }
        }
        match page.into_iter().next_back() {
            Some(end) => last = end.key,
            None => break,
        }
    }
    Ok((dropped, bytes))
}

/// Whether nobody will ask for this object of arriving bytes any more.
async fn is_left(needs: &Needs, key: &str) -> Result<bool, PortError> {
    let Some((id, is_tail)) = keys::arriving(key) else { return Ok(false) };
    if id.starts_with(keys::DOCTOR) {
        return Ok(true);
    }
    let upload = match needs.uploads.upload(&UploadId(id.to_owned())).await {
        // A medium may wait for its scan for longer than the record of its upload is kept.
        Err(PortError::Missing(_)) => return Ok(is_tail),
        upload => upload?,
    };
    if is_tail {
        return Ok(!upload.is_receiving() || upload.tail().is_none_or(|tail| tail.key != key));
    }
    let has_ended = matches!(upload.status, UploadStatus::Cancelled | UploadStatus::Failed);
    Ok(has_ended && upload.media_id.is_none())
}

/// Uploads that were completed by a process that died before the medium or its ticket was written.
async fn resume_uploads(needs: &Needs) -> Result<usize, PortError> {
    let before = ago(needs);
    let idle = needs.uploads.idle_in(UploadPhase::Assembling, before, BATCH).await?;
    let mut resumed = 0;
    for upload in idle {
        let Some(media_id) = upload.media_id else { continue };
        if !needs.queue.is_open(&About::medium(media_id)).await? {
            let taken = intake::complete(needs, &upload.upload_id).await;
            resumed += usize::from(done(&upload.upload_id, taken)?.is_some());
        }
    }
    Ok(resumed)
}

/// Media that wait for a step whose ticket is nowhere.
async fn resume_media(needs: &Needs) -> Result<usize, PortError> {
    let mut resumed = 0;
    for status in [ProcessingStatus::Uploading, ProcessingStatus::Processing] {
        for media in needs.media.waiting(status, ago(needs), BATCH).await? {
            if needs.queue.is_open(&About::medium(media.id)).await? {
                continue;
            }
            let tickets = route::resume(&media)?;
            if !tickets.is_empty() {
                needs.queue.push(&tickets).await?;
                resumed += 1;
            }
        }
    }
    Ok(resumed)
}

/// What can never be done for one document must not keep the others waiting: it is logged and left.
fn done<T>(id: &UploadId, answer: Result<T, PortError>) -> Result<Option<T>, PortError> {
    match answer {
        Err(error @ (PortError::Missing(_) | PortError::Refused { .. })) => {
            tracing::error!(upload.id = %id, %error, "the sweep leaves an upload as it is");
            Ok(None)
        }
        answer => answer.map(Some),
    }
}

fn ago(needs: &Needs) -> bson::DateTime {
    let now = needs.clock.now().timestamp_millis();
    let lost = later(bson::DateTime::from_millis(0), LOST_AFTER).timestamp_millis();
    bson::DateTime::from_millis(now.saturating_sub(lost))
}
