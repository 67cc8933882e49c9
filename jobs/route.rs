//! Which step may follow which: the whole flow on this page.
//!
//! ```text
//! complete ─▶ assemble_upload ─▶ scan_virus ─┬▶ extract_metadata ───┬▶ publish_media
//!                  │                 │       └▶ generate_thumbnails ┘         │
//!                  ▼                 ▼                     generate_avif, generate_preview
//!               failed          quarantine (infected, unscannable, against a rule)
//!
//! a notification that is due ─▶ deliver_notification, one for each channel
//!                 not yet due ─▶ release_due ─▶ the same
//! ```

use crate::{
    assemble_upload::AssembleUpload,
    deliver_notification::DeliverNotification,
    extract_metadata::ExtractMetadata,
    generate_avif::GenerateAvif,
    generate_preview::GeneratePreview,
    generate_thumbnails::GenerateThumbnails,
    model::{Channel, Media, NotificationId, ProcessingStatus, StepName},
    pictures::Maker,
    ports::{PortError, Ticket},
    publish_media::PublishMedia,
    recipe::Recipe,
    release_due::ReleaseDue,
    scan_virus::ScanVirus,
};

/// The tickets that the end of `step` asks for, given how `media` stands right after it.
pub fn after(step: StepName, media: &Media) -> Result<Vec<Ticket>, PortError> {
    let steps = &media.processing_steps;
    if media.has_hidden_pictures() {
        return Ok(vec![Ticket::of(&PublishMedia { media_id: media.id })?]);
    }
    if media.processing_status != ProcessingStatus::Processing {
        return Ok(Vec::new());
    }
    match step {
        StepName::Upload => tickets(media, &[StepName::VirusScanning]),
        StepName::VirusScanning => {
            tickets(media, &[StepName::MetadataExtraction, StepName::ThumbnailGeneration])
        }
        StepName::MetadataExtraction | StepName::ThumbnailGeneration if steps.are_closed() => {
            Ok(vec![Ticket::of(&PublishMedia { media_id: media.id })?])
        }
        StepName::MetadataExtraction | StepName::ThumbnailGeneration => Ok(Vec::new()),
    }
}

/// The tickets that a published medium asks for: pictures that take long, and old ones of them that
/// have to go.
pub fn once_published(media: &Media, recipe: &Recipe) -> Result<Vec<Ticket>, PortError> {
    let has_old = |maker: Maker| {
        let mut spare = media.processing.iter().flat_map(|processing| &processing.spare_keys);
        spare.any(|key| Maker::of(key) == maker)
    };
    let (media_id, recipe_version) = (media.id, Some(recipe.version));
    let mut tickets = Vec::new();
    if !media.is_published() {
        return Ok(tickets);
    }
    if !recipe.later().is_empty() || has_old(Maker::Avif) {
        tickets.push(Ticket::of(&GenerateAvif { media_id, recipe_version })?);
    }
    if (recipe.preview_seconds > 0 && media.is_film()) || has_old(Maker::Preview) {
        tickets.push(Ticket::of(&GeneratePreview { media_id, recipe_version })?);
    }
    Ok(tickets)
}

/// The tickets that `media` needs to go on, whatever happened before: for a medium whose ticket was
/// lost.
pub fn resume(media: &Media) -> Result<Vec<Ticket>, PortError> {
    let steps = &media.processing_steps;
    match media.processing_status {
        ProcessingStatus::Uploading => tickets(media, &[StepName::Upload]),
        ProcessingStatus::Processing if !steps.virus_scanning.is_closed() => {
            tickets(media, &[StepName::VirusScanning])
        }
        ProcessingStatus::Processing if steps.are_closed() => {
            after(StepName::MetadataExtraction, media)
        }
        ProcessingStatus::Processing => after(StepName::VirusScanning, media),
        ProcessingStatus::Completed | ProcessingStatus::Failed => Ok(Vec::new()),
    }
}

/// The tickets of those `steps` that are still open; a closed step gets none.
fn tickets(media: &Media, steps: &[StepName]) -> Result<Vec<Ticket>, PortError> {
    let open = steps.iter().filter(|step| !media.processing_steps.get(**step).is_closed());
    open.map(|step| ticket(*step, media)).collect()
}

/// The job that does `step`.
fn ticket(step: StepName, media: &Media) -> Result<Ticket, PortError> {
    let media_id = media.id;
    match step {
        StepName::Upload => Ticket::of(&AssembleUpload { media_id }),
        StepName::VirusScanning => Ticket::of(&ScanVirus { media_id }),
        StepName::MetadataExtraction => Ticket::of(&ExtractMetadata { media_id }),
        StepName::ThumbnailGeneration => {
            Ticket::of(&GenerateThumbnails { media_id, older_than: None })
        }
    }
}

/// The ticket of a notification's delivery by one channel.
pub fn delivery(notification_id: NotificationId, channel: Channel) -> Result<Ticket, PortError> {
    Ticket::of(&DeliverNotification { notification_id, channel })
}

/// The ticket of a look at all notifications that are due.
pub fn look() -> Result<Ticket, PortError> {
    Ticket::of(&ReleaseDue {})
}
