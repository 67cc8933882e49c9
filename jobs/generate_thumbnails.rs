//! Makes the small pictures of a photo or video.

use std::time::Duration;

use bson::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    job::{Job, JobError, Outcome, Policy, Queue},
    model::{ErrorClass, Media, MediaId, StepError, StepName},
    pictures::{self, Maker},
    ports::{About, Pictures, PortError},
    quarantine,
    steps::StepResult,
};

pub use crate::pictures::Needs;

/// Puts small pictures beside the medium and lists them in `thumbnails`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "camelCase")]
pub struct GenerateThumbnails {
    /// The medium to picture.
    #[ts(type = "string")]
    pub media_id: MediaId,
    /// Of a published medium: make them again if they are of an older recipe than this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub older_than: Option<u32>,
}

impl Job for GenerateThumbnails {
    const KIND: &'static str = "generate_thumbnails";
    const POLICY: Policy =
        Policy { queue: Queue::Media, tries: 3, timeout: Duration::from_secs(60), priority: 4 };
    type Needs = Needs;

    fn key(&self) -> String {
        match self.older_than {
            None => self.media_id.to_string(),
            Some(_) => format!("{}:renew", self.media_id),
        }
    }

    fn about(&self) -> Option<About> {
        Some(About::medium(self.media_id))
    }

    #[tracing::instrument(
        name = "generate_thumbnails",
        skip_all,
        fields(media.id = %self.media_id)
    )]
    async fn run(&self, needs: &Needs) -> Result<Outcome, JobError> {
        if let Some(version) = self.older_than {
            // Apart: the state of every running job would be as large as this one's.
            return pictures::renew(needs, self.media_id, version).await;
        }
        let step = StepName::ThumbnailGeneration;
        let media = needs.recorder.begin(self.media_id, step).await?;
        if media.processing_steps.thumbnail_generation.is_closed() {
            needs.recorder.pass_on(step, &media).await?;
            return Ok(Outcome::Done);
        }
        let result = picture_file(needs, &media).await?;
        let outcome = match &result {
            StepResult::Failed(_, error) => Outcome::Noted(error.code.clone()),
            StepResult::Skipped(_, reason) => Outcome::Noted((*reason).to_owned()),
            _ => Outcome::Done,
        };
        needs.recorder.record(media.id, result).await?;
        Ok(outcome)
    }

    async fn postponed(
        &self,
        needs: &Needs,
        error: &StepError,
        at: DateTime,
    ) -> Result<(), PortError> {
        if self.older_than.is_some() {
            return Ok(());
        }
        needs.recorder.postpone(self.media_id, StepName::ThumbnailGeneration, error, at).await
    }

    async fn revive(&self, needs: &Needs) -> Result<(), PortError> {
        if self.older_than.is_some() {
            return Ok(());
        }
        needs.recorder.reopen(self.media_id, StepName::ThumbnailGeneration).await.map(|_| ())
    }

    async fn given_up(&self, needs: &Needs, error: &StepError) -> Result<(), PortError> {
        if let Some(version) = self.older_than {
            let is_open = |media: &Media| pictures::is_older(media, version);
            return pictures::keep(needs, self.media_id, Maker::Thumbnails, is_open, error).await;
        }
        let step = StepName::ThumbnailGeneration;
        needs.recorder.give_up(self.media_id, step, error).await.map(|_| ())
    }
}

async fn picture_file(needs: &Needs, media: &Media) -> Result<StepResult, JobError> {
    let step = StepName::ThumbnailGeneration;
    if !media.processing_steps.may_be_opened() {
        return Ok(StepResult::Skipped(step, "withheld"));
    }
    let Some(mime_type) = &media.sniffed_mime_type else {
        return Ok(StepResult::Skipped(step, "unsupported_type"));
    };
    let file = match quarantine::file(&*needs.objects, media, quarantine::current_key(media)?).await
    {
        Err(PortError::Missing(_)) if is_withheld(needs, media.id).await? => {
            // The step beside this one has meanwhile found out that the file is no medium.
            return Ok(StepResult::Skipped(step, "withheld"));
        }
        answer => answer?,
    };
    match needs.decoder.pictures(&file, mime_type, &needs.recipe.at_once()).await {
        Ok(made) if made.pictures.is_empty() => Ok(StepResult::Skipped(step, "no_picture")),
        Ok(made) => keep(needs, media, made).await,
        Err(PortError::Refused { code, message }) => {
            let error = StepError { class: ErrorClass::Permanent, code, message };
            Ok(StepResult::Failed(step, error))
        }
        Err(error) => Err(error.into()),
    }
}

async fn is_withheld(needs: &Needs, id: MediaId) -> Result<bool, PortError> {
    Ok(needs.media.media(id).await?.processing_steps.is_withheld())
}

/// Puts the pictures into the object store; nobody knows their addresses before publication.
async fn keep(needs: &Needs, media: &Media, made: Pictures) -> Result<StepResult, JobError> {
    let thumbnails = pictures::listed(media, &needs.recipe, &made.pictures);
    pictures::put(&*needs.objects, &thumbnails, made.pictures).await?;
    let placeholder = pictures::placeholder(&made.placeholder);
    let recipe = (needs.recipe.version, needs.recipe.told());
    Ok(StepResult::Pictured { thumbnails, placeholder, truncated: made.truncated, recipe })
}
