//! By push, to each device by itself, through Google's protocol.

use std::time::Duration;

use axum::http::StatusCode;
use jobs::model::{Channel, DeliveryState, NotificationStatus, UserId};
use serde_json::{Value, json};

use super::{delivery, introduce, notify, read, wish};
use crate::{house::House, push::fcm_server::FcmServer};

async fn house() -> (House, FcmServer) {
    let google = FcmServer::start(None).await;
    let account = google.account();
    let settings = format!(
        "[fcm]\nservice_account = '''{account}'''\nendpoint = \"{}\"\n",
        google.service.url()
    );
    let house = House::with_settings(&settings).await;
    introduce(&house).await;
    (house, google)
}

/// Registers a device of user 42 whose token says what becomes of its messages.
async fn register(house: &House, device: &str, token: &str) {
    let path = format!("/v1/users/42/devices/{device}");
    let (status, told) = house.ask("PUT", &path, json!({ "kind": "fcm", "token": token })).await;
    assert_eq!(status, StatusCode::OK, "{told}");
}

/// How the devices stand, by what their app calls them.
async fn states(house: &House) -> Vec<(String, String)> {
    let devices = house.parts.tools.contacts.devices(UserId(42)).await.unwrap();
    let state = |state| format!("{state:?}").to_lowercase();
    devices.into_iter().map(|device| (device.device_id.0, state(device.state))).collect()
}

#[tokio::test]
async fn every_device_gets_it_and_its_receipt_says_so() {
    let (house, google) = house().await;
    register(&house, "phone", "token-1").await;
    register(&house, "tablet", "token-2").await;
    let id = notify(&house, wish(&["push", "email"])).await;

    house.drain().await;
    let sent = read(&house, id).await;
    let messages = google.messages();
    let receipt = messages[0]["data"]["receiptUrl"].as_str().unwrap();
    let path = receipt.split_once("/v1/").map(|(_, path)| format!("/v1/{path}")).unwrap();
    let (first, _) = house.ask("POST", &path, Value::Null).await;
    let (again, _) = house.ask("POST", &path, Value::Null).await;
    let delivered = read(&house, id).await;
    house.ask("POST", &format!("{path}?read=true"), Value::Null).await;
    let done = read(&house, id).await;
    let (forged, _) = house.ask("POST", &format!("{path}x"), Value::Null).await;

    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0]["data"]["notificationId"], id.to_string());
    assert_eq!(messages[0]["android"]["collapse_key"], messages[1]["android"]["collapse_key"]);
    assert_eq!(sent.status, NotificationStatus::Sent);
    assert_eq!((first, again), (StatusCode::NO_CONTENT, StatusCode::NO_CONTENT));
    let push = delivery(&delivered, Channel::Push);
    assert_eq!(
        (delivered.status, push.state),
        (NotificationStatus::Delivered, DeliveryState::Delivered)
    );
    let arrived = push.targets.iter().filter(|t| t.state == DeliveryState::Delivered).count();
    assert_eq!((push.targets.len(), arrived), (2, 1));
    assert_eq!(done.status, NotificationStatus::Read);
    assert_eq!(forged, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_device_that_is_gone_is_tried_once_more_and_lives_again_when_its_app_says_so() {
    let (house, google) = house().await;
    register(&house, "old", "UNREGISTERED").await;
    register(&house, "phone", "token-1").await;

    let mut seen = Vec::new();
    for _ in 0..3 {
        let id = notify(&house, wish(&["push"])).await;
        house.drain().await;
        assert_eq!(read(&house, id).await.status, NotificationStatus::Sent);
        seen.push((states(&house).await[0].1.clone(), google.messages().len()));
    }
    register(&house, "old", "token-2").await;
    notify(&house, wish(&["push"])).await;
    house.drain().await;

    let states_seen: Vec<_> = seen.iter().map(|(state, _)| state.as_str()).collect();
    assert_eq!(states_seen, ["suspect", "dead", "dead"]);
    let counts: Vec<_> = seen.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [2, 4, 5], "the dead one is left alone");
    assert_eq!(google.messages().len(), 7);
    assert_eq!(states(&house).await[0].1, "active");
}

#[tokio::test]
async fn one_that_was_sent_is_not_sent_again_because_of_another_device() {
    let (house, google) = house().await;
    register(&house, "good", "token-1").await;
    register(&house, "shaky", "INTERNAL").await;
    let id = notify(&house, wish(&["push"])).await;

    house.drain().await;
    let between = read(&house, id).await;
    register(&house, "shaky", "token-2").await;
    house.ground.clock.forward(Duration::from_secs(15));
    house.drain().await;
    let done = read(&house, id).await;

    assert_eq!(between.status, NotificationStatus::Sent, "one device has it");
    assert_eq!(delivery(&between, Channel::Push).state, DeliveryState::Retry);
    assert_eq!(delivery(&done, Channel::Push).state, DeliveryState::Sent);
    let to_good = google.messages().iter().filter(|m| m["token"] == "token-1").count();
    assert_eq!((to_good, google.messages().len()), (1, 3));
}

#[tokio::test]
async fn google_is_left_alone_for_as_long_as_it_asks_and_the_other_channels_go_on() {
    let (house, google) = house().await;
    register(&house, "phone", "UNAVAILABLE 60").await;
    let id = notify(&house, wish(&["push", "in_app"])).await;

    let log = house.drain().await;
    register(&house, "phone", "token-1").await;
    house.ground.clock.forward(Duration::from_secs(59));
    house.drain().await;
    let early = google.messages().len();
    house.ground.clock.forward(Duration::from_secs(2));
    house.drain().await;

    assert!(log.iter().any(|line| line.starts_with("deliver_notification: away")), "{log:?}");
    assert_eq!((early, google.messages().len()), (1, 2));
    let done = read(&house, id).await;
    assert_eq!(delivery(&done, Channel::Push).state, DeliveryState::Sent);
    assert_eq!(delivery(&done, Channel::Push).attempts, 1, "an absence counts no attempt");
}

#[tokio::test]
async fn without_a_device_nothing_is_sent_and_the_same_token_has_one_user() {
    let (house, google) = house().await;
    let id = notify(&house, wish(&["push"])).await;
    house.drain().await;
    register(&house, "phone", "token-1").await;
    let (status, _) = house
        .ask("PUT", "/v1/users/43/devices/x", json!({ "kind": "fcm", "token": "token-1" }))
        .await;
    assert_eq!(status, StatusCode::OK);

    let none = delivery(&read(&house, id).await, Channel::Push);
    assert_eq!(none.skip_reason.as_deref(), Some("no_device"));
    assert_eq!(states(&house).await, []);
    assert_eq!(google.messages().len(), 0);
}
