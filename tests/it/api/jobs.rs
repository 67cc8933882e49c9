//! Jobs put by other services, and what operators see and do.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use iven_worker::adapters::{
    documents::{Guard, Query},
    records::collections::{ACTIVITY_LOGS, EVENT_MEDIA},
};
use jobs::model::{ErrorClass, MediaId, ProcessingStatus, StepState};
use serde_json::{Value, json};

use crate::house::{House, answer, fixture};

const PHOTO: &str = "images/orientation_1.jpg";

async fn get(house: &House, path: &str) -> Value {
    let (status, body) = house.ask("GET", path, Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    body
}

async fn refused(house: &House, method: &str, path: &str, body: Value) -> (u16, String) {
    let (status, problem) = house.ask(method, path, body).await;
    (status.as_u16(), problem["code"].as_str().unwrap_or_default().to_owned())
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|job| job["_id"].as_str().unwrap().to_owned()).collect()
}

/// The job of this kind about this medium.
async fn job(house: &House, id: MediaId, kind: &str) -> Value {
    let found = get(house, &format!("/v1/jobs?ref=event_media:{id}&kind={kind}")).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    found["items"][0].clone()
}

/// Takes a medium away from under its jobs.
async fn lose(house: &House, id: MediaId) {
    let store = &house.ground.store;
    assert!(store.delete(&EVENT_MEDIA, &id.into(), Guard::none()).await.unwrap());
}

#[tokio::test]
async fn a_job_that_another_service_puts_runs_and_its_key_is_free_again() {
    let house = House::new().await;
    let mut wish = json!({ "kind": "sweep", "args": {}, "uniqueKey": "mine", "priority": 0 });
    wish["limitKey"] = json!("sweeps");

    let (first, job) = house.ask("POST", "/v1/jobs", wish.clone()).await;
    let (second, same) = house.ask("POST", "/v1/jobs", wish.clone()).await;
    let log = house.drain().await;
    let (third, other) = house.ask("POST", "/v1/jobs", wish).await;

    assert_eq!((first.as_u16(), second.as_u16(), third.as_u16()), (201, 200, 201));
    assert_eq!(job["_id"], same["_id"]);
    assert_ne!(job["_id"], other["_id"]);
    assert_eq!((&job["state"], &job["priority"]), (&json!("ready"), &json!(0)));
    assert_eq!((&job["limitKey"], &job["limitMost"]), (&json!("sweeps"), &json!(1)));
    assert_eq!(log, ["sweep: done"]);
    let done = get(&house, &format!("/v1/jobs/{}", job["_id"].as_str().unwrap())).await;
    assert_eq!((&done["state"], &done["attempt"]), (&json!("done"), &json!(1)));
}

#[tokio::test]
async fn an_idempotency_key_is_kept_after_the_job_has_ended() {
    let house = House::new().await;
    let put = async |args: Value| {
        let wish = json!({ "kind": "sweep", "args": args }).to_string();
        let request = Request::post("/v1/jobs").header("idempotency-key", "k");
        answer(house.send(request.body(Body::from(wish)).unwrap()).await).await
    };

    let (first, job) = put(json!({})).await;
    house.drain().await;
    let (second, same) = put(json!({})).await;

    assert_eq!((first.as_u16(), second.as_u16()), (201, 200));
    assert_eq!((&job["_id"], &same["state"]), (&same["_id"], &json!("done")));
}

#[tokio::test]
async fn a_job_for_later_waits_until_it_is_retried() {
    let house = House::new().await;
    let wish = json!({ "kind": "sweep", "args": {}, "runAt": "2096-05-17T20:15:00Z" });
    let (_, job) = house.ask("POST", "/v1/jobs", wish).await;
    let path = format!("/v1/jobs/{}", job["_id"].as_str().unwrap());

    let early = house.drain().await;
    let (status, retried) = house.ask("POST", &format!("{path}/retry"), Value::Null).await;

    assert_eq!((job["state"].as_str(), early.len()), (Some("scheduled"), 0));
    assert_eq!((status.as_u16(), retried["state"].as_str()), (200, Some("ready")));
    assert_eq!(house.drain().await, ["sweep: done"]);
    let again = refused(&house, "POST", &format!("{path}/retry"), Value::Null).await;
    assert_eq!(again, (409, "job_done".to_owned()));
}

