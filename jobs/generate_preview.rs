//! Makes the moving picture of a film, which takes long, when the film is published already.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    job::{Job, JobError, Outcome, Policy, Queue},
    model::{MediaId, StepError},
    pictures::{self, Maker},
    ports::{About, PortError},
};

pub use crate::pictures::Needs;

/// Puts an animated WebP beside a published film and lists it behind the other `thumbnails`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "camelCase")]
pub struct GeneratePreview {
    /// The film to picture.
    #[ts(type = "string")]
    pub media_id: MediaId,
    /// The version of the settings that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub recipe_version: Option<u32>,
}

impl Job for GeneratePreview {
    const KIND: &'static str = "generate_preview";
    const POLICY: Policy =
        Policy { queue: Queue::Media, tries: 3, timeout: Duration::from_secs(120), priority: 8 };
    type Needs = Needs;

    fn key(&self) -> String {
        // A job for an older version may be at work.
        format!("{}:{}", self.media_id, self.recipe_version.unwrap_or(0))
    }

    fn about(&self) -> Option<About> {
        Some(About::medium(self.media_id))
    }

    #[tracing::instrument(name = "generate_preview", skip_all, fields(media.id = %self.media_id))]
    async fn run(&self, needs: &Needs) -> Result<Outcome, JobError> {
        pictures::add_preview(needs, self.media_id).await
    }

    async fn given_up(&self, needs: &Needs, error: &StepError) -> Result<(), PortError> {
        pictures::keep(needs, self.media_id, Maker::Preview, |_| true, error).await
    }
}
