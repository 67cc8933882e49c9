//! Short-lived tokens for end users.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jobs::model::{EventId, UserId};
use serde::Deserialize;
use serde_json::json;

use super::{
    Api,
    access::{self, Claims, Scope},
    body::{JsonBody, counted},
    caller::Caller,
    problem::Problem,
};

/// A token lives so long unless told otherwise, in seconds.
const LIFE_SECONDS: u32 = 3600;
/// And never longer than a day: a token cannot be called back.
const LONGEST_LIFE_SECONDS: u32 = 86_400;

/// For whom a token is wanted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wish {
    user_id: UserId,
    #[serde(default)]
    events: Vec<EventId>,
    upload: Option<String>,
    scope: Option<String>,
    expires_in: Option<u32>,
}

/// `POST /v1/tokens`
pub async fn mint(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<Response, Problem> {
    caller.needs(Scope::Admin)?;
    counted("userId", wish.user_id.0)?;
    wish.events.iter().try_for_each(|event| counted("an id in events", event.0))?;
    let life = wish.expires_in.unwrap_or(LIFE_SECONDS);
    if life == 0 || life > LONGEST_LIFE_SECONDS {
        let detail = format!("expiresIn is not 1 to {LONGEST_LIFE_SECONDS} seconds");
        return Err(Problem::bad("bad_parameter", detail));
    }
    if !wish.scope.as_deref().is_none_or(access::are_for_people) {
        let detail = "scope is not upload, read, or both with a space between: the other scopes \
                      are for services";
        return Err(Problem::bad("bad_parameter", detail));
    }
    let exp = api.tools.clock.now().timestamp_millis() / 1000 + i64::from(life);
    let (sub, events) = (wish.user_id.to_string(), wish.events);
    let claims = Claims { sub, events, upload: wish.upload, scope: wish.scope, exp };
    let Some(token) = api.access.mint(&claims) else {
        let detail = "tokens cannot be minted here: auth.token_secret is not set";
        return Err(Problem::conflict("no_token_secret", detail));
    };
    let token = token.map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
    })?;
    let body = json!({ "token": token, "expiresIn": life });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}
