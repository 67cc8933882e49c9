//! A published medium gets its pictures in AVIF.

use bson::DateTime;

use super::{
    Maker, Needs, listed, made_of,
    renew::recipe_older,
    replace::{free, replace},
};
use crate::{
    job::{JobError, Outcome},
    keys,
    model::{Media, MediaId, ThumbnailInfo},
    ports::{Picture, PictureSize},
};

/// Makes those that the document does not list yet. Safe to do twice.
pub async fn add_avif(needs: &Needs, id: MediaId) -> Result<Outcome, JobError> {
    let media = needs.media.media(id).await?;
    if let Some(newer) = newer(needs, &media) {
        return Err(newer);
    }
    let missing = missing(needs, &media);
    if missing.is_empty() {
        free(needs, id, Maker::Avif).await?;
        return Ok(Outcome::Noted("nothing to make".into()));
    }
    let made = made_of(needs, &media, &missing).await?;
    let entries = listed(&media, &needs.recipe, &made.pictures);
    add(needs, id, Maker::Avif, entries, made.pictures).await?;
    Ok(Outcome::Done)
}

/// Puts pictures that come later and lists them behind the others, each in the place of the one of
/// its name.
pub(super) async fn add(
    needs: &Needs,
    id: MediaId,
    maker: Maker,
    entries: Vec<ThumbnailInfo>,
    made: Vec<Picture>,
) -> Result<(), JobError> {
    let is_made = |name: &String| entries.iter().any(|entry| entry.name == *name);
    let list = |media: &mut Media, _: DateTime| {
        media.thumbnails.retain(|entry| !is_made(&entry.name));
        media.thumbnails.extend(entries.iter().cloned());
        needs.links.address(media);
        media.processing_steps.thumbnail_generation.renew_error = None;
    };
    let is_wished = |media: &Media| is_of_this_recipe(needs, media);
    replace(needs, id, maker, (&entries, made), is_wished, list).await
}

/// Only what belongs to the pictures that readers have: when these are of another version, whoever
/// makes them again asks for these, too.
pub(super) fn is_of_this_recipe(needs: &Needs, media: &Media) -> bool {
    let step = &media.processing_steps.thumbnail_generation;
    media.is_pictured() && step.recipe_version == Some(needs.recipe.version)
}

/// Why a worker of older settings leaves it to another one.
pub(super) fn newer(needs: &Needs, media: &Media) -> Option<JobError> {
    let (ours, theirs) =
        (needs.recipe.version, media.processing_steps.thumbnail_generation.recipe_version?);
    (theirs > ours).then(|| recipe_older(ours, theirs))
}

fn missing(needs: &Needs, media: &Media) -> Vec<PictureSize> {
    if !is_of_this_recipe(needs, media) {
        return Vec::new();
    }
    let is_missing = |size: &PictureSize| {
        let key = keys::thumbnail(media, &size.name, needs.recipe.version, size.format);
        !media.thumbnails.iter().any(|entry| entry.key == key)
    };
    needs.recipe.later().into_iter().filter(is_missing).collect()
}
