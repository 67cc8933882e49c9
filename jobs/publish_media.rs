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
    live,
    model::{Media, MediaId, Original, ProcessingStatus, StepError},
    ports::{About, Assembled, Clock, Decoder, MediaStore, Objects, PortError, Uploads},
    quarantine,
    recipe::Recipe,
    route,
    steps::Recorder,
    tools::Privacy,
};

crate::needs! {
    recorder: Recorder,
    uploads: dyn Uploads,
    media: dyn MediaStore,
    objects: dyn Objects,
    decoder: dyn Decoder,
    clock: dyn Clock,
    links: Links,
    privacy: Privacy,
    recipe: Recipe,
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
    // A stripped film is read and written once: 48 GB take an hour at 14 MB/s.
    const POLICY: Policy =
        Policy { queue: Queue::Ingest, tries: 8, timeout: Duration::from_secs(3600), priority: 2 };
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
        let mut outcome = Outcome::Done;
        if !media.is_published() {
            let steps = &media.processing_steps;
            if steps.is_withheld() || !steps.may_be_opened() || !steps.are_closed() {
                return Ok(Outcome::Noted("not ready".into()));
            }
            let served = bring_out(needs, &media).await?;
            if let Served::Unstripped(mime_type) = &served {
                outcome = Outcome::Noted(format!("{mime_type} keeps its metadata"));
            }
            media = publish(needs, media, served).await?;
        } else if media.has_hidden_pictures() {
            media = needs.recorder.change(media.id, |media, _| needs.links.address(media)).await?;
        }
        tidy_up(needs, &media).await?;
        let later = route::once_published(&media, &needs.recipe)?;
        if !later.is_empty() {
            needs.recorder.queue.push(&later).await?;
        }
        Ok(outcome)
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

/// What lies under the published key.
enum Served {
    /// The file as it came.
    Original,
    /// The same, because files of this type are not stripped.
    Unstripped(String),
    /// A copy without its metadata.
    Stripped(Assembled),
}

/// Puts under the published key what readers are to have.
async fn bring_out(needs: &Needs, media: &Media) -> Result<Served, PortError> {
    let (key, private) = (keys::published(media), quarantine::private_key(media)?);
    let mut served = Served::Original;
    if needs.privacy.strip_originals {
        let file = quarantine::file(&*needs.objects, media, private).await?;
        let mime_type = media.known_type();
        let stripped = needs.decoder.strip(&file, mime_type).await;
        if matches!(stripped, Err(PortError::Refused { .. })) {
            // A run that was to strip nothing may have died behind its copy.
            needs.objects.delete(&key).await?;
        }
        match stripped.map_err(unstrippable)? {
            Some(edits) if edits.is_empty() => {}
            Some(edits) => {
                let put = needs.objects.put_edited(&key, &file, &edits, &media.mime_type);
                return put.await.map(Served::Stripped);
            }
            None => served = Served::Unstripped(mime_type.to_owned()),
        }
    }
    needs.objects.copy(private, &key, &media.mime_type).await?;
    Ok(served)
}

/// Whatever keeps the decoder from it: the file must not go out as it is.
fn unstrippable(error: PortError) -> PortError {
    match error {
        PortError::Refused { code, message } => {
            let message = format!("its metadata cannot be taken out: {message} ({code})");
            PortError::refused("unstrippable", message)
        }
        error => error,
    }
}

/// The object is there first, its address comes after it: a reader who knows the address finds the
/// bytes.
async fn publish(needs: &Needs, before: Media, served: Served) -> Result<Media, PortError> {
    let key = keys::published(&before);
    let mut after = before.clone();
    if let Served::Stripped(Assembled { bytes, sha256 }) = served {
        let sent = Original { file_size: after.file_size, sha256: after.sha256.take() };
        (after.original, after.file_size, after.sha256) = (Some(sent), bytes, Some(sha256));
    }
    after.s3_info.public_url = needs.links.open(&after, &key);
    after.s3_info.key = Some(key);
    after.file_url = Some(needs.links.file(after.id));
    needs.links.address(&mut after);
    if let Some(processing) = &mut after.processing {
        processing.publish_error = None;
    }
    after.processing_status = ProcessingStatus::Completed;
    after.settle();
    after.updated_at = needs.clock.now();
    let after = needs.media.update(&before, after).await?;
    needs.recorder.live.announce(&live::of_media(&before, &after)).await;
    Ok(after)
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
