//! At its time, moved, cancelled, too late; and what other services insert.

use std::time::Duration;

use axum::http::StatusCode;
use bson::{DateTime, doc, oid::ObjectId};
use iven_worker::adapters::{
    documents::{Change, Guard},
    records::collections::{JOBS, NOTIFICATIONS},
};
use jobs::{
    delivery::{self, Needs},
    model::{NotificationId, NotificationStatus},
};
use serde_json::{Value, json};

use super::{notify, read, wish, with};
use crate::house::{House, jobs_in};

/// House time begins at 20:35.
const AT: &str = "2024-01-15T21:00:00Z";

fn scheduled(at: &str) -> Value {
    with(wish(&["in_app"]), json!({ "scheduledFor": at }))
}

async fn forward(house: &House, seconds: u64) -> Vec<String> {
    house.ground.clock.forward(Duration::from_secs(seconds));
    house.drain().await
}

#[tokio::test]
async fn a_scheduled_notification_is_sent_when_it_is_due_and_not_before() {
    let house = House::new().await;
    let id = notify(&house, scheduled(AT)).await;

    assert_eq!(house.drain().await, Vec::<String>::new());
    assert_eq!(forward(&house, 1_499).await, Vec::<String>::new());
    let waiting = read(&house, id).await;
    let log = forward(&house, 1).await;

    assert_eq!(waiting.next_action_at, Some(DateTime::parse_rfc3339_str(AT).unwrap()));
    assert_eq!(log, ["release_due: done (1 due)", "deliver_notification: done"]);
    assert_eq!(read(&house, id).await.status, NotificationStatus::Sent);
}

#[tokio::test]
async fn many_that_are_due_together_share_one_look() {
    let house = House::new().await;
    for _ in 0..20 {
        notify(&house, scheduled(AT)).await;
    }

    let log = forward(&house, 1_500).await;

    assert_eq!(log[0], "release_due: done (20 due)");
    assert_eq!(log.len(), 21);
}

#[tokio::test]
async fn a_cancelled_notification_never_goes_out() {
    let house = House::new().await;
    let id = notify(&house, scheduled(AT)).await;
    let path = format!("/v1/notifications/{id}");

    let (status, cancelled) = house.ask("DELETE", &path, Value::Null).await;
    let (again, _) = house.ask("DELETE", &path, Value::Null).await;
    let log = forward(&house, 3_600).await;

    assert_eq!((status, again), (StatusCode::OK, StatusCode::OK));
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(log, ["release_due: done"]);
    assert_eq!(read(&house, id).await.status, NotificationStatus::Cancelled);
    let sent = notify(&house, wish(&["in_app"])).await;
    house.drain().await;
    let (late, problem) =
        house.ask("DELETE", &format!("/v1/notifications/{sent}"), Value::Null).await;
    assert_eq!((late, problem["code"].as_str()), (StatusCode::CONFLICT, Some("not_pending")));
}

#[tokio::test]
async fn all_of_an_event_are_cancelled_and_no_others() {
    let house = House::new().await;
    for _ in 0..60 {
        notify(&house, scheduled(AT)).await;
    }
    let sent = notify(&house, wish(&["in_app"])).await;
    let other = with(scheduled(AT), json!({ "data": { "eventId": 2 } }));
    let other = notify(&house, other).await;
    house.drain().await;

    let (status, said) = house.ask("DELETE", "/v1/notifications?eventId=1", Value::Null).await;
    forward(&house, 3_600).await;

    assert_eq!((status, &said["cancelled"]), (StatusCode::OK, &json!(60)));
    assert_eq!(read(&house, sent).await.status, NotificationStatus::Sent);
    assert_eq!(read(&house, other).await.status, NotificationStatus::Sent);
}

#[tokio::test]
async fn a_moved_notification_goes_out_at_its_new_time() {
    let house = House::new().await;
    let [later, now] = [notify(&house, scheduled(AT)).await, notify(&house, scheduled(AT)).await];
    let path = |id: NotificationId| format!("/v1/notifications/{id}");

    let moved = json!({ "scheduledFor": "2024-01-15T22:00:00Z" });
    let (status, _) = house.ask("PATCH", &path(later), moved).await;
    let (at_once, _) = house.ask("PATCH", &path(now), json!({ "scheduledFor": null })).await;
    house.drain().await;

    assert_eq!((status, at_once), (StatusCode::OK, StatusCode::OK));
    assert_eq!(read(&house, now).await.status, NotificationStatus::Sent);
    forward(&house, 5_099).await;
    assert_eq!(read(&house, later).await.status, NotificationStatus::Pending);
    forward(&house, 1).await;
    assert_eq!(read(&house, later).await.status, NotificationStatus::Sent);
    let (late, problem) = house.ask("PATCH", &path(now), json!({ "scheduledFor": AT })).await;
    assert_eq!((late, problem["code"].as_str()), (StatusCode::CONFLICT, Some("not_pending")));
}

#[tokio::test]
async fn an_expired_notification_is_never_sent() {
    let house = House::new().await;
    let end = with(scheduled(AT), json!({ "expiresAt": "2024-01-15T21:10:00Z" }));
    let id = notify(&house, end).await;

    forward(&house, 2_100).await;

    let expired = read(&house, id).await;
    assert_eq!((expired.status, expired.sent_at), (NotificationStatus::Expired, None));
    assert_eq!(expired.next_action_at, None);
}

