//! Before a carrier is called, and after it has answered.

use std::time::Duration;

use bson::{DateTime, oid::ObjectId};

use super::{Needs, Turn, record, tickets};
use crate::{
    job::{JobError, Outcome},
    model::{Delivery, DeliveryError, DeliveryState, Notification, NotificationId},
    ports::{Taken, Unsent, later, until},
};

/// A delivery is begun so often; with the waits below that is about four hours.
pub const TRIES: u32 = 10;
/// Before the second attempt so long is waited, and before each further one twice as long.
const BACK_OFF_FIRST: Duration = Duration::from_secs(15);
/// But no longer than this, unless the carrier says so.
const BACK_OFF_LONGEST: Duration = Duration::from_secs(3600);
/// A carrier that asks for more is asked again all the same.
const ASKED_LONGEST: Duration = Duration::from_secs(24 * 3600);

impl Turn<'_> {
    /// Writes that the carrier is being called, which has to be before it is; the notification as
    /// it stands then, or nothing if somebody else has it or has ended it, or its time is over.
    pub(super) async fn begin(&self) -> Result<Option<Notification>, JobError> {
        let begin = |delivery: &mut Delivery, now| {
            delivery.state = DeliveryState::Sending;
            delivery.attempts = delivery.attempts.saturating_add(1);
            delivery.attempt_id = Some(ObjectId::new().to_hex());
            delivery.began_at = Some(now);
            delivery.next_attempt_at = None;
            delivery.skip_reason = None;
        };
        // Writing its words may have taken a while.
        if self.notification.has_expired(self.needs.clock.now()) {
            self.end(DeliveryState::Expired, None).await?;
            return Ok(None);
        }
        Ok(self.write(begin).await?)
    }

    /// Writes what a carrier of one message has answered, by the attempt that asked it.
    pub(super) async fn conclude(
        &self,
        begun: &Notification,
        answer: Result<Taken, Unsent>,
    ) -> Result<Outcome, JobError> {
        let attempt =
            begun.deliveries.as_ref().and_then(|all| all.get(self.channel)?.attempt_id.clone());
        let mut next = None;
        let id = self.notification.id;
        record::deliver(self.needs, id, self.channel, |delivery, now| {
            let is_ours =
                delivery.attempt_id == attempt && delivery.state == DeliveryState::Sending;
            if is_ours {
                next = answered(delivery, id, &answer, now);
            }
            is_ours
        })
        .await?;
        ended(answer, next)
    }
}

/// A job itself waits no longer than this. What waits for longer has a look at its time, so that it
/// can be moved to an earlier one.
const WAITS_ITSELF: Duration = Duration::from_secs(5);

/// Ends the job of a delivery that waits until then.
pub async fn waits(needs: &Needs, id: NotificationId, at: DateTime) -> Result<Outcome, JobError> {
    let now = needs.clock.now();
    let wait = until(now, at);
    if wait <= WAITS_ITSELF {
        return Ok(Outcome::NotYet(wait));
    }
    // The look is there already unless this one was begun by nobody's wish.
    let notification = needs.notifications.notification(id).await?;
    let look: Vec<_> = tickets::look(&notification, now)?.into_iter().collect();
    needs.queue.push(&look).await?;
    Ok(Outcome::Noted(format!("waits for {} s", wait.as_secs())))
}

/// What the job says of an answer.
fn ended(answer: Result<Taken, Unsent>, next: Option<Duration>) -> Result<Outcome, JobError> {
    match (answer, next) {
        (Ok(_), _) => Ok(Outcome::Done),
        (Err(Unsent::Away { message, after }), _) => Err(JobError::Unavailable { message, after }),
        (Err(_), Some(next)) if next <= WAITS_ITSELF => Ok(Outcome::NotYet(next)),
        (Err(unsent), Some(next)) => {
            Ok(Outcome::Noted(format!("again in {} s: {unsent}", next.as_secs())))
        }
        (Err(unsent), None) => Ok(Outcome::Noted(format!("not sent: {unsent}"))),
    }
}

/// Writes an answer into the delivery; after how long it is tried again, if it is.
fn answered(
    delivery: &mut Delivery,
    id: NotificationId,
    answer: &Result<Taken, Unsent>,
    now: DateTime,
) -> Option<Duration> {
    match answer {
        Ok(taken) => sent(delivery, taken.id.as_deref(), now),
        Err(Unsent::Away { .. }) => {
            away(delivery);
            delivery.last_error = answer.as_ref().err().map(record::error_of);
        }
        Err(unsent) => return again_or_failed(delivery, id, unsent, now),
    }
    None
}

/// The carrier has taken it.
pub fn sent(delivery: &mut Delivery, name: Option<&str>, now: DateTime) {
    delivery.state = DeliveryState::Sent;
    delivery.sent_at.get_or_insert(now);
    delivery.provider_message_id = name.map(str::to_owned);
    delivery.last_error = None;
    delivery.next_attempt_at = None;
    delivery.skip_reason = None;
}

/// Nothing was handed over, and that is nobody's fault: the attempt does not count.
pub fn away(delivery: &mut Delivery) {
    delivery.state = DeliveryState::Retry;
    delivery.attempts = delivery.attempts.saturating_sub(1);
}

/// Writes a refusal into the delivery; after how long it is tried again, if it is.
pub fn again_or_failed(
    delivery: &mut Delivery,
    id: NotificationId,
    unsent: &Unsent,
    now: DateTime,
) -> Option<Duration> {
    let error = record::error_of(unsent);
    let asked = match unsent {
        Unsent::Later { after, .. } => *after,
        Unsent::Unknown { .. } => None,
        _ => {
            record::fail(delivery, error);
            return None;
        }
    };
    if delivery.attempts >= TRIES {
        record::fail(
            delivery,
            DeliveryError { class: crate::model::ErrorClass::Permanent, ..error },
        );
        return None;
    }
    let wait = asked.unwrap_or_default().min(ASKED_LONGEST).max(back_off(id, delivery.attempts));
    // Nobody knows what became of it: it is still being sent.
    if !matches!(unsent, Unsent::Unknown { .. }) {
        delivery.state = DeliveryState::Retry;
    }
    delivery.next_attempt_at = Some(later(now, wait));
    delivery.last_error = Some(error);
    Some(wait)
}

/// Between half of the wait and all of it: what failed together is not tried again together.
fn back_off(id: NotificationId, attempts: u32) -> Duration {
    let doubled = BACK_OFF_FIRST.saturating_mul(1 << attempts.saturating_sub(1).min(16));
    let whole = doubled.min(BACK_OFF_LONGEST);
    let number =
        id.0.bytes()
            .iter()
            .fold(attempts, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    whole / 2 + (whole / 2).mul_f64(f64::from(number % 1_000) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_differ_between_notifications() {
        let ids = [(); 50].map(|()| NotificationId(ObjectId::new()));
        for attempts in 1..20 {
            let waits: Vec<_> = ids.iter().map(|id| back_off(*id, attempts)).collect();
            let whole = BACK_OFF_FIRST * 2_u32.pow(attempts - 1).min(240);

            assert!(waits.iter().all(|wait| (whole / 2..=whole).contains(wait)), "{waits:?}");
            let first = waits.first();
            assert!(waits.iter().any(|wait| Some(wait) != first));
        }
    }
}
