//! Notifications that come again and again.

use std::time::Duration;

use axum::http::StatusCode;
use iven_worker::adapters::{documents::Query, records::collections::NOTIFICATIONS};
use serde_json::{Value, json};

use super::wish;
use crate::house::House;

fn each_morning() -> Value {
    json!({ "cron": "0 9 * * *", "timeZone": "Europe/Paris", "notification": wish(&["in_app"]) })
}

/// Lets the scheduler and all jobs work.
async fn round(house: &House) -> Vec<String> {
    house.parts.scheduler().round().await.unwrap();
    house.drain().await
}

async fn written(house: &House) -> usize {
    let all = Query::over("userId_page", 100).at(42_i64);
    house.ground.store.find(&NOTIFICATIONS, all).await.unwrap().len()
}

#[tokio::test]
async fn each_tick_writes_one_notification_until_the_schedule_is_removed() {
    let house = House::new().await;
    let (status, schedule) = house.ask("PUT", "/v1/schedules/morning", each_morning()).await;
    round(&house).await;

    house.ground.clock.forward(Duration::from_secs(12 * 3600));
    let log = round(&house).await;
    round(&house).await;
    house.ground.clock.forward(Duration::from_secs(24 * 3600));
    round(&house).await;
    let (removed, _) = house.ask("DELETE", "/v1/schedules/morning", Value::Null).await;
    house.ground.clock.forward(Duration::from_secs(24 * 3600));
    round(&house).await;

    assert_eq!((status, removed), (StatusCode::OK, StatusCode::NO_CONTENT));
    assert_eq!(schedule["fault"], Value::Null);
    assert!(log[0].starts_with("create_notification: done ("), "{log:?}");
    assert_eq!(log[1], "deliver_notification: done");
    assert_eq!(written(&house).await, 2);
}

#[tokio::test]
async fn a_job_that_runs_again_writes_no_second_one_and_each_wish_its_own() {
    let house = House::new().await;
    house.ask("PUT", "/v1/schedules/morning", each_morning()).await;

    for _ in 0..2 {
        let (status, job) = house.ask("POST", "/v1/schedules/morning/run", json!({})).await;
        assert_eq!(status, StatusCode::CREATED, "{job}");
        house.drain().await;
        let again = json!({ "kind": "create_notification", "args": job["args"] });
        let (status, problem) = house.ask("POST", "/v1/jobs", again).await;
        assert_eq!(status, StatusCode::CREATED, "{problem}");
        house.drain().await;
    }

    assert_eq!(written(&house).await, 2);
}

#[tokio::test]
async fn a_schedule_that_could_not_be_followed_is_refused() {
    let house = House::new().await;
    house.parts.scheduler().define().await.unwrap();
    let notification = |more: Value| super::with(wish(&["in_app"]), more);
    for (name, more, status, code) in [
        ("a", json!({ "cron": "every day" }), 422, "bad_cron"),
        ("a", json!({ "timeZone": "Paris" }), 422, "bad_time_zone"),
        (
            "a",
            json!({ "notification": notification(json!({ "channels": [] })) }),
            422,
            "no_channels",
        ),
        (
            "a",
            json!({ "notification": notification(json!({ "dedupeKey": "k" })) }),
            422,
            "bad_notification",
        ),
        ("sweep", json!({}), 409, "schedule_of_jobs"),
    ] {
        let wish = super::with(each_morning(), more.clone());
        let (said, problem) = house.ask("PUT", &format!("/v1/schedules/{name}"), wish).await;
        assert_eq!((said.as_u16(), problem["code"].as_str()), (status, Some(code)), "{more}");
    }
    let (status, _) = house.ask("DELETE", "/v1/schedules/sweep", Value::Null).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = house.ask("DELETE", "/v1/schedules/nobody", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
