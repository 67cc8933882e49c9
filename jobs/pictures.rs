//! Small pictures as objects, and how documents list them.

use bytes::Bytes;

use crate::{
    keys,
    model::{Media, ThumbnailInfo},
    ports::{Objects, Picture, PortError},
    recipe::Recipe,
};

/// The entries of a document for pictures that were made of its medium by `recipe`; nobody knows
/// their addresses yet.
pub fn listed(media: &Media, recipe: &Recipe, made: &[Picture]) -> Vec<ThumbnailInfo> {
    let entry = |picture: &Picture| ThumbnailInfo {
        name: picture.name.clone(),
        width: picture.width,
        height: picture.height,
        mime_type: picture.format.mime_type().to_owned(),
        bytes: picture.bytes.len() as u64,
        key: keys::thumbnail(media, &picture.name, recipe.version, picture.format),
        url: None,
    };
    made.iter().map(entry).collect()
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