#[tokio::test]
async fn a_wish_that_is_none_is_refused_by_its_fault() {
    let house = House::new().await;
    let faults = [
        (json!({ "kind": "dance", "args": {} }), (422, "unknown_kind")),
        (json!({ "kind": "scan_virus", "args": { "mediaId": 7 } }), (422, "bad_args")),
        (json!({ "kind": "scan_virus", "args": {} }), (422, "bad_args")),
        (json!({ "kind": "sweep", "args": {}, "priority": 10 }), (400, "bad_parameter")),
        (json!({ "kind": "sweep", "args": {}, "queue": "fast" }), (400, "bad_parameter")),
        (json!({ "kind": "sweep", "args": {}, "runAt": "soon" }), (400, "bad_parameter")),
        (json!({ "kind": "sweep", "args": {}, "maxAttempts": 0 }), (400, "bad_parameter")),
        (json!({ "kind": "sweep", "args": {}, "uniqueKey": "" }), (400, "bad_parameter")),
        (json!({ "kind": "sweep", "args": {}, "limitKey": "" }), (400, "bad_parameter")),
        (json!({ "kind": "sweep", "args": {}, "limitMost": 2 }), (400, "bad_parameter")),
        (
            json!({ "kind": "sweep", "args": {}, "limitKey": "k", "limitMost": 0 }),
            (400, "bad_parameter"),
        ),
        (json!({ "kind": "sweep", "args": {}, "colour": 1 }), (400, "bad_json")),
    ];

    for (wish, (status, code)) in faults {
        let said = refused(&house, "POST", "/v1/jobs", wish.clone()).await;
        assert_eq!(said, (status, code.to_owned()), "{wish}");
    }
    let nobody = "/v1/jobs/64d2f0c0a1b2c3d4e5f60718";
    for path in [nobody, "/v1/jobs/x"] {
        assert_eq!(refused(&house, "GET", path, Value::Null).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn jobs_are_found_by_state_lane_kind_document_and_error() {
    let house = House::new().await;
    let good = house.media("a.jpg", &fixture(PHOTO)).await;
    house.drain().await;
    let bad = house.media("b.jpg", &fixture(PHOTO)).await;
    lose(&house, bad).await;
    house.drain().await;

    let dead = get(&house, "/v1/jobs?state=dead").await;
    let by_error = get(&house, "/v1/jobs?error=missing:%20the%20medium").await;
    let scans = get(&house, "/v1/jobs?queue=scan").await;
    let kinds = get(&house, "/v1/jobs?kind=publish_media&state=done").await;
    let about = get(&house, &format!("/v1/jobs?ref=event_media:{good}")).await;

    assert_eq!(ids(&dead).len(), 1);
    assert_eq!(dead["items"][0]["errors"][0]["code"], "missing");
    assert_eq!(ids(&by_error), ids(&dead));
    assert_eq!((ids(&scans).len(), ids(&kinds).len(), ids(&about).len()), (1, 1, 5));
    assert_eq!(ids(&get(&house, "/v1/jobs?error=timeout").await).len(), 0);
    for wrong in ["state=lost", "queue=fast", "ref=x", "cursor=1", "colour=red"] {
        let said = refused(&house, "GET", &format!("/v1/jobs?{wrong}"), Value::Null).await;
        assert_eq!(said, (400, "bad_parameter".to_owned()), "{wrong}");
    }
}

#[tokio::test]
async fn pages_of_jobs_have_every_job_once() {
    let house = House::new().await;
    for n in 0..120 {
        let wish = json!({ "kind": "sweep", "args": {}, "uniqueKey": format!("{n}") });
        house.ask("POST", "/v1/jobs", wish).await;
        // Several of each millisecond.
        if n % 7 == 0 {
            house.ground.clock.forward(Duration::from_millis(1));
        }
    }

    for filter in ["", "&state=ready", "&kind=sweep", "&queue=housekeeping&kind=sweep"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&house, &format!("/v1/jobs?{cursor}{filter}")).await;
            seen.extend(ids(&page));
            let Some(next) = page["cursor"].as_str() else { break };
            cursor = format!("cursor={next}");
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((count, seen.len()), (120, 120), "{filter}");
    }
}

#[tokio::test]
async fn a_job_that_is_cancelled_while_it_waits_says_so_in_its_medium() {
    let house = House::new().await;
    let id = house.media("a.jpg", &fixture(PHOTO)).await;
    let waiting = job(&house, id, "assemble_upload").await;
    let path = format!("/v1/jobs/{}", waiting["_id"].as_str().unwrap());

    let early = refused(&house, "DELETE", &path, Value::Null).await;
    let (status, _) = house.ask("POST", &format!("{path}/cancel"), Value::Null).await;
    let log = house.drain().await;

    assert_eq!((early, status.as_u16()), ((409, "job_ready".to_owned()), 200));
    assert_eq!(log, ["assemble_upload: cancelled"]);
    assert_eq!(get(&house, &path).await["state"], "cancelled");
    let media = house.read(id).await;
    assert_eq!(media.processing_status, ProcessingStatus::Failed);
    let step = media.processing_steps.upload;
    assert_eq!(step.state(), StepState::Failed);
    let error = step.error.unwrap();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Permanent, "cancelled"));
    let late = refused(&house, "POST", &format!("{path}/cancel"), Value::Null).await;
    assert_eq!(late, (409, "job_cancelled".to_owned()));
    assert_eq!(house.ask("DELETE", &path, Value::Null).await.0, StatusCode::NO_CONTENT);
    assert_eq!(refused(&house, "GET", &path, Value::Null).await.0, 404);
}

