//! Notifications: from their writer to a person, by every way.

mod crash;
mod email;
mod in_app;
mod on_mongodb;
mod push;
mod recurring;
mod scheduled;
mod wishes;

use axum::{body::Body, http::StatusCode};
use jobs::model::{Channel, Delivery, Notification, NotificationId};
use serde_json::{Value, json};

use crate::house::{House, answer};

/// A notification for user 42 by these channels.
pub fn wish(channels: &[&str]) -> Value {
    json!({
        "userId": 42, "type": "event_invite", "title": "Invitation événement",
        "body": "Arthur vous a invité à 'Anniversaire Marie'", "channels": channels,
        "data": { "eventId": 1, "senderId": 15, "actionUrl": "/events/1" },
    })
}

/// The same with more members.
pub fn with(mut wish: Value, more: Value) -> Value {
    let members = more.as_object().unwrap().clone();
    wish.as_object_mut().unwrap().extend(members);
    wish
}

/// Sends a wish that is taken; its id.
pub async fn notify(house: &House, wish: Value) -> NotificationId {
    let (status, kept) = house.ask("POST", "/v1/notifications", wish).await;
    assert_eq!(status, StatusCode::CREATED, "{kept}");
    kept["_id"].as_str().unwrap().parse().unwrap()
}

/// The notification as it stands.
pub async fn read(house: &House, id: NotificationId) -> Notification {
    house.parts.tools.notifications.notification(id).await.unwrap()
}

/// Says who user 42 is.
pub async fn introduce(house: &House) {
    let marie = json!({
        "email": "marie@example.org", "phone": "+33612345678", "locale": "fr",
        "timeZone": "Europe/Paris", "fname": "Marie", "lname": "Curie",
    });
    let (status, _) = house.ask("PUT", "/v1/users/42", marie).await;
    assert_eq!(status, StatusCode::OK);
}

/// How the delivery by this channel stands.
pub fn delivery(of: &Notification, channel: Channel) -> Delivery {
    of.deliveries.as_ref().unwrap().get(channel).unwrap().clone()
}

/// Asks as the user `id`.
pub async fn ask_as(house: &House, id: i64, method: &str, path: &str) -> (StatusCode, Value) {
    let claims = json!({ "sub": id.to_string(), "events": [1], "exp": 1_705_400_000 });
    let token = crate::api::access::token(claims);
    let request = axum::http::Request::builder().method(method).uri(path);
    let request = request.header("authorization", format!("Bearer {token}"));
    answer(house.send(request.body(Body::empty()).unwrap()).await).await
}
