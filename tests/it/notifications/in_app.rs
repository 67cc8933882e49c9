//! The app's own list: the document itself is the message.

use axum::http::StatusCode;
use jobs::model::{DeliveryState, NotificationStatus};
use serde_json::{Value, json};

use super::{ask_as, notify, read, wish, with};
use crate::house::House;

#[tokio::test]
async fn a_notification_is_sent_at_once_fetched_by_its_user_and_read() {
    let house = House::new().await;
    let id = notify(&house, wish(&["in_app"])).await;

    assert_eq!(house.drain().await, ["deliver_notification: done"]);
    let sent = read(&house, id).await;
    let (_, by_service) = house.ask("GET", "/v1/notifications?userId=42", Value::Null).await;
    let unseen = read(&house, id).await;
    let (status, page) = ask_as(&house, 42, "GET", "/v1/notifications?userId=42").await;
    let fetched = read(&house, id).await;
    let (_, shown) = ask_as(&house, 42, "POST", &format!("/v1/notifications/{id}/read")).await;
    let done = read(&house, id).await;

    assert_eq!((sent.status, sent.next_action_at), (NotificationStatus::Sent, None));
    assert_eq!(by_service["items"][0]["_id"], id.to_string());
    assert_eq!(unseen.status, NotificationStatus::Sent, "a service is not its user");
    assert_eq!((status, page["items"].as_array().unwrap().len()), (StatusCode::OK, 1));
    assert_eq!(page["items"][0].get("deliveries"), None, "that is the worker's own");
    assert_eq!(fetched.status, NotificationStatus::Delivered);
    assert!(fetched.delivered_at.is_some() && fetched.read_at.is_none());
    assert_eq!((shown["status"].as_str(), done.status), (Some("read"), NotificationStatus::Read));
    assert_eq!(done.deliveries.unwrap().in_app.unwrap().state, DeliveryState::Read);
}

#[tokio::test]
async fn a_notification_is_of_its_user_alone() {
    let house = House::new().await;
    let id = notify(&house, wish(&["in_app"])).await;
    house.drain().await;

    for (method, path) in [
        ("GET", "/v1/notifications?userId=42".to_owned()),
        ("GET", format!("/v1/notifications/{id}")),
        ("GET", format!("/v1/notifications/{id}/explain")),
        ("POST", format!("/v1/notifications/{id}/read")),
    ] {
        assert_eq!(ask_as(&house, 43, method, &path).await.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(ask_as(&house, 42, method, &path).await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn the_same_dedupe_key_is_the_same_notification() {
    let house = House::new().await;
    let wish = with(wish(&["in_app"]), json!({ "dedupeKey": "invite-1-42" }));

    let (first, kept) = house.ask("POST", "/v1/notifications", wish.clone()).await;
    let (second, again) = house.ask("POST", "/v1/notifications", wish).await;

    assert_eq!((first, second), (StatusCode::CREATED, StatusCode::OK));
    assert_eq!(kept["_id"], again["_id"]);
    assert_eq!(house.drain().await.len(), 1);
}

#[tokio::test]
async fn channels_that_are_not_set_up_are_left_out_and_said_so() {
    let house = House::new().await;
    let id = notify(&house, wish(&["in_app", "push", "email", "sms"])).await;

    house.drain().await;
    let sent = read(&house, id).await;
    let path = format!("/v1/notifications/{id}/explain");
    let (_, said) = house.ask("GET", &path, Value::Null).await;
    let (_, english) = house.ask("GET", &format!("{path}?locale=en-GB"), Value::Null).await;

    assert_eq!(sent.status, NotificationStatus::Sent);
    assert_eq!(said["status"], "sent");
    let texts = |said: &Value| -> Vec<String> {
        let channels = said["channels"].as_array().unwrap();
        channels.iter().map(|channel| channel["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts(&said)[0], "Push : non envoyée : ce canal n'est pas configuré.");
    assert_eq!(texts(&english)[0], "Push: not sent: this channel is not set up.");
    assert_eq!(
        texts(&english)[1],
        "Email: not sent: the person is not known (PUT /v1/users/{id})."
    );
}

#[tokio::test]
async fn what_nobody_can_mean_is_refused_with_its_reason() {
    let house = House::new().await;
    let at = |at: &str| json!({ "scheduledFor": "2024-01-16T08:00:00Z", "expiresAt": at });
    for (more, status, code) in [
        (json!({ "channels": [] }), 422, "no_channels"),
        (json!({ "channels": ["fax"] }), 400, "bad_json"),
        (at("2024-01-16T08:00:00Z"), 422, "expires_too_early"),
        (at("2024-01-16T07:00:00Z"), 422, "expires_too_early"),
        (json!({ "expiresAt": "2024-01-01T00:00:00Z" }), 422, "expires_too_early"),
        (json!({ "scheduledFor": "tomorrow" }), 422, "bad_notification"),
        (json!({ "type": "" }), 422, "bad_notification"),
        (json!({ "priority": 10 }), 422, "bad_notification"),
        (json!({ "userId": 0 }), 422, "bad_notification"),
        (json!({ "dedupeKey": "" }), 422, "bad_notification"),
        (json!({ "fallback": [{ "channel": "in_app" }] }), 422, "bad_notification"),
        (json!({ "digest": { "key": "" } }), 422, "bad_notification"),
        (json!({ "sendAt": "now" }), 400, "bad_json"),
    ] {
        let wish = with(wish(&["in_app"]), more.clone());
        let (said, problem) = house.ask("POST", "/v1/notifications", wish).await;
        assert_eq!((said.as_u16(), problem["code"].as_str()), (status, Some(code)), "{more}");
    }
    assert_eq!(house.drain().await, Vec::<String>::new());
}
