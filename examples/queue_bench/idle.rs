//! What workers cost when there is nothing to do, beside so many finished jobs.

use std::time::Duration;

use bson::{Document, doc, oid::ObjectId};
use iven_worker::{adapters::records::collections::JOBS, telemetry};
use jobs::ports::later;
use serde_json::{Value, json};

use crate::{
    Wish, spent,
    stage::{LANE, Stage},
};

/// Before it is watched, a pool does what it does at its start.
const SETTLE: Duration = Duration::from_secs(3);
/// Finished jobs that are written together.
const BATCH: u32 = 1000;

pub async fn measure(wish: &Wish) -> Value {
    let metrics = telemetry::metrics().expect("the counters");
    let stage = Stage::open(wish).await;
    for first in (0..wish.jobs).step_by(BATCH as usize) {
        let jobs = first..wish.jobs.min(first + BATCH);
        let inserts = jobs.map(|n| stage.house.store.insert(&JOBS, finished(&stage, n)));
        let inserted = futures_util::future::join_all(inserts).await;
        inserted.into_iter().for_each(|inserted| inserted.expect("a finished job"));
    }
    let pool = stage.start();
    let watched = async {
        tokio::time::sleep(SETTLE).await;
        let (ops, cpu) = (store_ops(&metrics.render()), spent::cpu());
        tokio::time::sleep(Duration::from_secs(wish.seconds)).await;
        (store_ops(&metrics.render()) - ops, spent::cpu() - cpu)
    };
    let (ops, cpu) = tokio::select! {
        cost = watched => cost,
        () = stage.house.listen() => panic!("it stops listening"),
    };
    pool.stop().await;

    let seconds = Duration::from_secs(wish.seconds).as_secs_f64();
    json!({ "storeOpsPerSecond": ops / seconds, "cpuPercent": cpu / seconds * 100.0 })
}

/// A job as it looks when it is done.
fn finished(stage: &Stage, n: u32) -> Document {
    let now = stage.now();
    let keep = later(now, Duration::from_secs(24 * 3600));
    doc! {
        "_id": ObjectId::new(), "queue": LANE.as_str(), "kind": "noop", "state": "done",
        "priority": 4, "runAt": now, "attempt": 1_i64, "maxAttempts": 3_i64, "crashes": 0,
        "timeoutMs": 60_000_i64, "args": { "n": i64::from(n) }, "key": format!("noop:{n}"),
        "createdAt": now, "dueAt": now, "changedAt": now, "startedAt": now, "finishedAt": now,
        "expireAt": keep,
    }
}

/// How many calls the store had.
fn store_ops(metrics: &str) -> f64 {
    let counts = metrics.lines().filter(|line| line.starts_with("store_op_seconds_count"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
