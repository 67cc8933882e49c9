//! Makes one object of an upload's chunks, and finds out what it is.

use std::time::Duration;

use bson::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    intake,
    job::{Job, JobError, Outcome, Policy, Queue},
    model::{ErrorClass, Media, MediaId, StepError, StepName, Upload, UploadPhase, UploadStatus},
    ports::{About, Assembled, Clock, Decoder, MediaStore, Objects, PortError, Uploads},
    progress::Progress,
    steps::{Recorder, StepResult},
};

crate::needs! {
    recorder: Recorder,
    uploads: dyn Uploads,
    media: dyn MediaStore,
    objects: dyn Objects,
    decoder: dyn Decoder,
    clock: dyn Clock,
    progress: Progress,
}

/// Turns what arrived in pieces into one object under a private key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "camelCase")]
pub struct AssembleUpload {
    /// The medium that the upload becomes.
    #[ts(type = "string")]
    pub media_id: MediaId,
}

impl Job for AssembleUpload {
    const KIND: &'static str = "assemble_upload";
    // A file is read once, out of a bucket over a network that may be slow: 48 GB take an hour at
    // 14 MB/s.
    const POLICY: Policy =
        Policy { queue: Queue::Ingest, tries: 8, timeout: Duration::from_secs(3600), priority: 4 };
    type Needs = Needs;

    fn key(&self) -> String {
        self.media_id.to_string()
    }

    fn about(&self) -> Option<About> {
        Some(About::medium(self.media_id))
    }

    #[tracing::instrument(name = "assemble_upload", skip_all, fields(media.id = %self.media_id))]
    async fn run(&self, needs: &Needs) -> Result<Outcome, JobError> {
        let step = StepName::Upload;
        let media = needs.recorder.begin(self.media_id, step).await?;
        if media.processing_steps.upload.is_closed() {
            // A run that died right after the step ended: what follows it is done once more.
            needs.recorder.pass_on(step, &media).await?;
            forget_parts(needs, &media).await?;
            return Ok(Outcome::Done);
        }
        let upload = source(needs, &media).await?;
        let Some(parts) = upload.parts() else {
            let message = format!("the upload {} has chunks without bytes", upload.upload_id);
            return Err(JobError::Fail { code: "chunks_missing".into(), message });
        };
        let (objects, transfer) = (&needs.objects, upload.transfer());
        let (mime_type, progress) = (&upload.mime_type, &needs.progress);
        let whole = objects.assemble(&transfer, &parts, mime_type, progress).await?;
        if let Some(error) = broken_promise(&upload, &whole) {
            give_up(needs, self.media_id, &error).await?;
            return Ok(Outcome::Noted(error.code));
        }
        let file = objects.fetch_known(&transfer.key(), &whole.sha256).await?;
        let sniffed = needs.decoder.sniff(&file).await?;
        finish_upload(needs, &upload.upload_id, &whole).await?;
        let result = StepResult::Stored { sha256: whole.sha256, sniffed };
        let media = needs.recorder.record(media.id, result).await?;
        forget_parts(needs, &media).await?;
        Ok(Outcome::Done)
    }

    async fn postponed(
        &self,
        needs: &Needs,
        error: &StepError,
        at: DateTime,
    ) -> Result<(), PortError> {
        needs.recorder.postpone(self.media_id, StepName::Upload, error, at).await
    }

    async fn revive(&self, _: &Needs) -> Result<(), PortError> {
        let message =
            "the bytes of an upload that came to nothing are gone: it has to be sent again";
        Err(PortError::refused("job_bytes_gone", message))
    }

    async fn given_up(&self, needs: &Needs, error: &StepError) -> Result<(), PortError> {
        give_up(needs, self.media_id, error).await
    }
}

/// The object is whole, its parts are not needed any more.
async fn forget_parts(needs: &Needs, media: &Media) -> Result<(), PortError> {
    let Some(processing) = &media.processing else { return Ok(()) };
    match needs.uploads.upload(&processing.upload_id).await {
        Ok(upload) => needs.objects.abort(&upload.transfer()).await,
        // Its record is gone after its time, and its parts long before.
        Err(PortError::Missing(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The upload that `media` comes from.
async fn source(needs: &Needs, media: &Media) -> Result<Upload, JobError> {
    let Some(processing) = &media.processing else {
        let message = format!("the medium {} does not come from an upload", media.id);
        return Err(JobError::Fail { code: "no_upload".into(), message });
    };
    Ok(needs.uploads.upload(&processing.upload_id).await?)
}

/// What the sender promised of the whole file and did not keep.
fn broken_promise(upload: &Upload, whole: &Assembled) -> Option<StepError> {
    let (code, message) = match upload.sha256.as_deref() {
        _ if whole.bytes != upload.size => (
            "size_mismatch",
            format!("the file has {} bytes, {} were announced", whole.bytes, upload.size),
        ),
        Some(promised) if promised != whole.sha256 => (
            "sha256_mismatch",
            format!("the file's SHA-256 is {}, {promised} was announced", whole.sha256),
        ),
        _ => return None,
    };
    Some(StepError { class: ErrorClass::Permanent, code: code.to_owned(), message })
}

async fn finish_upload(
    needs: &Needs,
    id: &crate::model::UploadId,
    whole: &Assembled,
) -> Result<(), PortError> {
    intake::change(&*needs.uploads, &*needs.clock, id, |upload, now| {
        if upload.status == UploadStatus::Uploading {
            upload.phase = Some(UploadPhase::Stored);
            upload.status = UploadStatus::Completed;
            upload.progress = 100;
            upload.completed_at = Some(now);
            upload.sha256 = Some(whole.sha256.clone());
            upload.purge_at = Some(intake::purge_at(now));
        }
    })
    .await
    .map(|_| ())
}

/// The upload and its medium both say why; the bytes go. What is one object already stays: only
/// what should have followed did not.
async fn give_up(needs: &Needs, id: MediaId, error: &StepError) -> Result<(), PortError> {
    let media = needs.media.media(id).await?;
    if media.processing_steps.upload.completed {
        return Ok(());
    }
    if let Some(processing) = &media.processing {
        let upload = &processing.upload_id;
        intake::fail(&*needs.uploads, &*needs.clock, upload, &error.code, &error.message).await?;
        needs.objects.delete(&processing.private_key).await?;
        forget_parts(needs, &media).await?;
    }
    needs.recorder.give_up(id, StepName::Upload, error).await.map(|_| ())
}
