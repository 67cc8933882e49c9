//! Small pictures as objects, and how documents list them.

mod avif;
mod preview;
mod renew;
mod replace;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;

use crate::{
    keys,
    links::Links,
    model::{Media, ThumbnailInfo},
    ports::{Decoder, MediaStore, Objects, Picture, PictureSize, Pictures, PortError},
    quarantine,
    recipe::Recipe,
    steps::Recorder,
};

pub use avif::add_avif;
pub use preview::add_preview;
pub use renew::{is_older, keep, renew};
pub use replace::Maker;

crate::needs! {
    recorder: Recorder,
    media: dyn MediaStore,
    objects: dyn Objects,
    decoder: dyn Decoder,
    links: Links,
    recipe: Recipe,
}

/// Pictures of a medium that is published.
async fn made_of(
    needs: &Needs,
    media: &Media,
    sizes: &[PictureSize],
) -> Result<Pictures, PortError> {
    let key = quarantine::current_key(media)?;
    let file = quarantine::file(&*needs.objects, media, key).await?;
    needs.decoder.pictures(&file, media.known_type(), sizes).await
}

/// The entries of a document for pictures that were made of its medium by `recipe`; nobody knows
/// their addresses yet.
pub fn listed(media: &Media, recipe: &Recipe, made: &[Picture]) -> Vec<ThumbnailInfo> {
    let key = |made: &Picture| keys::thumbnail(media, &made.name, recipe.version, made.format);
    made.iter().map(|picture| entry(picture, key(picture))).collect()
}

fn entry(picture: &Picture, key: String) -> ThumbnailInfo {
    ThumbnailInfo {
        name: picture.name.clone(),
        width: picture.width,
        height: picture.height,
        mime_type: picture.format.mime_type().to_owned(),
        bytes: picture.bytes.len() as u64,
        key,
        url: None,
    }
}

/// Puts each picture where its entry says.
pub async fn put(
    objects: &dyn Objects,
    entries: &[ThumbnailInfo],
    made: Vec<Picture>,
) -> Result<(), PortError> {
    for (entry, picture) in entries.iter().zip(made) {
        objects.put(&entry.key, Bytes::from(picture.bytes), &entry.mime_type).await?;
    }
    Ok(())
}

/// A thumbhash as documents have it.
pub fn placeholder(hash: &[u8]) -> Option<String> {
    (!hash.is_empty()).then(|| BASE64.encode(hash))
}
