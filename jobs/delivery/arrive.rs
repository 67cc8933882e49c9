//! New notifications: what is refused of them, and how those of other services are taken in.

use futures_util::future::join_all;

use super::{Needs, tickets};
use crate::{
    model::{Digest, Fallback, Notification, NotificationStatus},
    ports::{Foreign, PortError},
};

/// Fallbacks wait for at most a week.
const FALLBACK_LONGEST: u32 = 7 * 24 * 3600;
/// As much as a request to the API may have.
const SIZE_MOST: usize = 64 << 10;
/// Keys stand in indexes.
const KEY_LONGEST: usize = 200;
/// Digests wait for at most a week.
const WINDOW_LONGEST: u32 = 7 * 24 * 3600;

/// Refuses what could never be sent as its writer means it: `no_channels`, `expires_too_early`,
/// `bad_notification`.
pub fn check(new: &Notification) -> Result<(), PortError> {
    let refused = |code, message| Err(PortError::refused(code, message));
    let same = |fallback: &Fallback| {
        new.channels.contains(&fallback.channel) || fallback.after_seconds > FALLBACK_LONGEST
    };
    let odd = |digest: &Digest| {
        digest.key.is_empty()
            || digest.key.len() > KEY_LONGEST
            || digest.window_seconds == 0
            || digest.window_seconds > WINDOW_LONGEST
    };
    if new.channels.is_empty() {
        return refused("no_channels", "channels is empty: nobody would get it");
    }
    if new.kind.is_empty() || new.kind.len() > KEY_LONGEST || new.kind.contains(['.', '$', '\0']) {
        let message = "type is empty, longer than 200 bytes, or has a dot or a dollar sign";
        return refused("bad_notification", message);
    }
    if size(new) > SIZE_MOST {
        return refused("bad_notification", "title, body and data have more than 64 KiB together");
    }
    let due = new.scheduled_for.or(new.created_at);
    if new.expires_at.zip(due).is_some_and(|(end, due)| end <= due) {
        let message = "expiresAt is not after scheduledFor: it would be removed before it is sent";
        return refused("expires_too_early", message);
    }
    if new.dedupe_key.as_ref().is_some_and(|key| key.is_empty() || key.len() > KEY_LONGEST) {
        return refused("bad_notification", "dedupeKey is empty or longer than 200 bytes");
    }
    if new.priority.is_some_and(|priority| priority > 9) {
        return refused("bad_notification", "priority is not from 0 to 9");
    }
    if new.fallback.iter().any(same) {
        let message = "a fallback has a channel that is among channels, or waits for over a week";
        return refused("bad_notification", message);
    }
    if new.digest.as_ref().is_some_and(odd) {
        let message = "digest.key has not 1 to 200 bytes, or digest.windowSeconds is not from 1 to \
                       604800";
        return refused("bad_notification", message);
    }
    Ok(())
}

/// So many are taken in side by side.
const SIDE_BY_SIDE: usize = 32;

/// What a notification says, in bytes.
fn size(new: &Notification) -> usize {
    let data = bson::serialize_to_vec(&new.data).map_or(usize::MAX, |data| data.len());
    data.saturating_add(new.title.len()).saturating_add(new.body.len())
}

/// Takes in what other services have inserted, at most `limit`; how many were taken in or refused.
pub async fn take_in(needs: &Needs, limit: u32) -> Result<u64, PortError> {
    let (mut seen, mut failed) = (0, None);
    let foreign = needs.notifications.foreign(limit).await?;
    for some in foreign.chunks(SIDE_BY_SIDE) {
        let taken = join_all(some.iter().map(|foreign| settled(needs, foreign))).await;
        let mut put = Vec::new();
        for taken in taken {
            match taken {
                Ok(Some(new)) => put.extend(tickets::all(&new, needs.clock.now())?),
                Ok(None) => {}
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            }
            seen += 1;
        }
        // Who dies here leaves notifications that are looked after within a minute or so.
        if !put.is_empty() {
            needs.queue.push(&put).await?;
        }
    }
    // After the others, which must not wait for it.
    failed.map_or(Ok(seen), Err)
}

/// Takes one in or out of the way; nothing where another process was first.
async fn settled(needs: &Needs, foreign: &Foreign) -> Result<Option<Notification>, PortError> {
    match take_in_one(needs, foreign).await {
        Err(PortError::Conflict(_)) => Ok(None),
        Err(PortError::Refused { message, .. }) => {
            tracing::error!(id = %foreign.id, "a notification is refused: {message}");
            needs.notifications.refuse(&foreign.id, &message).await.map(|()| None)
        }
        taken => taken,
    }
}

async fn take_in_one(needs: &Needs, foreign: &Foreign) -> Result<Option<Notification>, PortError> {
    let before = match &foreign.read {
        Ok(before) => before,
        Err(why) => return Err(PortError::refused("malformed_document", why.clone())),
    };
    if before.status != NotificationStatus::Pending {
        return Ok(None);
    }
    check(before)?;
    let mut after = before.clone();
    after.take_in(needs.clock.now());
    needs.notifications.update(before, after).await.map(Some)
}
