//! Where pushes go, and what users wish.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use jobs::{
    delivery,
    model::{
        Channel, ChannelWishes, Device, DeviceAddress, DeviceId, DeviceState, Preferences,
        QuietHours, UserId, Wishes,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    access::Scope,
    body::{JsonBody, counted},
    caller::Caller,
    json::document,
    problem::Problem,
};

/// Longest id of a device, and longest token or endpoint, in bytes.
const ID: usize = 200;
const ADDRESS: usize = 4_096;

/// `PUT /v1/users/{userId}/devices/{deviceId}`: a device that was given up is used again.
pub async fn register(
    State(api): State<Api>,
    caller: Caller,
    Path((user, device)): Path<(String, String)>,
    JsonBody(said): JsonBody<Value>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Notify)?;
    let (user_id, device_id) = (id(&user)?, DeviceId(device));
    let address = address(said)?;
    check(&device_id, &address)?;
    let device = Device {
        id: Device::key(user_id, &device_id),
        user_id,
        device_id,
        address,
        state: DeviceState::Active,
        registered_at: api.tools.clock.now(),
        struck_at: None,
    };
    api.tools.contacts.register(&device).await?;
    let told = json!({ "userId": user_id, "deviceId": device.device_id, "state": device.state });
    Ok(Json(told))
}

/// `DELETE /v1/users/{userId}/devices/{deviceId}`
pub async fn forget(
    State(api): State<Api>,
    caller: Caller,
    Path((user, device)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    caller.needs(Scope::Notify)?;
    api.tools.contacts.forget(id(&user)?, &DeviceId(device)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/webpush/key`: the `applicationServerKey` with which a page subscribes.
pub async fn web_push_key(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Read)?;
    let key = api.tools.carriers.web_push_key.as_ref();
    let none = || Problem::conflict("channel_off", "webpush.vapid_key is not set");
    Ok(Json(json!({ "publicKey": key.ok_or_else(none)? })))
}

/// `GET /v1/users/{userId}/preferences`
pub async fn wishes(
    State(api): State<Api>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Notify)?;
    let user_id = id(&user)?;
    let found = api.tools.contacts.preferences(user_id).await?;
    let none = || Preferences { user_id, wishes: Wishes::default(), updated_at: None };
    Ok(Json(document(&found.unwrap_or_else(none))?))
}

/// The wishes, as an API service says them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wished {
    types: Option<BTreeMap<String, ChannelWishes>>,
    quiet_hours: Option<QuietHours>,
    digest: Option<BTreeMap<String, BTreeMap<Channel, u32>>>,
}

/// `PUT /v1/users/{userId}/preferences`
pub async fn wish(
    State(api): State<Api>,
    caller: Caller,
    Path(user): Path<String>,
    JsonBody(Wished { types, quiet_hours, digest }): JsonBody<Wished>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Notify)?;
    let user_id = id(&user)?;
    let (types, digest) = (types.unwrap_or_default(), digest.unwrap_or_default());
    let wishes = Wishes { types, quiet_hours, digest };
    delivery::check_wishes(&wishes)?;
    let preferences = Preferences { user_id, wishes, updated_at: Some(api.tools.clock.now()) };
    api.tools.contacts.wish(&preferences).await?;
    Ok(Json(document(&preferences)?))
}

fn id(text: &str) -> Result<UserId, Problem> {
    let id = text.parse().unwrap_or(0);
    counted("userId", id)?;
    Ok(UserId(id))
}

/// How a device is reached, as its app says. A number would be taken for the place of a kind.
fn address(said: Value) -> Result<DeviceAddress, Problem> {
    let bad = |detail: String| Problem::bad("bad_json", detail);
    if !said.get("kind").is_some_and(Value::is_string) {
        return Err(bad("the body: kind is neither fcm nor webpush".to_owned()));
    }
    serde_json::from_value(said).map_err(|error| bad(format!("the body: {error}")))
}

fn check(device: &DeviceId, address: &DeviceAddress) -> Result<(), Problem> {
    let bad = |detail: &str| Err(Problem::unprocessable("bad_device", detail));
    if device.0.is_empty() || device.0.len() > ID {
        return bad("deviceId has not 1 to 200 bytes");
    }
    match address {
        DeviceAddress::Fcm { token } if token.is_empty() || token.len() > ADDRESS => {
            bad("token has not 1 to 4096 bytes")
        }
        DeviceAddress::Webpush { subscription }
            if !subscription.endpoint.starts_with("https://")
                || subscription.endpoint.len() > ADDRESS =>
        {
            bad("subscription.endpoint is no https:// address of at most 4096 bytes")
        }
        _ => Ok(()),
    }
}
