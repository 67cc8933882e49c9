//! `/v1/notifications`: what became of them, and what may still be done about them.

use axum::{
    Json,
    extract::{Path, State},
};
use bson::DateTime;
use jobs::{
    delivery::{self, Language, Needs, tickets},
    live,
    model::{
        Channel, Deliveries, Delivery, DeliveryState, EventId, Notification, NotificationId,
        NotificationStatus, UserId,
    },
    ports::{NotificationFilter, PortError},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    access::Scope,
    body::{JsonBody, Params, counted},
    caller::Caller,
    cursor,
    json::document,
    problem::Problem,
};

/// Notifications on a page.
const PAGE: u32 = 50;

/// Whose.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    user_id: UserId,
    status: Option<NotificationStatus>,
    since: Option<String>,
    cursor: Option<String>,
}

/// `GET /v1/notifications`: the newest first. What its user fetches has arrived.
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(filter): Params<Filter>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Read)?;
    counted("userId", filter.user_id.0)?;
    if caller.user().is_some_and(|own| own != filter.user_id) {
        return Err(Problem::not_found("user"));
    }
    let filter = NotificationFilter {
        user_id: filter.user_id,
        status: filter.status,
        since: filter.since.as_deref().map(|at| time("since", at)).transpose()?,
        after: filter.cursor.as_deref().map(cursor::parse).transpose()?,
        limit: PAGE,
    };
    let found = api.tools.notifications.of_user(&filter).await?;
    let full = found.len() >= PAGE as usize;
    let last = found.last().filter(|_| full);
    let cursor = last.and_then(|last| Some(cursor::of(last.created_at?, last.id)));
    let mut items = Vec::new();
    for notification in found {
        let fetched = fetched(&api, &caller, notification).await?;
        if caller.user().is_none() || is_listed(&fetched) {
            items.push(shown(&caller, &fetched)?);
        }
    }
    Ok(Json(json!({ "items": items, "cursor": cursor })))
}

/// `GET /v1/notifications/{notificationId}`
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = seen(&api, &caller, &id).await?;
    let fetched = fetched(&api, &caller, found).await?;
    Ok(Json(shown(&caller, &fetched)?))
}

/// How to ask for an explanation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    locale: Option<String>,
}

/// `GET /v1/notifications/{notificationId}/explain`: why it was or was not delivered.
pub async fn explain(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Params(asked): Params<Asked>,
) -> Result<Json<Value>, Problem> {
    let found = seen(&api, &caller, &id).await?;
    let language = Language::of(asked.locale.as_deref());
    let said = delivery::explain(&found, api.tools.clock.now(), language);
    let (whole, channels): (Vec<_>, Vec<_>) = said.into_iter().partition(|(of, _)| of.is_none());
    let whole = whole.into_iter().map(|(_, sentence)| sentence).next();
    let channel = |(channel, sentence): (Option<Channel>, String)| {
        let of = channel.and_then(|channel| found.deliveries.as_ref()?.get(channel));
        let next = of.and_then(|delivery| delivery.next_attempt_at?.try_to_rfc3339_string().ok());
        json!({
            "channel": channel, "state": of.map(|delivery| delivery.state),
            "nextAttemptAt": next, "text": sentence,
        })
    };
    let channels: Vec<Value> = channels.into_iter().map(channel).collect();
    Ok(Json(json!({ "status": found.status, "text": whole, "channels": channels })))
}

/// `POST /v1/notifications/{notificationId}/read`: nothing more is sent of it.
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let read = mark_read(&api, &caller, &id).await?;
    Ok(Json(shown(&caller, &read)?))
}

/// Its user has read it.
pub async fn mark_read(api: &Api, caller: &Caller, id: &str) -> Result<Notification, Problem> {
    let found = seen(api, caller, id).await?;
    change(api, found.id, |notification, now| {
        if notification.is_read() {
            return false;
        }
        notification.read_at = Some(now);
        notification.status = NotificationStatus::Read;
        if let Some(delivery) = in_app(notification) {
            delivery.state = DeliveryState::Read;
            delivery.sent_at.get_or_insert(now);
            delivery.delivered_at.get_or_insert(now);
            delivery.read_at = Some(now);
        }
        notification.end_open(DeliveryState::Skipped, Some("read"));
        true
    })
    .await
}

/// `DELETE /v1/notifications/{notificationId}`: what has not been sent is not sent.
pub async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Notify)?;
    let found = seen_by_service(&api, &id).await?;
    let cancelled = cancelled(&api, found.id).await?;
    let is_so = cancelled
        .deliveries
        .iter()
        .flat_map(Deliveries::all)
        .any(|(_, delivery)| delivery.state == DeliveryState::Cancelled);
    if !is_so {
        let detail = format!("nothing of it waits any more: it is {}", cancelled.status.as_str());
        return Err(Problem::conflict("not_pending", detail));
    }
    Ok(Json(shown(&caller, &cancelled)?))
}

/// Of which event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfEvent {
    event_id: EventId,
}

