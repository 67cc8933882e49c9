//! Finds out what a file says about itself: size, time, place, length, codec, pages.

use std::time::Duration;

use bson::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    describe, intake,
    job::{Job, JobError, Outcome, Policy, Queue},
    model::{ErrorClass, Media, MediaId, StepError, StepName, UploadMetadata},
    ports::{About, Clock, Decoder, MediaStore, Objects, PortError, Uploads},
    quarantine,
    steps::{Recorder, StepResult},
};

crate::needs! {
    recorder: Recorder,
    uploads: dyn Uploads,
    media: dyn MediaStore,
    objects: dyn Objects,
    decoder: dyn Decoder,
    clock: dyn Clock,
}

/// Fills `metadata` and `takenAt`; withholds what is no medium at all.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "camelCase")]
pub struct ExtractMetadata {
    /// The medium to describe.
    #[ts(type = "string")]
    pub media_id: MediaId,
}

impl Job for ExtractMetadata {
    const KIND: &'static str = "extract_metadata";
    const POLICY: Policy =
        Policy { queue: Queue::Media, tries: 3, timeout: Duration::from_secs(60), priority: 3 };
    type Needs = Needs;

    fn key(&self) -> String {
        self.media_id.to_string()
    }

    fn about(&self) -> Option<About> {
        Some(About::medium(self.media_id))
    }

    #[tracing::instrument(name = "extract_metadata", skip_all, fields(media.id = %self.media_id))]
    async fn run(&self, needs: &Needs) -> Result<Outcome, JobError> {
        let step = StepName::MetadataExtraction;
        let media = needs.recorder.begin(self.media_id, step).await?;
        if media.processing_steps.metadata_extraction.is_closed() {
            return self.pass_on(needs, &media).await;
        }
        let result = describe_file(needs, &media).await?;
        let outcome = match &result {
            StepResult::Failed(_, error) => Outcome::Noted(error.code.clone()),
            _ => Outcome::Done,
        };
        let media = needs.recorder.record(media.id, result).await?;
        self.pass_on(needs, &media).await?;
        Ok(outcome)
    }

    async fn postponed(
        &self,
        needs: &Needs,
        error: &StepError,
        at: DateTime,
    ) -> Result<(), PortError> {
        needs.recorder.postpone(self.media_id, StepName::MetadataExtraction, error, at).await
    }

    async fn revive(&self, needs: &Needs) -> Result<(), PortError> {
        needs.recorder.reopen(self.media_id, StepName::MetadataExtraction).await.map(|_| ())
    }

    async fn given_up(&self, needs: &Needs, error: &StepError) -> Result<(), PortError> {
        let step = StepName::MetadataExtraction;
        needs.recorder.give_up(self.media_id, step, error).await.map(|_| ())
    }
}

impl ExtractMetadata {
    /// What has to follow a closed step, as often as it takes: the upload's copy, the quarantine,
    /// the next tickets.
    async fn pass_on(&self, needs: &Needs, media: &Media) -> Result<Outcome, JobError> {
        if media.processing_steps.is_withheld() {
            quarantine::withhold(&*needs.media, &*needs.objects, media.id).await?;
            return Ok(Outcome::Done);
        }
        copy_to_upload(needs, media).await?;
        needs.recorder.pass_on(StepName::MetadataExtraction, media).await?;
        Ok(Outcome::Done)
    }
}

async fn describe_file(needs: &Needs, media: &Media) -> Result<StepResult, JobError> {
    let step = StepName::MetadataExtraction;
    if !media.processing_steps.may_be_opened() {
        return Ok(StepResult::Skipped(step, "withheld"));
    }
    let Some(mime_type) = &media.sniffed_mime_type else {
        let code = "unsupported_type".to_owned();
        let message = "by its bytes the file is no picture, video, sound or PDF".to_owned();
        let error = StepError { class: ErrorClass::Policy, code, message };
        return Ok(StepResult::Failed(step, error));
    };
    let file = quarantine::file(&*needs.objects, media, quarantine::current_key(media)?).await?;
    match needs.decoder.facts(&file, mime_type).await {
        Ok(facts) => {
            let (metadata, taken_at) = describe::metadata(media.file_type, facts);
            Ok(StepResult::Described(Box::new(metadata), taken_at))
        }
        Err(PortError::Refused { code, message }) => {
            let error = StepError { class: ErrorClass::Permanent, code, message };
            Ok(StepResult::Failed(step, error))
        }
        Err(error) => Err(error.into()),
    }
}

/// The seed keeps a small extract in `file_uploads.metadata`, too.
async fn copy_to_upload(needs: &Needs, media: &Media) -> Result<(), PortError> {
    let Some(processing) = &media.processing else { return Ok(()) };
    let metadata = UploadMetadata {
        duration: media.metadata.duration,
        resolution: media.metadata.resolution.clone(),
        codec: media.metadata.codec.clone(),
    };
    if metadata == UploadMetadata::default() {
        return Ok(());
    }
    let upload = &processing.upload_id;
    intake::change(&*needs.uploads, &*needs.clock, upload, |upload, _| {
        upload.metadata = metadata.clone();
    })
    .await
    .map(|_| ())
}
