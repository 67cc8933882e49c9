//! What the store has of an upload, and what its record says of it.

use std::time::Duration;

use super::{Needs, RACES, change};
use crate::{
    live,
    model::{Transport, Upload, UploadId},
    ports::{Clock, Expected, Length, Part, PortError, Uploads},
};

/// What came past the service: the store alone says what it has. Of a part that replaces another
/// one, the upload's revision has grown before the other one goes (see [`part_came`]).
pub async fn take_in(needs: &Needs, id: &UploadId) -> Result<Upload, PortError> {
    let mut lost = PortError::Conflict(format!("the upload {id} is being changed"));
    for _ in 0..RACES {
        let before = needs.uploads.upload(id).await?;
        let kept = needs.objects.parts(&before.transfer()).await?;
        let (mut after, now) = (before.clone(), needs.clock.now());
        if after.is_receiving() {
            after.take_in(&kept, now);
        }
        if after == before {
            return Ok(before);
        }
        after.updated_at = Some(now);
        match needs.uploads.update(&before, after).await {
            Err(PortError::Conflict(message)) => lost = PortError::Conflict(message),
            Ok(after) => {
                needs.live.announce(live::of_upload(&before, &after).as_slice()).await;
                return Ok(after);
            }
            answer => return answer,
        }
    }
    Err(lost)
}

/// A part came past the service, or is about to: the upload lives on for `idle`, and whoever
/// looked at its parts before has to look again.
pub async fn part_came(
    uploads: &dyn Uploads,
    clock: &dyn Clock,
    id: &UploadId,
    idle: Duration,
) -> Result<Upload, PortError> {
    change(uploads, clock, id, |upload, now| {
        if upload.is_receiving() {
            upload.expires_at = upload.expires_at.max(upload.expiry(now, idle));
            // A write in any case, also of two in the same millisecond.
            upload.rev = Some(upload.rev.unwrap_or(0).saturating_add(1));
        }
    })
    .await
}

/// Chunks that the store does not have as the record says, such as when somebody sent other bytes
/// at the same time and came last. They have to be sent again.
pub async fn lost_chunks(needs: &Needs, upload: &Upload) -> Result<Vec<u32>, PortError> {
    let parts = upload.parts().unwrap_or_default();
    let kept = needs.objects.parts(&upload.transfer()).await?;
    let is_kept = |part: &Part| kept.iter().any(|kept| part.is(kept));
    let mut lost: Vec<Part> = parts.iter().filter(|part| !is_kept(part)).cloned().collect();
    if let (Some(Transport::Tus), Some(first)) = (upload.transport, lost.first().cloned()) {
        // There bytes come in a row.
        lost = parts.into_iter().filter(|part| part.number >= first.number).collect();
    }
    for part in &lost {
        needs.uploads.chunk_lost(upload, part).await?;
    }
    Ok(lost.iter().map(|part| part.number).collect())
}

/// Makes the last chunk of a tail that fills it, which a request could not do that ended early.
pub async fn end_tail(needs: &Needs, upload: &Upload) -> Result<Upload, PortError> {
    let (Some(tail), true) = (upload.tail(), upload.has_all_by_tus()) else {
        return Ok(upload.clone());
    };
    let kept = upload.chunks.iter().take_while(|chunk| chunk.uploaded).count();
    let number = u32::try_from(kept + 1).unwrap_or(u32::MAX);
    let body = needs.objects.read(&tail.key, None).await?;
    let expected = Expected { length: Length::Exactly(tail.bytes), sha256: None };
    let part = needs.objects.put_part(&upload.transfer(), number, expected, body).await?;
    let is_same = |upload: &Upload| upload.tail() == Some(tail);
    let ended = change(&*needs.uploads, &*needs.clock, &upload.upload_id, |upload, now| {
        if upload.is_receiving() && is_same(upload) {
            upload.keep(&part, now);
            upload.tus.get_or_insert_default().tail = None;
        }
    });
    let ended = ended.await?;
    if !is_same(&ended) {
        needs.objects.delete(&tail.key).await?;
    }
    Ok(ended)
}
