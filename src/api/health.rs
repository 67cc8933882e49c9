//! For those who watch: is the process alive, do its stores answer, what has it done.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Api, problem::Problem};

/// `GET /healthz`: the process runs.
pub async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: the stores answer.
pub async fn ready(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    match api.ready.check().await {
        Ok(()) => Ok(Json(json!({ "status": "ready" }))),
        Err(error) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Err(Problem::new(status, "not_ready", error.to_string()))
        }
    }
}

/// `GET /metrics`: Prometheus' text format. Open like the others: it counts, and names nobody.
pub async fn metrics(State(api): State<Api>) -> Response {
    api.depths.count(&*api.tools.book, &*api.tools.clock).await;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, (api.metrics)()).into_response()
}

/// `GET /openapi.json`
pub async fn openapi() -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, include_str!("openapi.json")).into_response()
}
