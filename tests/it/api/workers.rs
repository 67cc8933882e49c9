//! The processes at work, as operators see them.

use std::time::Duration;

use jobs::{
    model::{Lane, Worker},
    ports::{Clock, later},
};
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn workers_are_listed_with_their_lanes() {
    let house = House::new().await;
    let now = house.ground.clock.now();
    let queue = "media".to_owned();
    let worker = Worker {
        owner: "boot/7/1/x".to_owned(),
        host: "pi".to_owned(),
        pid: 7,
        version: "0.1.0".to_owned(),
        started_at: now,
        seen_at: now,
        expire_at: later(now, Duration::from_secs(30)),
        lanes: vec![Lane { queue, places: 2, running: 1, paused: false, resting: true }],
    };
    house.parts.tools.workers.report(&worker).await.unwrap();

    let (status, workers) = house.ask("GET", "/v1/workers", Value::Null).await;
    house.ground.clock.forward(Duration::from_secs(30));
    let (_, later) = house.ask("GET", "/v1/workers", Value::Null).await;

    let lane = json!({
        "queue": "media", "places": 2, "running": 1, "paused": false, "resting": true,
    });
    let expected = json!({
        "name": "boot/7/1/x", "host": "pi", "pid": 7, "version": "0.1.0", "lanes": [lane],
        "startedAt": "2024-01-15T20:35:00Z", "seenAt": "2024-01-15T20:35:00Z",
    });
    assert_eq!((status.as_u16(), &workers["items"]), (200, &json!([expected])));
    assert_eq!(later["items"], json!([]));
}
