//! The pictures of a published medium are made again by a newer recipe; readers have the old ones
//! until then, and keep them where that fails.

use std::time::Duration;

use bson::DateTime;

use super::{
    Maker, Needs, listed, made_of, placeholder,
    replace::{free, replace},
};
use crate::{
    job::{JobError, Outcome},
    model::{Media, MediaId, StepError},
    ports::{Pictures, PortError},
    route,
};

/// Workers of an older recipe are replaced within some minutes.
const OTHER_WORKER: Duration = Duration::from_secs(60);

/// Makes the pictures again if they are of a recipe older than this version. Safe to do twice.
pub async fn renew(needs: &Needs, id: MediaId, older_than: u32) -> Result<Outcome, JobError> {
    let media = needs.media.media(id).await?;
    if !is_older(&media, older_than) {
        free(needs, id, Maker::Thumbnails).await?;
        needs.recorder.queue.push(&route::once_published(&media, &needs.recipe)?).await?;
        return Ok(Outcome::Noted("not older".into()));
    }
    let version = needs.recipe.version;
    if version < older_than {
        return Err(recipe_older(version, older_than));
    }
    let made = made_of(needs, &media, &needs.recipe.at_once()).await?;
    if made.pictures.is_empty() {
        let message = "no picture comes out of the file any more".to_owned();
        return Err(JobError::Fail { code: "no_picture".into(), message });
    }
    let entries = listed(&media, &needs.recipe, &made.pictures);
    let Pictures { pictures, truncated, placeholder: hash } = made;
    let list = |media: &mut Media, now: DateTime| {
        // Those that come later have their old ones until then.
        let later = needs.recipe.later();
        media.thumbnails.retain(|old| match Maker::of(&old.key) {
            Maker::Thumbnails => false,
            Maker::Avif => later.iter().any(|size| size.name == old.name),
            Maker::Preview => needs.recipe.preview_seconds > 0,
        });
        media.thumbnails.splice(0..0, entries.iter().cloned());
        needs.links.address(media);
        media.placeholder = placeholder(&hash);
        media.metadata.truncated = truncated.then_some(true);
        let step = &mut media.processing_steps.thumbnail_generation;
        (step.recipe, step.recipe_version) = (Some(needs.recipe.told()), Some(version));
        (step.completed_at, step.renew_error) = (Some(now), None);
    };
    let is_wished = |media: &Media| is_older(media, older_than);
    replace(needs, id, Maker::Thumbnails, (&entries, pictures), is_wished, list).await?;
    let media = needs.media.media(id).await?;
    needs.recorder.queue.push(&route::once_published(&media, &needs.recipe)?).await?;
    Ok(Outcome::Done)
}

/// What a worker says whose settings are older than those that are wished.
pub(super) fn recipe_older(ours: u32, wished: u32) -> JobError {
    let message = format!("this worker makes pictures of version {ours}, not yet {wished}");
    JobError::Retry { code: "recipe_older".into(), message, after: Some(OTHER_WORKER) }
}

/// The pictures that readers have stay, and the document says why there are no newer ones, if there
/// are none: `is_open` of the medium.
pub async fn keep(
    needs: &Needs,
    id: MediaId,
    maker: Maker,
    is_open: impl Fn(&Media) -> bool,
    error: &StepError,
) -> Result<(), PortError> {
    let say = |media: &mut Media, _| {
        if is_open(media) {
            let step = &mut media.processing_steps.thumbnail_generation;
            step.renew_error = Some(error.clone());
        }
    };
    needs.recorder.change(id, say).await?;
    free(needs, id, maker).await
}

/// Whether readers have pictures of it that are older than this version.
pub fn is_older(media: &Media, version: u32) -> bool {
    let step = &media.processing_steps.thumbnail_generation;
    media.is_pictured() && step.recipe_version.unwrap_or(0) < version
}
