//! Jobs belong to the trace of the request that put them.

use axum::{body::Body, http::Request};
use jobs::trace::Trace;
use serde_json::{Value, json};

use crate::house::{House, answer, fixture};

const WALK: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The job of a request with these headers.
async fn put(house: &House, key: &str, headers: &[&str]) -> Trace {
    let wish = json!({ "kind": "sweep", "args": {}, "uniqueKey": key }).to_string();
    let request = Request::post("/v1/jobs");
    let request =
        headers.iter().fold(request, |request, text| request.header("traceparent", *text));
    let (_, job) = answer(house.send(request.body(Body::from(wish)).unwrap()).await).await;
    job["traceparent"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_job_has_the_walk_of_its_request_or_a_new_one() {
    let house = House::new().await;

    let given = put(&house, "given", &[WALK]).await;
    let made = [
        put(&house, "none", &[]).await,
        put(&house, "odd", &[&WALK.to_uppercase()]).await,
        put(&house, "two", &[WALK, WALK]).await,
    ];

    assert_eq!(given.to_string(), WALK);
    assert!(made.iter().all(|walk| walk.id != given.id && walk.is_sampled));
    assert!(made[0].id != made[1].id && made[1].id != made[2].id);
}

#[tokio::test]
async fn what_a_job_puts_belongs_to_its_walk_also_when_nobody_collects_spans() {
    let house = House::new().await;
    let path = "/v1/media?eventId=1&userId=42&filename=a.jpg";
    let photo = Body::from(fixture("images/orientation_1.jpg"));

    let request = Request::post(path).header("traceparent", WALK).body(photo).unwrap();
    let (status, medium) = answer(house.send(request).await).await;
    house.drain().await;

    assert_eq!(status.as_u16(), 202, "{medium}");
    let (_, jobs) = house.ask("GET", "/v1/jobs", Value::Null).await;
    let walks: Vec<_> = jobs["items"].as_array().unwrap().iter().collect();
    assert_eq!(walks.len(), 5);
    assert!(walks.iter().all(|job| job["traceparent"] == WALK), "{jobs}");
}
