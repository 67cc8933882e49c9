//! A published film gets its moving picture.

use super::{
    Maker, Needs,
    avif::{add, is_of_this_recipe, newer},
    entry,
    replace::free,
};
use crate::{
    job::{JobError, Outcome},
    keys,
    model::{Media, MediaId},
    ports::PictureFormat,
    quarantine,
};

/// Makes it, where the document does not list it yet. Safe to do twice.
pub async fn add_preview(needs: &Needs, id: MediaId) -> Result<Outcome, JobError> {
    let media = needs.media.media(id).await?;
    if let Some(newer) = newer(needs, &media) {
        return Err(newer);
    }
    if !is_missing(needs, &media) {
        free(needs, id, Maker::Preview).await?;
        return Ok(Outcome::Noted("nothing to make".into()));
    }
    let key = quarantine::current_key(&media)?;
    let file = quarantine::file(&*needs.objects, &media, key).await?;
    let seconds = needs.recipe.preview_seconds;
    let Some(made) = needs.decoder.preview(&file, media.known_type(), seconds).await? else {
        free(needs, id, Maker::Preview).await?;
        return Ok(Outcome::Noted("it does not move".into()));
    };
    let key = keys::preview(&media, needs.recipe.version, made.format);
    add(needs, id, Maker::Preview, vec![entry(&made, key)], vec![made]).await?;
    Ok(Outcome::Done)
}

/// Whether a film has none of this version.
fn is_missing(needs: &Needs, media: &Media) -> bool {
    let key = keys::preview(media, needs.recipe.version, PictureFormat::WebP);
    needs.recipe.preview_seconds > 0
        && media.is_film()
        && is_of_this_recipe(needs, media)
        && !media.thumbnails.iter().any(|entry| entry.key == key)
}
