//! Pushes: one message to each device of the user, each with an end of its own.

use std::{collections::BTreeMap, time::Duration};

use super::{Turn, compose, decide::reason, digest, email, outcome, receipts, record};
use crate::{
    job::{JobError, Outcome},
    model::{Delivery, DeliveryState, Device, DeviceAddress, DeviceState, Notification, Target},
    ports::{PortError, Push, Taken, Unsent, later, until},
};

/// A push without an end is kept for a device for so long: four weeks is the most that FCM takes.
const KEPT: Duration = Duration::from_secs(28 * 24 * 3600);
/// What wakes a device: somebody waits for an answer.
const URGENT: [&str; 3] = ["event_invite", "task_assigned", "message"];

/// What a carrier has said of one device.
struct Said {
    device: Device,
    answer: Result<Taken, Unsent>,
}

/// Sends it to all devices that have not got it yet.
pub(super) async fn send(turn: Turn<'_>) -> Result<Outcome, JobError> {
    let carriers = &turn.needs.carriers;
    if carriers.fcm.is_none() && carriers.web_push.is_none() {
        return turn.end(DeliveryState::Skipped, Some(reason::CHANNEL_OFF)).await;
    }
    let devices = devices(&turn).await?;
    if devices.is_empty() {
        return none_left(turn).await;
    }
    let Some(gathered) = digest::members(&turn).await? else {
        return Ok(Outcome::NotYet(digest::LOOK_AGAIN));
    };
    let words = match compose::words(&turn, &gathered) {
        Err(error) => return email::failed(&turn, error).await,
        words => words?,
    };
    let Some(begun) = turn.begin().await? else { return Ok(Outcome::Done) };
    let push = push(&turn, words.title, words.text);
    let calls = devices.into_iter().map(|device| call(&turn, device, &push));
    let said = futures_util::future::join_all(calls).await;
    for Said { device, answer } in &said {
        judge(&turn, device, answer).await?;
    }
    conclude(&turn, &begun, said).await
}

/// What has reached a device has reached the user, also where the others are gone meanwhile.
async fn none_left(turn: Turn<'_>) -> Result<Outcome, JobError> {
    match turn.delivery().and_then(best) {
        Some(state) => {
            turn.write(|delivery, _| delivery.end(state, None)).await?;
            Ok(Outcome::Done)
        }
        None => turn.end(DeliveryState::Skipped, Some(reason::NO_DEVICE)).await,
    }
}

/// The best that any device has.
fn best(delivery: &Delivery) -> Option<DeliveryState> {
    let has = |state: &DeliveryState| delivery.targets.iter().any(|each| each.state == *state);
    [DeliveryState::Delivered, DeliveryState::Sent].into_iter().find(has)
}

/// Those that are reached by a service that is set up, are not dead, and have not got it.
async fn devices(turn: &Turn<'_>) -> Result<Vec<Device>, PortError> {
    let carriers = &turn.needs.carriers;
    let done = |device: &Device| {
        let mut targets = turn.delivery().into_iter().flat_map(|delivery| &delivery.targets);
        targets.any(|target| target.id == device.device_id.0 && !target.state.is_open())
    };
    let is_reached = |device: &Device| match device.address {
        DeviceAddress::Fcm { .. } => carriers.fcm.is_some(),
        DeviceAddress::Webpush { .. } => carriers.web_push.is_some(),
    };
    let mut devices = turn.needs.contacts.devices(turn.notification.user_id).await?;
    devices
        .retain(|device| device.state != DeviceState::Dead && is_reached(device) && !done(device));
    Ok(devices)
}

fn push(turn: &Turn<'_>, title: String, body: String) -> Push {
    let Turn { needs, notification, .. } = turn;
    let mut data = BTreeMap::new();
    let mut put = |name: &str, value: Option<String>| {
        data.extend(value.map(|value| (name.to_owned(), value)));
    };
    put("notificationId", Some(notification.id.to_string()));
    put("type", Some(notification.kind.clone()));
    put("actionUrl", compose::action_url(&needs.app, notification));
    put("eventId", notification.data.event_id.map(|id| id.to_string()));
    put("taskId", notification.data.task_id.map(|id| id.to_string()));
    put("messageId", notification.data.message_id.map(|id| id.to_string()));
    let left = notification.expires_at.map(|end| until(needs.clock.now(), end));
    Push {
        tag: notification.id.to_string(),
        title,
        body,
        data,
        time_to_live: left.unwrap_or(KEPT).min(KEPT),
        is_urgent: URGENT.contains(&notification.kind.as_str()),
    }
}

