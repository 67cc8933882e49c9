//! Text messages: each costs money and cannot be taken back, so none is sent twice.

use super::{Turn, compose, decide::reason, digest, email, record};
use crate::{
    job::{JobError, Outcome},
    model::{DeliveryError, DeliveryState, ErrorClass},
    ports::Unsent,
};

/// Sends it.
pub(super) async fn send(turn: Turn<'_>) -> Result<Outcome, JobError> {
    let Some(texter) = turn.needs.carriers.texter.clone() else {
        return turn.end(DeliveryState::Skipped, Some(reason::CHANNEL_OFF)).await;
    };
    let number = turn.user.as_ref().and_then(|user| user.phone.clone());
    let Some(number) = number.filter(|number| !number.trim().is_empty()) else {
        return turn.end(DeliveryState::Skipped, Some(reason::NO_ADDRESS)).await;
    };
    let Some(gathered) = digest::members(&turn).await? else {
        return Ok(Outcome::NotYet(digest::LOOK_AGAIN));
    };
    let words = match compose::words(&turn, &gathered) {
        Err(error) => return email::failed(&turn, error).await,
        words => words?,
    };
    let Some(begun) = turn.begin().await? else { return Ok(Outcome::Done) };
    match texter.send(&number, &words.text).await {
        Err(Unsent::Unknown { .. }) => give_up(turn).await,
        answer => turn.conclude(&begun, answer).await,
    }
}

/// Nobody knows whether it was sent: it is not sent a second time.
pub(super) async fn give_up(turn: Turn<'_>) -> Result<Outcome, JobError> {
    let message = "nobody knows whether the text was sent, and it is not sent twice";
    let error = || DeliveryError {
        class: ErrorClass::Permanent,
        code: "unknown_outcome".to_owned(),
        message: message.to_owned(),
    };
    let id = turn.notification.id;
    record::deliver(turn.needs, id, turn.channel, |delivery, _| {
        let is_open = delivery.state == DeliveryState::Sending;
        if is_open {
            record::fail(delivery, error());
        }
        is_open
    })
    .await?;
    Ok(Outcome::Noted(message.to_owned()))
}
