//! The worker's own copy of what it must know of people.

use axum::{
    Json,
    extract::{Path, State},
};
use jobs::model::{User, UserId};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Api,
    access::Scope,
    body::{JsonBody, counted},
    caller::Caller,
    json::document,
    problem::Problem,
};

/// What an API service says of a person.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    email: Option<String>,
    phone: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
    username: Option<String>,
    fname: Option<String>,
    lname: Option<String>,
    avatar_url: Option<String>,
    active: Option<bool>,
}

/// `PUT /v1/users/{userId}`
pub async fn put(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(profile): JsonBody<Profile>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Notify)?;
    let id = id.parse().unwrap_or(0);
    counted("userId", id)?;
    let user = User {
        id: UserId(id),
        email: profile.email,
        phone: profile.phone,
        locale: profile.locale,
        time_zone: profile.time_zone,
        username: profile.username,
        fname: profile.fname,
        lname: profile.lname,
        avatar_url: profile.avatar_url,
        active: profile.active,
        updated_at: Some(api.tools.clock.now()),
    };
    api.tools.users.put(&user).await?;
    Ok(Json(document(&user)?))
}
