//! Gives a medium its final place, then says so in one write.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    intake,
    job::{Job, JobError, Outcome, Policy, Queue},
    keys,
    links::Links,
    model::{Media, MediaId, ProcessingStatus, StepError},
    ports::{About, Clock, MediaStore, Objects, PortError, Uploads},
    quarantine,
    steps::Recorder,
};

crate::needs! {
    recorder: Recorder,
    uploads: dyn Uploads,
    media: dyn MediaStore,
    objects: dyn Objects,
    clock: dyn Clock,
    links: Links,
}

/// Lets readers have a medium all of whose steps have ended.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "camelCase")]
pub struct PublishMedia {
    /// The medium to publish.
    #[ts(type = "string")]
    pub media_id: MediaId,
}

impl Job for PublishMedia {
    const KIND: &'static str = "publish_media";
    const POLICY: Policy =
        Policy { queue: Queue::Ingest, tries: 8, timeout: Duration::from_secs(120), priority: 2 };
    type Needs = Needs;

    fn key(&self) -> String {
        self.media_id.to_string()
    }

    fn about(&self) -> Option<About> {
        Some(About::medium(self.media_id))
    }

    #[tracing::instrument(name = "publish_media", skip_all, fields(media.id = %self.media_id))]
    async fn run(&self, needs: &Needs) -> Result<Outcome, JobError> {
        let mut media = needs.media.media(self.media_id).await?;
        if !media.is_published() {
            let steps = &media.processing_steps;
            if steps.is_withheld() || !steps.may_be_opened() || !steps.are_closed() {
                return Ok(Outcome::Noted("not ready".into()));
            }
            media = publish(needs, media).await?;
        } else if media.has_hidden_pictures() {
            media = needs.recorder.change(media.id, |media, _| address(needs, media)).await?;
        }
        tidy_up(needs, &media).await?;
        Ok(Outcome::Done)
    }

    async fn revive(&self, needs: &Needs) -> Result<(), PortError> {
        let forget = |media: &mut Media, _| {
            if let Some(processing) = &mut media.processing {
                processing.publish_error = None;
            }
        };
        needs.recorder.change(self.media_id, forget).await.map(|_| ())
    }

    /// The medium says why; its bytes stay where they are, for whoever mends the cause.
    async fn given_up(&self, needs: &Needs, error: &StepError) -> Result<(), PortError> {
        needs
            .recorder
            .change(self.media_id, |media, _| {
                if !media.is_published()
                    && let Some(processing) = &mut media.processing
                {
                    processing.publish_error = Some(error.clone());
                }
            })
            .await
            .map(|_| ())
    }
}

/// The object first, its address after it: a reader who knows the address finds the bytes.
async fn publish(needs: &Needs, before: Media) -> Result<Media, PortError> {
    let key = keys::published(&before);
    let private = quarantine::private_key(&before)?;
    needs.objects.copy(private, &key, &before.mime_type).await?;
    let mut after = before.clone();
    after.s3_info.public_url = needs.links.open(&after, &key);
    after.s3_info.key = Some(key);
    after.file_url = Some(needs.links.file(after.id));
    address(needs, &mut after);
    if let Some(processing) = &mut after.processing {
        processing.publish_error = None;
    }
    after.processing_status = ProcessingStatus::Completed;
    after.settle();
    after.updated_at = needs.clock.now();
    needs.media.update(&before, after).await
}

/// Readers get the addresses of the small pictures.
fn address(needs: &Needs, media: &mut Media) {
    for thumbnail in &mut media.thumbnails {
        thumbnail.url = Some(needs.links.thumbnail(media.id, &thumbnail.name));
    }
    media.thumbnail_url = media.thumbnails.first().and_then(|smallest| smallest.url.clone());
}

/// The upload learns the address, the private copy goes. Also done for a medium that was published
/// by a run that died right after.
async fn tidy_up(needs: &Needs, media: &Media) -> Result<(), PortError> {
    let Some(processing) = &media.processing else { return Ok(()) };
    let (id, key) = (&processing.upload_id, media.s3_info.key.clone());
    let told = intake::change(&*needs.uploads, &*needs.clock, id, |upload, _| {
        upload.s3_url.clone_from(&media.file_url);
        if let Some(key) = &key {
            upload.s3_key.clone_from(key);
        }
    })
    .await;
    match told {
        // The upload's record is gone after its time; the medium is complete without it.
        Ok(_) | Err(PortError::Missing(_)) => needs.objects.delete(&processing.private_key).await,
        Err(error) => Err(error),
    }
}
