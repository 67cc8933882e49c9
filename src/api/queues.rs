//! `/v1/queues`: how the lanes stand, and whether they may begin anything.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
};
use bson::{DateTime, doc};
use jobs::ports::JobState;
use serde_json::{Map, Value, json};

use super::{Api, access::Scope, activity, caller::Caller, jobs::lane, problem::Problem};

/// What is told of as throughput.
const LAST: Duration = Duration::from_secs(60);

/// `GET /v1/queues`
pub async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Admin)?;
    let now = api.tools.clock.now().timestamp_millis();
    let since = now.saturating_sub(i64::try_from(LAST.as_millis()).unwrap_or(i64::MAX));
    let since = DateTime::from_millis(since);
    let mut items = Vec::new();
    for queue in api.tools.book.queues().await? {
        let ended = api.tools.book.ended_since(queue.queue, since).await?;
        let waits = queue.oldest.map(|since| now.saturating_sub(since.timestamp_millis()).max(0));
        items.push(json!({
            "name": queue.queue.as_str(),
            "paused": queue.paused,
            "depth": counts(&queue.depth),
            "lastMinute": counts(&ended),
            "oldestAgeSeconds": waits.map(|millis| millis / 1000),
        }));
    }
    Ok(Json(json!({ "items": items })))
}

fn counts(of: &[(JobState, u64)]) -> Map<String, Value> {
    of.iter().map(|(state, jobs)| (state.as_str().to_owned(), json!(jobs))).collect()
}

/// `POST /v1/queues/{name}/pause`
pub async fn pause(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    set(&api, &caller, &headers, &name, true).await
}

/// `POST /v1/queues/{name}/resume`
pub async fn resume(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    set(&api, &caller, &headers, &name, false).await
}

async fn set(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    name: &str,
    paused: bool,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Admin)?;
    let queue = lane(name).map_err(|_| Problem::not_found("queue"))?;
    api.tools.book.pause(queue, paused).await?;
    let action = if paused { "pause" } else { "resume" };
    let about = doc! { "_id": queue.as_str(), "paused": paused };
    activity::note_of(api, headers, action, "queue", &about).await?;
    Ok(Json(json!({ "name": queue.as_str(), "paused": paused })))
}
