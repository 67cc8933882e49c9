//! `POST /v1/notifications`: what an API service wants somebody to know.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jobs::delivery::{self, Draft, Needs};

use super::{
    Api, access::Scope, body::JsonBody, caller::Caller, notifications::shown, problem::Problem,
};

/// Keeps it and puts what is due at once; 200 with the first one where its `dedupeKey` is known.
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(draft): JsonBody<Draft>,
) -> Result<Response, Problem> {
    caller.needs(Scope::Notify)?;
    let (kept, is_new) = delivery::create(&Needs::from(&api.tools), draft).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shown(&caller, &kept)?)).into_response())
}
