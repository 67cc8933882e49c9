//! Where bytes lie in the object store. Nothing that people typed gets in but through `slug`.

use crate::{
    model::{EventId, Media, MediaId, slug},
    ports::PictureFormat,
};

/// What the keys of arriving bytes begin with.
pub const INCOMING: &str = "incoming/";

/// Bytes of an upload until they are published or quarantined; never served.
pub fn private(upload: &str) -> String {
    format!("{INCOMING}{upload}")
}

/// What the names begin with on which a doctor tries the store.
pub const DOCTOR: &str = "doctor-";

/// What comes between an upload and its tail.
const TAIL: &str = ".tail-";

/// Bytes of an upload that do not fill their chunk yet. Whoever may write has keys of its own.
pub fn tail(upload: &str, holder: &str, offset: u64) -> String {
    format!("{}{TAIL}{holder}-{offset}", private(upload))
}

/// The upload that a key of arriving bytes belongs to, and whether they are a tail of it.
pub fn arriving(key: &str) -> Option<(&str, bool)> {
    let name = key.strip_prefix(INCOMING)?;
    Some(name.split_once(TAIL).map_or((name, false), |(upload, _)| (upload, true)))
}

/// A published medium.
pub fn published(media: &Media) -> String {
    format!("events/{}/media/{}", media.event_id, media.filename)
}

/// A small picture of a medium. Each version of the recipe has places of its own: what readers know
/// is never written over.
pub fn thumbnail(media: &Media, name: &str, version: u32, format: PictureFormat) -> String {
    let stem = media.filename.rsplit_once('.').map_or(media.filename.as_str(), |(stem, _)| stem);
    let extension = format.extension();
    format!("events/{}/thumbnails/{stem}_{name}_v{version}.{extension}", media.event_id)
}

/// The name of the moving picture of a film among its small pictures.
pub const PREVIEW: &str = "preview";

/// The moving picture of a film; each version of the recipe has a place of its own, too.
pub fn preview(media: &Media, version: u32, format: PictureFormat) -> String {
    let (event, id, extension) = (media.event_id, media.id, format.extension());
    format!("events/{event}/{PREVIEWS}/{id}_v{version}.{extension}")
}

/// Whether a key is that of a moving picture.
pub fn is_preview(key: &str) -> bool {
    key.split('/').rev().nth(1) == Some(PREVIEWS)
}

/// The folder of an event's moving pictures.
const PREVIEWS: &str = "previews";

/// Withheld bytes; never served.
pub fn quarantine(event: EventId, media: MediaId) -> String {
    format!("quarantine/{event}/{media}")
}

/// The name under which a medium is kept: unique, harmless, still telling.
pub fn filename(media: MediaId, original: &str, extension: &str) -> String {
    format!("{media}_{}.{extension}", slug(original))
}
