//! The only writer of `processingSteps`.

use std::sync::Arc;

use bson::DateTime;

use crate::{
    live,
    model::{
        ErrorClass, Media, MediaId, MediaMetadata, ScanResult, Step, StepError, StepName,
        ThumbnailInfo,
    },
    ports::{Clock, JobQueue, Live, MediaStore, PortError, Scan, Sniffed, Verdict},
    route,
};

/// How often a lost race is run again at once. Two steps run side by side, and each writes twice.
const RACES: usize = 16;

/// What a step found out.
#[derive(Debug, Clone)]
pub enum StepResult {
    /// The bytes are one object, of this hash and (by its bytes) this type.
    Stored {
        /// SHA-256 in lower-case hex.
        sha256: String,
        /// What it is, if it is anything that we take.
        sniffed: Option<Sniffed>,
    },
    /// The scanner's answer.
    Scanned(Scan),
    /// What the file says about itself.
    Described(Box<MediaMetadata>, Option<DateTime>),
    /// Its small pictures.
    Pictured {
        /// Smallest first.
        thumbnails: Vec<ThumbnailInfo>,
        /// A thumbhash in base64.
        placeholder: Option<String>,
        /// They show only a part.
        truncated: bool,
        /// By which version of the settings they were made, and what these said.
        recipe: (u32, String),
    },
    /// The step does not apply.
    Skipped(StepName, &'static str),
    /// The step ended badly.
    Failed(StepName, StepError),
}

impl StepResult {
    fn step(&self) -> StepName {
        match self {
            Self::Stored { .. } => StepName::Upload,
            Self::Scanned(_) => StepName::VirusScanning,
            Self::Described(..) => StepName::MetadataExtraction,
            Self::Pictured { .. } => StepName::ThumbnailGeneration,
            Self::Skipped(step, _) | Self::Failed(step, _) => *step,
        }
    }
}

/// Writes steps into media, and pushes what follows them.
#[derive(Clone)]
pub struct Recorder {
    /// Where the media are.
    pub media: Arc<dyn MediaStore>,
    /// Where the tickets go.
    pub queue: Arc<dyn JobQueue>,
    /// When it is.
    pub clock: Arc<dyn Clock>,
    /// Who is told.
    pub live: Arc<dyn Live>,
}

impl Recorder {
    /// Marks a step as running; the medium as it stands then. A step that has ended stays so.
    pub async fn begin(&self, id: MediaId, step: StepName) -> Result<Media, PortError> {
        self.change(id, |media, now| {
            let step = media.processing_steps.get_mut(step);
            if !step.is_closed() {
                step.begin(now);
            }
        })
        .await
    }

    /// Ends a step, then pushes what may follow. Both may happen twice: a step that has ended stays
    /// as it ended.
    pub async fn record(&self, id: MediaId, result: StepResult) -> Result<Media, PortError> {
        let step = result.step();
        let media = self
            .change(id, |media, now| {
                if !media.processing_steps.get(step).is_closed() {
                    apply(media, now, &result);
                }
            })
            .await?;
        self.pass_on(step, &media).await?;
        Ok(media)
    }

    /// Pushes what may follow a step that has ended.
    pub async fn pass_on(&self, step: StepName, media: &Media) -> Result<(), PortError> {
        let tickets = route::after(step, media)?;
        if tickets.is_empty() { Ok(()) } else { self.queue.push(&tickets).await }
    }

    /// Says that a step comes again at `at`. A step that has ended stays so.
    pub async fn postpone(
        &self,
        id: MediaId,
        step: StepName,
        error: &StepError,
        at: DateTime,
    ) -> Result<(), PortError> {
        self.change(id, |media, _| {
            let step = media.processing_steps.get_mut(step);
            if !step.is_closed() {
                step.postpone(at, error.clone());
            }
        })
        .await
        .map(|_| ())
    }

    /// Says that a step will never come to its end.
    pub async fn give_up(
        &self,
        id: MediaId,
        step: StepName,
        error: &StepError,
    ) -> Result<Media, PortError> {
        self.record(id, StepResult::Failed(step, error.clone())).await
    }

