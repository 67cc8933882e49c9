//! `POST /v1/notifications`: what an API service wants somebody to know.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bson::{DateTime, oid::ObjectId};
use jobs::{
    delivery::{self, Refused, tickets},
    model::{
        Channel, Digest, Fallback, Notification, NotificationData, NotificationId,
        NotificationStatus, UserId,
    },
};
use serde::Deserialize;

use super::{
    Api,
    access::Scope,
    body::{JsonBody, counted},
    caller::Caller,
    notifications::shown,
    problem::Problem,
};

/// Longest type, template and locale, in characters.
const NAME: usize = 200;

/// The seed's fields, and ours.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wish {
    user_id: UserId,
    #[serde(rename = "type")]
    kind: String,
    title: String,
    body: String,
    data: Option<NotificationData>,
    channels: Vec<Channel>,
    scheduled_for: Option<String>,
    expires_at: Option<String>,
    dedupe_key: Option<String>,
    locale: Option<String>,
    template_id: Option<String>,
    priority: Option<u8>,
    fallback: Option<Vec<Fallback>>,
    digest: Option<Digest>,
}

/// Keeps it and puts what is due at once; 200 with the first one where its `dedupeKey` is known.
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<Response, Problem> {
    caller.needs(Scope::Notify)?;
    counted("userId", wish.user_id.0)?;
    let now = api.tools.clock.now();
    let mut new = notification(wish, now)?;
    delivery::check(&new)
        .map_err(|Refused { code, message }| Problem::unprocessable(code, message))?;
    new.take_in(now);
    new.rev = Some(1);
    let (kept, is_new) = api.tools.notifications.create(&new).await?;
    if is_new {
        api.tools.queue.push(&tickets::all(&kept, now)?).await?;
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shown(&caller, &kept)?)).into_response())
}

fn notification(wish: Wish, now: DateTime) -> Result<Notification, Problem> {
    let names = [Some(&wish.kind), wish.locale.as_ref(), wish.template_id.as_ref()];
    if names.into_iter().flatten().any(|name| name.is_empty() || name.chars().count() > NAME) {
        let detail = "type, locale and templateId have 1 to 200 characters";
        return Err(Problem::unprocessable("bad_notification", detail));
    }
    let mut channels = wish.channels;
    channels.sort_unstable();
    channels.dedup();
    Ok(Notification {
        id: NotificationId(ObjectId::new()),
        user_id: wish.user_id,
        kind: wish.kind,
        title: wish.title,
        body: wish.body,
        data: wish.data.unwrap_or_default(),
        status: NotificationStatus::Pending,
        channels,
        scheduled_for: wish
            .scheduled_for
            .as_deref()
            .map(|at| time("scheduledFor", at))
            .transpose()?,
        sent_at: None,
        delivered_at: None,
        read_at: None,
        created_at: Some(now),
        updated_at: Some(now),
        expires_at: wish.expires_at.as_deref().map(|at| time("expiresAt", at)).transpose()?,
        deliveries: None,
        next_action_at: None,
        dedupe_key: wish.dedupe_key,
        locale: wish.locale,
        template_id: wish.template_id,
        priority: wish.priority,
        fallback: wish.fallback.unwrap_or_default(),
        digest: wish.digest,
        rev: None,
    })
}

/// A time of the request.
pub fn time(name: &str, text: &str) -> Result<DateTime, Problem> {
    DateTime::parse_rfc3339_str(text).map_err(|_| {
        let detail = format!("{name} is no time such as 2026-05-17T20:15:00Z");
        Problem::bad("bad_parameter", detail)
    })
}