/// `DELETE /v1/notifications?eventId=`: all that nobody has got yet.
pub async fn cancel_all(
    State(api): State<Api>,
    caller: Caller,
    Params(of): Params<OfEvent>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Notify)?;
    counted("eventId", of.event_id.0)?;
    let (mut count, mut last) = (0, None);
    loop {
        let page = api.tools.notifications.pending_of(of.event_id, last, PAGE).await?;
        for waiting in &page {
            let after = cancelled(&api, waiting.id).await?;
            count += u64::from(after.status == NotificationStatus::Cancelled);
        }
        last = page.last().map(|last| last.id);
        if last.is_none() {
            return Ok(Json(json!({ "cancelled": count })));
        }
    }
}

/// The new time.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Moved {
    scheduled_for: Option<String>,
}

/// `PATCH /v1/notifications/{notificationId}`: sent at another time, if nothing of it was begun.
pub async fn reschedule(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(moved): JsonBody<Moved>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Notify)?;
    let at = moved.scheduled_for.as_deref().map(|at| time("scheduledFor", at)).transpose()?;
    let found = seen_by_service(&api, &id).await?;
    let now = api.tools.clock.now();
    if found.expires_at.is_some_and(|end| end <= at.unwrap_or(now)) {
        let detail = "expiresAt is not after scheduledFor: it would be removed before it is sent";
        return Err(Problem::unprocessable("expires_too_early", detail));
    }
    let mut is_done = false;
    let moved = change(&api, found.id, |notification, now| {
        let begun = |delivery: &Delivery| delivery.attempts > 0 || !delivery.state.is_open();
        let deliveries = notification.deliveries.as_ref();
        is_done = deliveries.is_some_and(|all| !all.all().any(|(_, each)| begun(each)));
        if is_done {
            notification.scheduled_for = at;
            notification.take_in(now);
        }
        is_done
    })
    .await?;
    if !is_done {
        let detail = format!("it was begun or has ended: it is {}", moved.status.as_str());
        return Err(Problem::conflict("not_pending", detail));
    }
    // A job of it may wait for the old time.
    api.tools.queue.push(&tickets::all(&moved, now)?).await?;
    Ok(Json(shown(&caller, &moved)?))
}

/// A notification as the caller may see it.
pub fn shown(caller: &Caller, of: &Notification) -> Result<Value, Problem> {
    match live::seen(of).filter(|_| caller.user().is_some()) {
        Some(seen) => Ok(seen),
        None => document(of),
    }
}

async fn cancelled(api: &Api, id: NotificationId) -> Result<Notification, Problem> {
    change(api, id, |notification, _| notification.end_open(DeliveryState::Cancelled, None)).await
}

async fn change(
    api: &Api,
    id: NotificationId,
    compute: impl FnMut(&mut Notification, DateTime) -> bool,
) -> Result<Notification, Problem> {
    Ok(delivery::change(&Needs::from(&api.tools), id, compute).await?)
}

/// The notification, if this caller may know of it.
async fn seen(api: &Api, caller: &Caller, id: &str) -> Result<Notification, Problem> {
    caller.needs(Scope::Read)?;
    let found = seen_by_service(api, id).await?;
    match caller.user() {
        Some(own) if own != found.user_id || !is_listed(&found) => {
            Err(Problem::not_found("notification"))
        }
        _ => Ok(found),
    }
}

async fn seen_by_service(api: &Api, id: &str) -> Result<Notification, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found("notification"))?;
    match api.tools.notifications.notification(id).await {
        Err(PortError::Missing(_)) => Err(Problem::not_found("notification")),
        found => Ok(found?),
    }
}

/// Whether it stands in its user's list: what waits for its time or was withdrawn does not.
fn is_listed(of: &Notification) -> bool {
    let in_app = of.deliveries.as_ref().and_then(|deliveries| deliveries.in_app.as_ref());
    in_app.is_some_and(|delivery| {
        use DeliveryState::{Delivered, Read, Sent};
        matches!(delivery.state, Sent | Delivered | Read)
    })
}

/// Notes that its user has got it, if it is its user who asks.
async fn fetched(api: &Api, caller: &Caller, found: Notification) -> Result<Notification, Problem> {
    if caller.user().is_none() || !is_new(&found) {
        return Ok(found);
    }
    arrived(api, found.id).await
}

/// Its user has got it.
pub async fn arrived(api: &Api, id: NotificationId) -> Result<Notification, Problem> {
    change(api, id, |notification, now| {
        let is_so = is_new(notification);
        if let Some(delivery) = in_app(notification).filter(|_| is_so) {
            delivery.state = DeliveryState::Delivered;
            delivery.delivered_at = Some(now);
        }
        is_so
    })
    .await
}

fn is_new(of: &Notification) -> bool {
    let in_app = of.deliveries.as_ref().and_then(|deliveries| deliveries.in_app.as_ref());
    in_app.is_some_and(|delivery| delivery.state == DeliveryState::Sent)
}

/// A time of the request.
fn time(name: &str, text: &str) -> Result<DateTime, Problem> {
    DateTime::parse_rfc3339_str(text).map_err(|_| {
        let detail = format!("{name} is no time such as 2026-05-17T20:15:00Z");
        Problem::bad("bad_parameter", detail)
    })
}

fn in_app(of: &mut Notification) -> Option<&mut Delivery> {
    of.deliveries.as_mut()?.in_app.as_mut()
}
