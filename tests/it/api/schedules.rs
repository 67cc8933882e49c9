//! What runs again and again, as operators see it, and a run beside the clock.

use axum::http::StatusCode;
use bson::{Bson, doc};
use iven_worker::adapters::{
    documents::{Change, Guard, Query},
    records::collections::{ACTIVITY_LOGS, SCHEDULES},
};
use serde_json::{Value, json};

use crate::house::House;

async fn house() -> House {
    let house = House::new().await;
    let scheduler = house.parts.scheduler();
    scheduler.define().await.unwrap();
    scheduler.round().await.unwrap();
    house
}

async fn listed(house: &House) -> Value {
    let (status, schedules) = house.ask("GET", "/v1/schedules", Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{schedules}");
    schedules["items"].clone()
}

async fn write(house: &House, change: Change) {
    let id = Bson::from("sweep");
    let written = house.ground.store.patch(&SCHEDULES, &id, Guard::none(), change).await;
    assert!(written.unwrap().is_some());
}

#[tokio::test]
async fn a_schedule_is_shown_with_its_rule_and_its_times() {
    let house = house().await;

    let by_the_minute = |name: &str| {
        json!({
            "name": name, "kind": name, "args": {}, "cron": "* * * * *", "timeZone": "UTC",
            "misfire": "fire_once", "catchUpSeconds": 86_400, "jitterSeconds": 0, "paused": false,
            "nextAt": "2024-01-15T20:36:00Z", "lastAt": null, "fault": null,
        })
    };
    let expected = ["sweep", "release_due"].map(by_the_minute);
    assert_eq!(listed(&house).await, json!(expected));
}

#[tokio::test]
async fn a_schedule_that_cannot_be_followed_says_why() {
    let house = house().await;

    for (field, value, expected) in [
        ("kind", "sweeep", "this version knows no job sweeep"),
        ("timeZone", "Paris", "\"Paris\" is no time zone such as Europe/Paris"),
    ] {
        write(&house, Change::new().set(field, value)).await;
        assert_eq!(listed(&house).await[0]["fault"], expected);
        write(&house, Change::new().set("kind", "sweep")).await;
    }
}

#[tokio::test]
async fn a_run_is_put_at_once_also_beside_another_and_while_the_schedule_is_paused() {
    let house = house().await;
    write(&house, Change::new().set("paused", true)).await;
    let run = || house.ask("POST", "/v1/schedules/sweep/run", Value::Null);

    let [(first, one), (second, two)] = [run().await, run().await];
    let log = house.drain().await;

    assert_eq!((first, second), (StatusCode::CREATED, StatusCode::CREATED));
    assert_ne!(one["_id"], two["_id"]);
    assert_eq!((&one["kind"], &one["state"]), (&json!("sweep"), &json!("ready")));
    assert_eq!(log, ["sweep: done", "sweep: done"]);
    let schedule = &listed(&house).await[0];
    assert_eq!(schedule["nextAt"], "2024-01-15T20:36:00Z", "its ticks stay");
    let query = Query::over("resource_resourceId_timestamp", 10).at("schedule").at("sweep");
    let noted = house.ground.store.find(&ACTIVITY_LOGS, query).await.unwrap();
    assert_eq!(noted.len(), 2);
    assert_eq!(noted[0].get_str("action").unwrap(), "run");
    let after = doc! { "kind": "sweep" };
    assert_eq!(noted[0].get_document("changes").unwrap().get_document("after").unwrap(), &after);
}

#[tokio::test]
async fn what_is_no_schedule_or_has_no_job_is_not_run() {
    let house = house().await;
    let run = async |name: &str| {
        let path = format!("/v1/schedules/{name}/run");
        let (status, problem) = house.ask("POST", &path, Value::Null).await;
        (status.as_u16(), problem["code"].as_str().unwrap().to_owned())
    };

    assert_eq!(run("none").await, (404, "not_found".to_owned()));
    write(&house, Change::new().set("kind", "of_tomorrow")).await;
    assert_eq!(run("sweep").await, (422, "unknown_kind".to_owned()));
    write(&house, Change::new().set("kind", "scan_virus")).await;
    assert_eq!(run("sweep").await, (422, "bad_args".to_owned()));
}
