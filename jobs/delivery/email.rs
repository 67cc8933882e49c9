//! Mail: one address, one message that is the same at each attempt.

use super::{Turn, compose, decide::reason, digest, outcome, record};
use crate::{
    job::{JobError, Outcome},
    model::{DeliveryState, Notification},
    ports::{Mail, PortError, Unsent, later},
};

/// Sends it.
pub(super) async fn send(turn: Turn<'_>) -> Result<Outcome, JobError> {
    let Some(mailer) = turn.needs.carriers.mailer.clone() else {
        return turn.end(DeliveryState::Skipped, Some(reason::CHANNEL_OFF)).await;
    };
    let Some(address) = address(&turn) else {
        return turn.end(DeliveryState::Skipped, Some(reason::NO_ADDRESS)).await;
    };
    if turn.needs.contacts.suppression(&address).await?.is_some() {
        return turn.end(DeliveryState::Skipped, Some(reason::SUPPRESSED)).await;
    }
    let Some(gathered) = digest::members(&turn).await? else {
        return Ok(Outcome::NotYet(digest::LOOK_AGAIN));
    };
    let mail = match mail(&turn, &address, &gathered) {
        Err(error) => return failed(&turn, error).await,
        mail => mail?,
    };
    let Some(begun) = turn.begin().await? else { return Ok(Outcome::Done) };
    let answer = mailer.send(&mail).await;
    if let Err(Unsent::Gone { code, .. }) = &answer {
        turn.needs.contacts.suppress(&address, code, turn.needs.clock.now()).await?;
    }
    turn.conclude(&begun, answer).await
}

/// What was begun and never answered: where the server reports what arrives, its report is waited
/// for.
pub(super) async fn send_again(turn: Turn<'_>) -> Result<Outcome, JobError> {
    let began = turn.delivery().and_then(|delivery| delivery.began_at);
    let end = began.map(|began| later(began, turn.needs.app.report_wait));
    let now = turn.needs.clock.now();
    let Some(end) = end.filter(|end| *end > now) else { return send(turn).await };
    let Some(mailer) = &turn.needs.carriers.mailer else { return send(turn).await };
    // A process that has just started has not asked the server yet.
    if !mailer.reports() {
        mailer.check().await?;
    }
    if !mailer.reports() {
        return send(turn).await;
    }
    turn.write(|delivery, _| delivery.next_attempt_at = Some(end)).await?;
    outcome::waits(turn.needs, turn.notification.id, end).await
}

/// Words that cannot be written are a failure of this channel alone.
pub(super) async fn failed(turn: &Turn<'_>, error: PortError) -> Result<Outcome, JobError> {
    let PortError::Refused { code, message } = error else { return Err(error.into()) };
    let unsent = Unsent::Never { code, message };
    let note = unsent.to_string();
    turn.write(|delivery, _| record::fail(delivery, record::error_of(&unsent))).await?;
    Ok(Outcome::Noted(format!("not sent: {note}")))
}

fn address(turn: &Turn<'_>) -> Option<String> {
    let said = turn.user.as_ref()?.email.as_deref()?.trim();
    (!said.is_empty()).then(|| said.to_owned())
}

fn mail(turn: &Turn<'_>, address: &str, gathered: &[Notification]) -> Result<Mail, PortError> {
    let words = compose::words(turn, gathered)?;
    let user = turn.user.as_ref();
    let names = user.map(|user| [user.fname.as_deref(), user.lname.as_deref()]);
    let name = names.map(|names| names.into_iter().flatten().collect::<Vec<_>>().join(" "));
    Ok(Mail {
        id: turn.notification.id.to_string(),
        to: address.to_owned(),
        to_name: name.filter(|name| !name.trim().is_empty()),
        subject: words.title,
        text: words.text,
        html: words.html,
        language: words.language,
        // One click is for addresses that nobody on the way can read or change (RFC 8058).
        unsubscribe: Some(compose::unsubscribe(turn.needs, &turn.notification))
            .filter(|address| address.starts_with("https://")),
    })
}