#[tokio::test]
async fn all_dead_jobs_with_one_error_are_retried_together() {
    let house = House::new().await;
    for _ in 0..3 {
        let id = house.media("a.jpg", &fixture(PHOTO)).await;
        house.drain_before("publish_media").await;
        let key = house.read(id).await.processing.unwrap().private_key;
        house.parts.tools.objects.delete(&key).await.unwrap();
        house.drain().await;
    }
    let lost = house.media("b.jpg", &fixture(PHOTO)).await;
    lose(&house, lost).await;
    house.drain().await;

    let other = json!({ "error": "timeout" });
    let (_, none) = house.ask("POST", "/v1/jobs/retry", other).await;
    let all = json!({ "error": "missing", "kind": "publish_media" });
    let (_, three) = house.ask("POST", "/v1/jobs/retry", all).await;

    assert_eq!(none, json!({ "retried": 0, "left": 0, "more": false, "cursor": null }));
    let (_, gone) = house.ask("POST", "/v1/jobs/retry", json!({ "queue": "ingest" })).await;

    assert_eq!(three, json!({ "retried": 3, "left": 0, "more": false, "cursor": null }));
    assert_eq!(gone, json!({ "retried": 0, "left": 1, "more": false, "cursor": null }));
    assert_eq!(house.drain().await, ["publish_media: dead (missing)"; 3]);
    let done = json!({ "state": "done" });
    assert_eq!(refused(&house, "POST", "/v1/jobs/retry", done).await.0, 400);
}

#[tokio::test]
async fn queues_say_how_they_stand_and_every_action_is_noted() {
    let house = House::new().await;
    let id = house.media("a.jpg", &fixture(PHOTO)).await;
    house.ground.clock.forward(Duration::from_secs(5));
    let waiting = job(&house, id, "assemble_upload").await;

    let (paused, _) = house.ask("POST", "/v1/queues/ingest/pause", Value::Null).await;
    let queues = get(&house, "/v1/queues").await;
    house.ask("POST", "/v1/queues/ingest/resume", Value::Null).await;
    let path = format!("/v1/jobs/{}/cancel", waiting["_id"].as_str().unwrap());
    house.ask("POST", &path, Value::Null).await;
    let after = get(&house, "/v1/queues").await;

    assert_eq!(paused, StatusCode::OK);
    let ingest = &queues["items"][0];
    let expected = json!({
        "name": "ingest", "paused": true, "oldestAgeSeconds": 5,
        "depth": { "ready": 1, "scheduled": 0, "running": 0, "dead": 0 },
        "lastMinute": { "done": 0, "dead": 0, "cancelled": 0 },
    });
    assert_eq!(ingest, &expected);
    assert_eq!(queues["items"][1]["oldestAgeSeconds"], Value::Null);
    assert_eq!(after["items"][0]["paused"], json!(false));
    assert_eq!(refused(&house, "POST", "/v1/queues/fast/pause", Value::Null).await.0, 404);
    let all = Query::over("resource_resourceId_timestamp", 9);
    let noted = house.ground.store.find(&ACTIVITY_LOGS, all).await.unwrap();
    let mut noted: Vec<_> = noted
        .iter()
        .map(|entry| (entry.get_str("action").unwrap(), entry.get_str("resource").unwrap()))
        .collect();
    noted.sort_unstable();
    assert_eq!(noted, [("cancel", "job"), ("pause", "queue"), ("resume", "queue")]);
}
