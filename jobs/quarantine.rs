//! Moves withheld bytes to where nobody serves them.

use crate::{
    keys,
    model::{Media, MediaId},
    ports::{LocalFile, MediaStore, Objects, PortError},
    steps::Recorder,
};

/// Withheld bytes are never served as what they claim to be.
const CONTENT_TYPE: &str = "application/octet-stream";

/// The key under which the bytes lie before publication.
pub fn private_key(media: &Media) -> Result<&str, PortError> {
    let processing = media.processing.as_ref().ok_or_else(|| {
        let message = format!("the medium {} did not come through an upload", media.id);
        PortError::refused("no_upload", message)
    })?;
    Ok(&processing.private_key)
}

/// The key under which the bytes lie now: the published one, or the private one before that.
pub fn current_key(media: &Media) -> Result<&str, PortError> {
    match &media.s3_info.key {
        Some(key) if media.is_published() => Ok(key),
        _ => private_key(media),
    }
}

/// The bytes of the medium that lie under `key`, as a local file; a copy of them that an earlier
/// job left here serves.
pub async fn file(objects: &dyn Objects, media: &Media, key: &str) -> Result<LocalFile, PortError> {
    match &media.sha256 {
        Some(sha256) => objects.fetch_known(key, sha256).await,
        None => objects.fetch(key).await,
    }
}

/// Moves the bytes back from quarantine, for another look at them. Safe to do twice.
pub async fn take_back(
    recorder: &Recorder,
    objects: &dyn Objects,
    media: &Media,
) -> Result<(), PortError> {
    let Some(from) = media.processing.as_ref().and_then(|p| p.quarantine_key.clone()) else {
        return Ok(());
    };
    objects.copy(&from, private_key(media)?, &media.mime_type).await?;
    let forget = |media: &mut Media, _| {
        if let Some(processing) = &mut media.processing {
            processing.quarantine_key = None;
        }
    };
    recorder.change(media.id, forget).await?;
    objects.delete(&from).await
}

/// Moves the bytes of a withheld medium to quarantine: copy, remember where, then remove. Safe to
/// do twice.
pub async fn withhold(
    store: &dyn MediaStore,
    objects: &dyn Objects,
    id: MediaId,
) -> Result<(), PortError> {
    let mut lost = PortError::Conflict(format!("media {id} is written by too many at once"));
    for _ in 0..8 {
        let before = store.media(id).await?;
        let from = private_key(&before)?.to_owned();
        let to = keys::quarantine(before.event_id, before.id);
        let mut after = before.clone();
        if let Some(processing) = &mut after.processing {
            processing.quarantine_key = Some(to.clone());
        }
        if after == before {
            return objects.delete(&from).await;
        }
        match objects.copy(&from, &to, CONTENT_TYPE).await {
            // Nothing is there to be withheld: moved by a run that is ahead of us, or lost.
            Ok(()) | Err(PortError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
        match store.update(&before, after).await {
            Ok(_) => return objects.delete(&from).await,
            Err(PortError::Conflict(message)) => lost = PortError::Conflict(message),
            Err(error) => return Err(error),
        }
    }
    Err(lost)
}
