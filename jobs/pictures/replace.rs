//! Other pictures take the place of those that readers know.
//!
//! A reader finds the addresses of a document working at every moment: the new objects lie at keys
//! of their own before the one write that lists them, and the old ones go after it. What has no
//! reader is written down in `processing.spareKeys` before it lies there, and taken out after it is
//! gone: a run that dies in between leaves nothing that the next one, or the end of the job, does
//! not find.

use bson::DateTime;

use super::{Needs, put};
use crate::{
    job::JobError,
    keys,
    model::{Media, MediaId, Processing, ThumbnailInfo},
    ports::{Picture, PictureFormat, PortError},
};

/// Who makes pictures of a medium. They may do so at the same time; each removes its own alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// Of those that a medium is published with.
    Thumbnails,
    /// Of those that come later.
    Avif,
    /// Of the moving picture of a film.
    Preview,
}

impl Maker {
    /// Whose picture lies at this key.
    pub fn of(key: &str) -> Self {
        let is_avif = key.strip_suffix(PictureFormat::Avif.extension());
        if keys::is_preview(key) {
            return Self::Preview;
        }
        match is_avif.is_some_and(|rest| rest.ends_with('.')) {
            true => Self::Avif,
            false => Self::Thumbnails,
        }
    }
}

/// Puts the pictures, lets `list` change what the document says, and removes what it does not list
/// any more. `list` is asked only while `is_wished` of the medium as it stands.
pub async fn replace(
    needs: &Needs,
    id: MediaId,
    maker: Maker,
    (entries, made): (&[ThumbnailInfo], Vec<Picture>),
    is_wished: impl Fn(&Media) -> bool,
    list: impl Fn(&mut Media, DateTime),
) -> Result<(), JobError> {
    needs.recorder.change(id, |media, _| spare(media, entries)).await?;
    put(&*needs.objects, entries, made).await?;
    let after = needs
        .recorder
        .change(id, |media, now| {
            if is_wished(media) && entries.iter().all(|entry| is_noted(media, &entry.key)) {
                let before = media.thumbnails.clone();
                list(media, now);
                spare(media, &before);
            }
        })
        .await?;
    let is_listed = |entry: &ThumbnailInfo| after.thumbnails.iter().any(|t| t.key == entry.key);
    if !entries.iter().all(is_listed) {
        let message = format!("the medium {id} was changed while its pictures were made");
        return Err(JobError::Retry { code: "conflict".into(), message, after: None });
    }
    Ok(free(needs, id, maker).await?)
}

/// Removes those objects of this maker that no reader can know. Only the job that makes them may.
pub async fn free(needs: &Needs, id: MediaId, maker: Maker) -> Result<(), PortError> {
    let media = needs.media.media(id).await?;
    let mut spare = media.processing.map(|processing| processing.spare_keys).unwrap_or_default();
    spare.retain(|key| Maker::of(key) == maker);
    let is_known = |key: &String| media.thumbnails.iter().any(|t| t.key == *key);
    for key in spare.iter().filter(|key| !is_known(key)) {
        needs.objects.delete(key).await?;
    }
    let forget = |media: &mut Media, _| {
        if let Some(processing) = &mut media.processing {
            processing.spare_keys.retain(|key| !spare.contains(key));
        }
    };
    needs.recorder.change(id, forget).await.map(|_| ())
}

/// Notes those of the entries that the document does not list.
fn spare(media: &mut Media, entries: &[ThumbnailInfo]) {
    let known: Vec<&str> = media.thumbnails.iter().map(|entry| entry.key.as_str()).collect();
    let Some(processing) = &mut media.processing else { return };
    processing.spare_keys.retain(|key| !known.contains(&key.as_str()));
    for ThumbnailInfo { key, .. } in entries {
        if !known.contains(&key.as_str()) && !processing.spare_keys.contains(key) {
            processing.spare_keys.push(key.clone());
        }
    }
}

/// Whether nobody has removed the object since it was put.
fn is_noted(media: &Media, key: &String) -> bool {
    let is_spare = |processing: &Processing| processing.spare_keys.contains(key);
    media.processing.as_ref().is_some_and(is_spare)
        || media.thumbnails.iter().any(|entry| entry.key == *key)
}