    /// Lets a step that has failed be done once more.
    pub async fn reopen(&self, id: MediaId, step: StepName) -> Result<Media, PortError> {
        self.change(id, |media, _| {
            let step = media.processing_steps.get_mut(step);
            if step.has_failed() {
                step.reopen();
            }
        })
        .await
    }

    /// Reads, computes and writes; a lost race is read again and tried at once, a few times.
    pub async fn change(
        &self,
        id: MediaId,
        compute: impl Fn(&mut Media, DateTime),
    ) -> Result<Media, PortError> {
        let mut lost = PortError::Conflict(format!("media {id} is written by too many at once"));
        for _ in 0..RACES {
            let before = self.media.media(id).await?;
            let mut after = before.clone();
            let now = self.clock.now();
            compute(&mut after, now);
            after.settle();
            if after == before {
                return Ok(before);
            }
            after.updated_at = now;
            match self.media.update(&before, after).await {
                Err(PortError::Conflict(message)) => lost = PortError::Conflict(message),
                Ok(after) => {
                    self.live.announce(&live::of_media(&before, &after)).await;
                    return Ok(after);
                }
                answer => return answer,
            }
        }
        Err(lost)
    }
}

/// Writes what a step found out into the medium. Pure.
fn apply(media: &mut Media, now: DateTime, result: &StepResult) {
    match result {
        StepResult::Stored { sha256, sniffed } => stored(media, now, sha256, sniffed.as_ref()),
        StepResult::Scanned(scan) => scanned(&mut media.processing_steps.virus_scanning, now, scan),
        StepResult::Described(metadata, taken_at) => {
            let truncated = media.metadata.truncated;
            media.metadata = MediaMetadata { truncated, ..(**metadata).clone() };
            media.taken_at = *taken_at;
            media.processing_steps.metadata_extraction.complete(now);
        }
        StepResult::Pictured { thumbnails, placeholder, truncated, recipe } => {
            media.thumbnails.clone_from(thumbnails);
            media.placeholder.clone_from(placeholder);
            media.metadata.truncated = truncated.then_some(true);
            let step = &mut media.processing_steps.thumbnail_generation;
            (step.recipe_version, step.recipe) = (Some(recipe.0), Some(recipe.1.clone()));
            step.complete(now);
        }
        StepResult::Skipped(step, reason) => {
            media.processing_steps.get_mut(*step).skip(now, reason)
        }
        StepResult::Failed(step, error) => {
            media.processing_steps.get_mut(*step).fail(now, error.clone());
        }
    }
}

fn stored(media: &mut Media, now: DateTime, sha256: &str, sniffed: Option<&Sniffed>) {
    media.sha256 = Some(sha256.to_owned());
    media.sniffed_mime_type = sniffed.map(|s| s.mime_type.clone());
    if let Some(sniffed) = sniffed {
        media.mime_type.clone_from(&sniffed.mime_type);
        media.file_type = sniffed.file_type;
        media.filename =
            crate::keys::filename(media.id, &media.original_filename, &sniffed.extension);
    }
    media.uploaded_at = now;
    media.processing_steps.upload.complete(now);
}

fn scanned(step: &mut Step, now: DateTime, scan: &Scan) {
    step.engine = Some(scan.engine.clone());
    step.signatures = Some(scan.signatures.clone());
    match &scan.verdict {
        Verdict::Clean => {
            step.result = Some(ScanResult::Clean);
            step.complete(now);
        }
        Verdict::Infected { signature } => {
            step.result = Some(ScanResult::Infected);
            step.signature = Some(signature.clone());
            // The scan itself did its work; that the medium fails follows from the result.
            step.complete(now);
        }
        Verdict::Unscannable { reason } => {
            step.result = Some(ScanResult::Unscannable);
            step.reason = Some(reason.clone());
            let message = format!("the file could not be scanned whole: {reason}");
            let code = "unscannable".to_owned();
            step.fail(now, StepError { class: ErrorClass::Policy, code, message });
        }
    }
}
