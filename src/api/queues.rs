//! `/v1/queues`: how the lanes stand, and whether they may begin anything.

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
};
use bson::doc;
use serde_json::{Map, Value, json};

use super::{Api, access::Scope, activity, caller::Caller, jobs::lane, problem::Problem};

/// `GET /v1/queues`
pub async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Admin)?;
    let now = api.tools.clock.now().timestamp_millis();
    let mut items = Vec::new();
    for queue in api.tools.book.queues().await? {
        let depth = queue.depth.iter().map(|(state, jobs)| (state.as_str().into(), json!(jobs)));
        let waits = queue.oldest.map(|since| now.saturating_sub(since.timestamp_millis()).max(0));
        items.push(json!({
            "name": queue.queue.as_str(),
            "paused": queue.paused,
            "depth": depth.collect::<Map<_, _>>(),
            "oldestAgeSeconds": waits.map(|millis| millis / 1000),
        }));
    }
    Ok(Json(json!({ "items": items })))
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