#[tokio::test]
async fn a_lost_ticket_is_put_again_by_the_minutes_look() {
    let house = House::new().await;
    let id = notify(&house, wish(&["in_app"])).await;
    for job in house.ground.store.find(&JOBS, jobs_in("ready")).await.unwrap() {
        house
            .ground
            .store
            .delete(&JOBS, job.get("_id").unwrap(), Default::default())
            .await
            .unwrap();
    }
    assert_eq!(house.drain().await, Vec::<String>::new());

    house.ground.clock.forward(Duration::from_secs(60));
    let look = jobs::route::look().unwrap();
    house.parts.tools.queue.push(&[look]).await.unwrap();
    let log = house.drain().await;

    assert_eq!(log, ["release_due: done (1 due)", "deliver_notification: done"]);
    assert_eq!(read(&house, id).await.status, NotificationStatus::Sent);
}

#[tokio::test]
async fn what_another_service_inserts_is_taken_in_and_sent() {
    let house = House::new().await;
    let seed = |id: ObjectId| {
        doc! {
            "_id": id, "userId": 42, "type": "event_invite", "title": "Invitation événement",
            "body": "b", "data": { "eventId": 1, "taskId": null }, "status": "pending",
            "channels": ["push", "in_app"], "scheduledFor": null, "sentAt": null,
            "deliveredAt": null, "readAt": null, "custom": "stays",
        }
    };
    let (now, later, odd, empty) =
        (ObjectId::new(), ObjectId::new(), ObjectId::new(), ObjectId::new());
    let at = DateTime::parse_rfc3339_str(AT).unwrap();
    let mut future = seed(later);
    future.insert("scheduledFor", at);
    let mut wrong = seed(odd);
    wrong.insert("channels", "push");
    let mut nobody = seed(empty);
    nobody.insert("channels", Vec::<String>::new());
    for document in [seed(now), future, wrong, nobody] {
        house.ground.store.insert(&NOTIFICATIONS, document).await.unwrap();
    }

    let needs = Needs::from(&house.parts.tools);
    let taken = delivery::take_in(&needs, 100).await.unwrap();
    let again = delivery::take_in(&needs, 100).await.unwrap();
    house.drain().await;

    assert_eq!((taken, again), (4, 0), "two of them are refused");
    assert_eq!(read(&house, NotificationId(now)).await.status, NotificationStatus::Sent);
    let waiting = read(&house, NotificationId(later)).await;
    assert_eq!((waiting.status, waiting.next_action_at), (NotificationStatus::Pending, Some(at)));
    forward(&house, 1_500).await;
    assert_eq!(read(&house, NotificationId(later)).await.status, NotificationStatus::Sent);
    for (id, why) in
        [(odd, "expected a sequence"), (empty, "channels is empty: nobody would get it")]
    {
        let refused = house.ground.store.get(&NOTIFICATIONS, &id.into()).await.unwrap().unwrap();
        assert_eq!(refused.get_str("status").unwrap(), "failed");
        assert!(refused.get_str("refusal").unwrap().contains(why), "{refused}");
    }
    let kept = house.ground.store.get(&NOTIFICATIONS, &now.into()).await.unwrap().unwrap();
    assert_eq!(kept.get_str("custom").unwrap(), "stays");
}

#[tokio::test]
async fn what_waits_for_a_late_hour_can_be_moved_to_an_early_one() {
    let house = House::new().await;
    let id = notify(&house, scheduled(AT)).await;
    let path = format!("/v1/notifications/{id}");
    // Its first ticket runs and finds a later time.
    house.ask("PATCH", &path, json!({ "scheduledFor": "2024-02-15T21:00:00Z" })).await;
    forward(&house, 1_500).await;
    let waiting = read(&house, id).await.status;

    house.ask("PATCH", &path, json!({ "scheduledFor": "2024-01-15T22:00:00Z" })).await;
    forward(&house, 3_600).await;

    assert_eq!(waiting, NotificationStatus::Pending);
    assert_eq!(read(&house, id).await.status, NotificationStatus::Sent);
}

#[tokio::test]
async fn an_odd_document_among_the_due_ones_keeps_nobody_waiting() {
    let house = House::new().await;
    let [odd, good] = [notify(&house, scheduled(AT)).await, notify(&house, scheduled(AT)).await];
    let change = Change::new().set("status", "archived");
    let key = odd.into();
    let written = house.ground.store.patch(&NOTIFICATIONS, &key, Guard::none(), change);
    assert!(written.await.unwrap().is_some());

    forward(&house, 1_500).await;

    assert_eq!(read(&house, good).await.status, NotificationStatus::Sent);
    let left = house.ground.store.get(&NOTIFICATIONS, &odd.into()).await.unwrap().unwrap();
    assert_eq!(left.get_str("status").unwrap(), "archived");
    assert!(left.contains_key("refusal") && !left.contains_key("nextActionAt"), "{left}");
}

#[tokio::test]
async fn a_foreign_insert_is_cancelled_before_anybody_took_it_in() {
    let house = House::new().await;
    let ids = [ObjectId::new(), ObjectId::new()];
    for id in ids {
        let seed = doc! {
            "_id": id, "userId": 42, "type": "reminder", "title": "t", "body": "b", "rev": 1,
            "data": { "eventId": 1 }, "status": "pending", "channels": ["in_app"],
            "scheduledFor": null, "sentAt": null, "deliveredAt": null, "readAt": null,
        };
        house.ground.store.insert(&NOTIFICATIONS, seed).await.unwrap();
    }

    let path = format!("/v1/notifications/{}", ids[0]);
    let (one, _) = house.ask("DELETE", &path, Value::Null).await;
    let (_, all) = house.ask("DELETE", "/v1/notifications?eventId=1", Value::Null).await;
    house.drain().await;

    assert_eq!((one, &all["cancelled"]), (StatusCode::OK, &json!(1)));
    for id in ids {
        assert_eq!(read(&house, NotificationId(id)).await.status, NotificationStatus::Cancelled);
    }
}