async fn call(turn: &Turn<'_>, device: Device, push: &Push) -> Said {
    let Turn { needs, notification, .. } = turn;
    let mut push = push.clone();
    let token = receipts::receipt(&needs.seals, notification.id, &device.device_id);
    let address = format!("{}/v1/receipts/{token}", needs.links.public_url);
    push.data.insert("receiptUrl".to_owned(), address);
    let carrier = match device.address {
        DeviceAddress::Fcm { .. } => &needs.carriers.fcm,
        DeviceAddress::Webpush { .. } => &needs.carriers.web_push,
    };
    let answer = match carrier {
        Some(carrier) => carrier.send(&device, &push).await,
        None => Err(Unsent::Away { message: "the push service is off".to_owned(), after: None }),
    };
    Said { device, answer }
}

/// One word of a provider is not enough to give a device up: the second one is.
async fn judge(
    turn: &Turn<'_>,
    device: &Device,
    answer: &Result<Taken, Unsent>,
) -> Result<(), PortError> {
    let state = match (answer, device.state) {
        (Ok(_), DeviceState::Suspect) => DeviceState::Active,
        (Err(Unsent::Gone { .. }), DeviceState::Active) => DeviceState::Suspect,
        (Err(Unsent::Gone { .. }), DeviceState::Suspect) => DeviceState::Dead,
        _ => return Ok(()),
    };
    turn.needs.contacts.judge(device, state, turn.needs.clock.now()).await
}

/// Writes what became of each device, and of the delivery by all of them.
async fn conclude(
    turn: &Turn<'_>,
    begun: &Notification,
    said: Vec<Said>,
) -> Result<Outcome, JobError> {
    let of = |all: &Notification| {
        let delivery = all.deliveries.as_ref().and_then(|all| all.get(turn.channel));
        delivery.and_then(|delivery| delivery.attempt_id.clone())
    };
    let (attempt, id) = (of(begun), turn.notification.id);
    let mut next = None;
    record::deliver(turn.needs, id, turn.channel, |delivery, now| {
        let is_ours = delivery.attempt_id == attempt && delivery.state == DeliveryState::Sending;
        if is_ours {
            said.iter().for_each(|said| note(delivery, said));
            next = sum_up(delivery, id, &said, now);
        }
        is_ours
    })
    .await?;
    let away = said.into_iter().find_map(|said| match said.answer {
        Err(Unsent::Away { message, after }) => Some((message, after)),
        _ => None,
    });
    match (away, next) {
        (Some((message, after)), _) => Err(JobError::Unavailable { message, after }),
        (None, Some(next)) => {
            outcome::waits(turn.needs, id, later(turn.needs.clock.now(), next)).await
        }
        (None, None) => Ok(Outcome::Done),
    }
}

/// Writes what became of one device.
fn note(delivery: &mut Delivery, said: &Said) {
    let state = match &said.answer {
        Ok(_) => DeliveryState::Sent,
        Err(Unsent::Never { .. } | Unsent::Gone { .. }) => DeliveryState::Failed,
        Err(_) => DeliveryState::Retry,
    };
    let name = said.answer.as_ref().ok().and_then(|taken| taken.id.clone());
    let last_error = said.answer.as_ref().err().map(record::error_of);
    let id = said.device.device_id.0.clone();
    let target = Target { id, state, provider_message_id: name, last_error };
    match delivery.targets.iter_mut().find(|old| old.id == target.id) {
        // A receipt may have been faster than the provider's answer.
        Some(old) if old.state == DeliveryState::Delivered => {}
        Some(old) => *old = target,
        None => delivery.targets.push(target),
    }
}

/// The delivery by its devices; after how long it is tried again, if it is.
fn sum_up(
    delivery: &mut Delivery,
    id: crate::model::NotificationId,
    said: &[Said],
    now: bson::DateTime,
) -> Option<Duration> {
    let errors = || said.iter().filter_map(|said| said.answer.as_ref().err());
    let is_away = errors().any(|unsent| matches!(unsent, Unsent::Away { .. }));
    let again = errors().find(|each| matches!(each, Unsent::Later { .. } | Unsent::Unknown { .. }));
    let best = best(delivery);
    if best.is_some() {
        delivery.sent_at.get_or_insert(now);
    }
    if is_away {
        outcome::away(delivery);
        return None;
    }
    if let Some(unsent) = again {
        // A push that is sent twice replaces itself: it is as good as never sent.
        let code = record::error_of(unsent).code;
        let later = Unsent::Later { code, message: unsent.to_string(), after: asked(unsent) };
        let next = outcome::again_or_failed(delivery, id, &later, now);
        match (next, best) {
            (None, Some(best)) => delivery.state = best,
            _ => return next,
        }
        return None;
    }
    match (best, errors().next()) {
        (Some(best), _) => {
            delivery.end(best, None);
            delivery.last_error = None;
        }
        (None, Some(unsent)) => record::fail(delivery, record::error_of(unsent)),
        (None, None) => {}
    }
    None
}

fn asked(unsent: &Unsent) -> Option<Duration> {
    match unsent {
        Unsent::Later { after, .. } => *after,
        _ => None,
    }
}
