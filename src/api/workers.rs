//! `/v1/workers`: the processes at work, and how their lanes stand.

use axum::{Json, extract::State};
use bson::DateTime;
use jobs::model::Worker;
use serde_json::{Value, json};

use super::{Api, access::Scope, caller::Caller, problem::Problem};

/// Processes that are listed; there are few.
const MOST: u32 = 1_000;

/// `GET /v1/workers`
pub async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Admin)?;
    let workers = api.tools.workers.at_work(MOST).await?;
    Ok(Json(json!({ "items": workers.iter().map(told).collect::<Vec<_>>() })))
}

/// A worker as readers see it.
fn told(worker: &Worker) -> Value {
    let time = |at: DateTime| at.try_to_rfc3339_string().ok();
    json!({
        "name": worker.owner,
        "host": worker.host,
        "pid": worker.pid,
        "version": worker.version,
        "startedAt": time(worker.started_at),
        "seenAt": time(worker.seen_at),
        "lanes": worker.lanes,
    })
}
