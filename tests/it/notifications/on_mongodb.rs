//! The same on MongoDB, whose indexes, guards and dates are another program's.

use std::time::Duration;

use axum::http::StatusCode;
use bson::{DateTime, doc, oid::ObjectId};
use iven_worker::adapters::records::collections::NOTIFICATIONS;
use jobs::{
    delivery::{self, Needs},
    model::{Channel, DeliveryState, NotificationId, NotificationStatus},
};
use serde_json::{Value, json};

use super::{ask_as, delivery as of_channel, email::settings, introduce, notify, read, wish, with};
use crate::{
    house::House,
    mail::server::{MailServer, Manner},
};

async fn house() -> (House, MailServer) {
    let server = MailServer::start(Manner::good()).await;
    let house = House::on_mongodb_with(&settings(&server)).await;
    introduce(&house).await;
    (house, server)
}

async fn forward(house: &House, seconds: u64) {
    house.ground.clock.forward(Duration::from_secs(seconds));
    house.drain().await;
}

#[tokio::test]
async fn scheduled_gathered_cancelled_and_listed() {
    let (house, server) = house().await;
    let at = |at: &str| json!({ "scheduledFor": at });
    let due = notify(&house, with(wish(&["email", "in_app"]), at("2024-01-15T21:00:00Z"))).await;
    let other = json!({ "scheduledFor": "2024-01-15T22:00:00Z", "data": { "eventId": 2 } });
    let gone = notify(&house, with(wish(&["in_app"]), other)).await;
    let digest = json!({ "digest": { "key": "k", "windowSeconds": 60 }, "type": "message" });
    let [one, two] = [
        notify(&house, with(wish(&["email"]), digest.clone())).await,
        notify(&house, with(wish(&["email"]), digest)).await,
    ];
    house.drain().await;
    let (_, cancelled) = house.ask("DELETE", "/v1/notifications?eventId=2", Value::Null).await;

    forward(&house, 62).await;
    forward(&house, 10).await;
    let gathered = server.mails().len();
    forward(&house, 1_500).await;
    forward(&house, 3_600).await;
    let (status, page) = ask_as(&house, 42, "GET", "/v1/notifications?userId=42").await;

    assert_eq!((&cancelled["cancelled"], gathered), (&json!(1), 1));
    assert_eq!(read(&house, gone).await.status, NotificationStatus::Cancelled);
    for id in [one, two] {
        let state = of_channel(&read(&house, id).await, Channel::Email).state;
        assert_eq!(state, DeliveryState::Sent, "{id}");
    }
    assert_eq!(server.mails().len(), 2);
    assert_eq!((status, page["items"].as_array().unwrap().len()), (StatusCode::OK, 1));
    assert_eq!(read(&house, due).await.status, NotificationStatus::Delivered, "it was fetched");
}

#[tokio::test]
async fn a_plain_document_of_another_service_is_taken_in() {
    let (house, server) = house().await;
    let (id, odd) = (ObjectId::new(), ObjectId::new());
    let seed = doc! {
        "_id": id, "userId": 42, "type": "event_invite", "title": "Invitation", "body": "b",
        "data": { "eventId": 1 }, "status": "pending", "channels": ["email", "in_app"],
        "scheduledFor": null, "sentAt": null, "deliveredAt": null, "readAt": null,
        "createdAt": DateTime::from_millis(1_705_350_000_000),
    };
    let mut wrong = seed.clone();
    wrong.insert("_id", odd);
    wrong.insert("userId", "forty-two");
    for document in [seed, wrong] {
        house.ground.store.insert(&NOTIFICATIONS, document).await.unwrap();
    }

    let taken = delivery::take_in(&Needs::from(&house.parts.tools), 10).await.unwrap();
    house.drain().await;

    assert_eq!((taken, server.mails().len()), (2, 1), "one of them is refused");
    assert_eq!(read(&house, NotificationId(id)).await.status, NotificationStatus::Sent);
    let refused = house.ground.store.get(&NOTIFICATIONS, &odd.into()).await.unwrap().unwrap();
    assert_eq!(refused.get_str("status").unwrap(), "failed");
}
