//! What devices and mail programs say by a token that a message brought them.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use bson::DateTime;
use jobs::{
    delivery::{
        self, Needs, Report,
        receipts::{Token, open},
    },
    model::{Channel, Delivery, DeliveryState, Notification, NotificationStatus, Target, UserId},
    ports::PortError,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    access::Scope,
    body::{Params, whole},
    caller::Caller,
    problem::Problem,
};

/// Reports are short, but some servers send the mail back along with them.
const REPORT_BYTES: usize = 1 << 20;

/// What a device says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The user has opened it.
    #[serde(default)]
    read: bool,
}

/// `POST /v1/receipts/{token}`: the push is there, or was opened (`?read=true`).
pub async fn receive(
    State(api): State<Api>,
    Path(token): Path<String>,
    Params(said): Params<Said>,
) -> Result<StatusCode, Problem> {
    let Some(Token::Received { notification, device }) = open(&api.tools.seals, &token) else {
        return Err(Problem::not_found("receipt"));
    };
    let needs = Needs::from(&api.tools);
    let written = delivery::change(&needs, notification, |notification, now| {
        let is_new = received(notification, &device.0, now);
        let is_opened = said.read && !notification.is_read();
        if is_opened {
            notification.read_at = Some(now);
            notification.status = NotificationStatus::Read;
            notification.end_open(DeliveryState::Skipped, Some("read"));
        }
        is_new || is_opened
    });
    match written.await {
        // It has expired meanwhile.
        Ok(_) | Err(PortError::Missing(_)) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error.into()),
    }
}

/// Notes that a device has it; whether that is new.
fn received(notification: &mut Notification, device: &str, now: DateTime) -> bool {
    let deliveries = notification.deliveries.as_mut();
    let Some(delivery) = deliveries.and_then(|all| all.get_mut(Channel::Push).as_mut()) else {
        return false;
    };
    if !delivery.targets.iter().any(|target| target.id == device) {
        // Faster than the answer of the push service.
        let (id, state) = (device.to_owned(), DeliveryState::Sent);
        delivery.targets.push(Target { id, state, provider_message_id: None, last_error: None });
    }
    let Some(target) = delivery.targets.iter_mut().find(|target| target.id == device) else {
        return false;
    };
    if target.state == DeliveryState::Delivered {
        return false;
    }
    target.state = DeliveryState::Delivered;
    arrived(delivery, now);
    true
}

fn arrived(delivery: &mut Delivery, now: DateTime) {
    delivery.delivered_at.get_or_insert(now);
    if delivery.state == DeliveryState::Sent {
        delivery.state = DeliveryState::Delivered;
    }
}

/// `POST /v1/inbound/dsn`: a mail server's report, as the raw message.
pub async fn dsn(
    State(api): State<Api>,
    caller: Caller,
    body: Body,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Notify)?;
    let message = whole(body, REPORT_BYTES).await?;
    let report = Report::read(&message)?;
    let is_new = delivery::report(&Needs::from(&api.tools), &report).await?;
    Ok(Json(json!({ "notificationId": report.notification.to_string(), "noted": is_new })))
}

/// `GET /v1/unsubscribe/{token}`: mail programs follow links by themselves, so this only asks.
pub async fn ask(State(api): State<Api>, Path(token): Path<String>) -> Result<Response, Problem> {
    subscriber(&api, &token)?;
    let question = "<p>Ne plus recevoir d'e-mails de ce type&nbsp;?</p>\
                    <form method=\"post\"><button>Se désabonner</button></form>\
                    <p lang=\"en\">No more emails of this type? Press the button.</p>";
    Ok(page(question))
}

/// `POST /v1/unsubscribe/{token}`: no more mails of this type (RFC 8058).
pub async fn unsubscribe(
    State(api): State<Api>,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    let (user_id, kind) = subscriber(&api, &token)?;
    let now = api.tools.clock.now();
    api.tools.contacts.decline(user_id, &kind, Channel::Email, now).await?;
    let done = "<p>C'est fait&nbsp;: vous ne recevrez plus d'e-mails de ce type.</p>\
                <p lang=\"en\">Done: you will get no more emails of this type.</p>";
    Ok(page(done))
}

fn subscriber(api: &Api, token: &str) -> Result<(UserId, String), Problem> {
    match open(&api.tools.seals, token) {
        Some(Token::Unsubscribe { user, kind }) => Ok((user, kind)),
        _ => Err(Problem::not_found("subscription")),
    }
}

fn page(body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"fr\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Iven</title>\
         <body style=\"font-family:sans-serif;margin:3rem auto;max-width:30rem;padding:0 1rem\">\
         {body}"
    );
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'";
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(html)).into_response()
}
