//! The only writer of `notifications` after they were made: reads, computes, writes, and tries
//! again if somebody else wrote meanwhile.

use bson::DateTime;

use super::{Needs, tickets};
use crate::{
    live,
    model::{
        Channel, Delivery, DeliveryError, DeliveryState, ErrorClass, Notification, NotificationId,
    },
    ports::{PortError, Unsent},
};

/// A lost race is run again so often: there is one writer for each channel at most, a reader and an
/// operator.
const RACES: usize = 16;

/// Changes a notification and computes what follows. `change` says whether there is anything to
/// write; it may be asked more than once.
pub async fn change(
    needs: &Needs,
    id: NotificationId,
    mut change: impl FnMut(&mut Notification, DateTime) -> bool,
) -> Result<Notification, PortError> {
    let mut lost = None;
    for _ in 0..RACES {
        let before = needs.notifications.notification(id).await?;
        let (mut after, now) = (before.clone(), needs.clock.now());
        if !change(&mut after, now) {
            return Ok(before);
        }
        after.settle(now);
        match needs.notifications.update(&before, after).await {
            Ok(after) => {
                follow(needs, &before, &after, now).await?;
                if let Some(event) = live::of_notification(&before, &after) {
                    needs.live.announce(&[event]).await;
                }
                return Ok(after);
            }
            Err(error @ PortError::Conflict(_)) => lost = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(lost.unwrap_or_else(|| PortError::Conflict(format!("the notification {id} is busy"))))
}

/// Changes the delivery by one channel.
pub async fn deliver(
    needs: &Needs,
    id: NotificationId,
    channel: Channel,
    mut compute: impl FnMut(&mut Delivery, DateTime) -> bool,
) -> Result<Notification, PortError> {
    change(needs, id, |notification, now| {
        let deliveries = notification.deliveries.as_mut();
        let delivery = deliveries.and_then(|all| all.get_mut(channel).as_mut());
        delivery.is_some_and(|delivery| compute(delivery, now))
    })
    .await
}

/// Puts the tickets of channels that are due or wait because of this change, and of those alone:
/// each of the others has its own already.
async fn follow(
    needs: &Needs,
    before: &Notification,
    after: &Notification,
    now: DateTime,
) -> Result<(), PortError> {
    let was_due = before.due(now);
    let new: Vec<_> = after.due(now).into_iter().filter(|each| !was_due.contains(each)).collect();
    let mut put = tickets::of_channels(after, &new)?;
    if after.next_wait(now) != before.next_wait(now) {
        put.extend(tickets::look(after, now)?);
    }
    if put.is_empty() { Ok(()) } else { needs.queue.push(&put).await }
}

/// How an attempt that was not taken is written down.
pub fn error_of(unsent: &Unsent) -> DeliveryError {
    let (class, code) = match unsent {
        Unsent::Away { .. } => (ErrorClass::Transient, "unavailable"),
        Unsent::Unknown { .. } => (ErrorClass::Transient, "unknown_outcome"),
        Unsent::Later { code, .. } => (ErrorClass::Transient, code.as_str()),
        Unsent::Never { code, .. } | Unsent::Gone { code, .. } => {
            (ErrorClass::Permanent, code.as_str())
        }
    };
    DeliveryError { class, code: code.to_owned(), message: unsent.to_string() }
}

/// The delivery has failed for good.
pub fn fail(delivery: &mut Delivery, error: DeliveryError) {
    delivery.end(DeliveryState::Failed, None);
    delivery.last_error = Some(error);
}
