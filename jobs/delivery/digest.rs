//! Several notifications of one user as one message.
//!
//! All of a group wait for the same end. Then the one with the smallest id takes the words of the
//! others along; those are `claimed` by it from before the carrier is called, and end as it ends.

use std::time::Duration;

use super::{Turn, decide::reason, outcome, record};
use crate::{
    job::{JobError, Outcome},
    model::{Channel, Delivery, DeliveryState, Digest, Notification, NotificationId},
    ports::{PortError, later},
};

/// So many go into one message; the others go into the next one.
const MEMBERS: u32 = 200;
/// Whoever is not the first of its group, or has given its words away, looks again after so long.
pub const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Lets it wait with the others of its group.
pub async fn gather(turn: Turn<'_>, seconds: u32) -> Result<Outcome, JobError> {
    let (id, channel, now) = (turn.notification.id, turn.channel, turn.needs.clock.now());
    let (key, seen) = (key(&turn.notification), turn.seen());
    let waiting = group(&turn, &key).await?;
    let ends = waiting.iter().filter_map(|other| delivery(other, channel)?.next_attempt_at);
    let end = ends.filter(|end| *end > now).min();
    let end = end.unwrap_or_else(|| later(now, Duration::from_secs(seconds.into())));
    record::change(turn.needs, id, |notification, _| {
        let deliveries = notification.deliveries.as_mut();
        let Some(delivery) = deliveries.and_then(|all| all.get_mut(channel).as_mut()) else {
            return false;
        };
        if (delivery.state, delivery.attempts) != seen {
            return false;
        }
        delivery.state = DeliveryState::Deferred;
        delivery.next_attempt_at = Some(end);
        delivery.skip_reason = Some(reason::DIGEST.to_owned());
        delivery.gathered = true;
        let wished = || Digest { key: key.clone(), window_seconds: seconds, channels: vec![] };
        let digest = notification.digest.get_or_insert_with(wished);
        if !digest.is_of(channel) || digest.channels.is_empty() && digest.key.starts_with(OWN) {
            digest.channels.push(channel);
        }
        true
    })
    .await?;
    outcome::waits(turn.needs, id, end).await
}

/// The others whose words go with this one's, from now on in no other message.
///
/// `None` where another one of the group goes first: it will take this one along.
pub async fn members(turn: &Turn<'_>) -> Result<Option<Vec<Notification>>, PortError> {
    let Some(delivery) = turn.delivery() else { return Ok(None) };
    if !delivery.members.is_empty() {
        return claimed(turn, &delivery.members).await.map(Some);
    }
    if !delivery.gathered {
        return Ok(Some(Vec::new()));
    }
    let others = group(turn, &key(&turn.notification)).await?;
    let ids: Vec<NotificationId> = others.iter().map(|other| other.id).collect();
    if ids.iter().any(|other| *other < turn.notification.id) {
        return Ok(None);
    }
    if ids.is_empty() {
        return Ok(Some(Vec::new()));
    }
    turn.write(|delivery, _| delivery.members.clone_from(&ids)).await?;
    claimed(turn, &ids).await.map(Some)
}

/// What has given its words away ends as their message ends.
pub async fn follow(turn: Turn<'_>) -> Result<Outcome, JobError> {
    let leader = turn.delivery().and_then(|delivery| delivery.gathered_in);
    let leading = match leader {
        Some(leader) => match turn.needs.notifications.notification(leader).await {
            Err(PortError::Missing(_)) => None,
            found => Some(found?),
        },
        None => None,
    };
    let of = leading.as_ref().and_then(|leading| delivery(leading, turn.channel));
    let of = of.filter(|of| of.members.contains(&turn.notification.id));
    use DeliveryState::{Delivered, Failed, Read, Sent};
    match of {
        Some(of) if of.state.is_open() => {
            let now = turn.needs.clock.now();
            let soon = later(now, LOOK_AGAIN);
            let at = of.next_attempt_at.unwrap_or(soon).max(soon);
            turn.write(|delivery, _| delivery.next_attempt_at = Some(at)).await?;
            outcome::waits(turn.needs, turn.notification.id, at).await
        }
        Some(of) if matches!(of.state, Sent | Delivered | Read | Failed) => {
            let state = if of.state == Failed { Failed } else { Sent };
            let (sent_at, error) = (of.sent_at, of.last_error.clone());
            turn.write(|delivery, _| {
                delivery.end(state, Some(reason::DIGEST));
                delivery.sent_at = sent_at;
                delivery.last_error.clone_from(&error);
            })
            .await?;
            Ok(Outcome::Noted("its words went with those of another one".to_owned()))
        }
        // Nobody has its words, or who has them is not sent: it goes with the others again.
        _ => {
            turn.write(|delivery, now| {
                delivery.state = DeliveryState::Deferred;
                delivery.next_attempt_at = Some(now);
                delivery.gathered_in = None;
            })
            .await?;
            Ok(Outcome::NotYet(Duration::ZERO))
        }
    }
}

/// Takes the words of those that still wait; those that are this one's.
async fn claimed(turn: &Turn<'_>, ids: &[NotificationId]) -> Result<Vec<Notification>, PortError> {
    let (leader, mut ours) = (turn.notification.id, Vec::new());
    for id in ids {
        let channel = turn.channel;
        let claim = record::change(turn.needs, *id, |other, now| {
            let (is_over, is_read) = (other.has_expired(now), other.is_read());
            let deliveries = other.deliveries.as_mut();
            let delivery = deliveries.and_then(|all| all.get_mut(channel).as_mut());
            let Some(delivery) = delivery.filter(|delivery| waits(delivery)) else { return false };
            if is_over {
                delivery.end(DeliveryState::Expired, None);
            } else if is_read {
                delivery.end(DeliveryState::Skipped, Some(reason::READ));
            } else {
                delivery.state = DeliveryState::Claimed;
                delivery.gathered_in = Some(leader);
            }
            true
        });
        let other = match claim.await {
            Err(PortError::Missing(_)) => continue,
            other => other?,
        };
        let is_ours = delivery(&other, turn.channel).is_some_and(|delivery| {
            delivery.state == DeliveryState::Claimed && delivery.gathered_in == Some(leader)
        });
        ours.extend(is_ours.then_some(other));
    }
    Ok(ours)
}

/// Groups of a user's own wish are told apart from those that writers name.
const OWN: &str = "type:";

fn key(notification: &Notification) -> String {
    let said = notification.digest.as_ref().map(|digest| digest.key.clone());
    said.unwrap_or_else(|| format!("{OWN}{}", notification.kind))
}

/// The others of the group that wait.
async fn group(turn: &Turn<'_>, key: &str) -> Result<Vec<Notification>, PortError> {
    let own = &turn.notification;
    let mut found = turn.needs.notifications.gathered(own.user_id, key, MEMBERS).await?;
    found.retain(|other| delivery(other, turn.channel).is_some_and(waits) && other.id != own.id);
    Ok(found)
}

fn delivery(notification: &Notification, channel: Channel) -> Option<&Delivery> {
    notification.deliveries.as_ref()?.get(channel)
}

/// Whether a delivery waits for others of its group, and has not begun to take any along.
fn waits(delivery: &Delivery) -> bool {
    delivery.state == DeliveryState::Deferred && delivery.gathered && delivery.members.is_empty()
}
