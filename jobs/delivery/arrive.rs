//! New notifications: what is refused of them, and how those of other services are taken in.

use super::{Needs, tickets};
use crate::{
    model::{Digest, Fallback, Notification, NotificationStatus},
    ports::{Foreign, PortError},
};

/// Fallbacks wait for at most a week.
const FALLBACK_LONGEST: u32 = 7 * 24 * 3600;
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
    if new.kind.is_empty() || new.kind.len() > KEY_LONGEST {
        return refused("bad_notification", "type is empty or longer than 200 bytes");
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

/// Takes in what other services have inserted, at most `limit`; how many.
pub async fn take_in(needs: &Needs, limit: u32) -> Result<u64, PortError> {
    let (mut taken, mut put) = (0, Vec::new());
    for foreign in needs.notifications.foreign(limit).await? {
        match take_in_one(needs, &foreign).await {
            Ok(Some(new)) => {
                put.extend(tickets::all(&new, needs.clock.now())?);
                taken += 1;
            }
            // Another process was first.
            Ok(None) | Err(PortError::Conflict(_)) => {}
            Err(PortError::Refused { message, .. }) => {
                tracing::error!(id = %foreign.id, "a notification is refused: {message}");
                needs.notifications.refuse(&foreign.id, &message).await?;
            }
            Err(error) => return Err(error),
        }
    }
    // Who dies here leaves notifications that are looked after within a minute or so.
    if !put.is_empty() {
        needs.queue.push(&put).await?;
    }
    Ok(taken)
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
