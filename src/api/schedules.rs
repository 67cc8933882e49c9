//! `/v1/schedules`: what runs again and again, and a run beside the clock.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use bson::doc;
use jobs::{
    create_notification::CreateNotification,
    delivery::Draft,
    job::Job,
    model::{Misfire, Rule, Schedule, ScheduleName},
    ports::PortError,
    scheduled,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api, access::Scope, activity, body::JsonBody, caller::Caller, jobs::shown, json::document,
    problem::Problem,
};

/// Schedules that are listed; there are few.
const MOST: u32 = 1_000;
/// Longest name, in bytes: with a tick's time it is the key of a notification.
const LONGEST_NAME: usize = 150;

/// `GET /v1/schedules`: the soonest first.
pub async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Admin)?;
    let schedules = api.tools.schedules.soonest(MOST).await?;
    let items = schedules.iter().map(told).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "items": items })))
}

/// A notification that is written again and again.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recurring {
    cron: String,
    time_zone: Option<String>,
    misfire: Option<Misfire>,
    notification: Draft,
}

/// `PUT /v1/schedules/{name}`: writes this notification at these times, from the next one on.
pub async fn put(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Path(name): Path<String>,
    JsonBody(wish): JsonBody<Recurring>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Notify)?;
    let name = named(&api, name).await?;
    let fixed = [&wish.notification.scheduled_for, &wish.notification.expires_at];
    if fixed.into_iter().any(Option::is_some) || wish.notification.dedupe_key.is_some() {
        let detail = "a recurring notification has no scheduledFor, expiresAt and dedupeKey of its \
                      own; say expiresAfterSeconds";
        return Err(Problem::unprocessable("bad_notification", detail));
    }
    // What could not be sent is refused now, not at each tick.
    wish.notification.clone().notification(api.tools.clock.now())?;
    let draft = bson::serialize_to_document(&wish.notification)
        .map_err(|error| PortError::refused("bad_notification", error.to_string()))?;
    let rule = Rule {
        args: doc! { "notification": draft },
        time_zone: wish.time_zone.unwrap_or_else(|| "UTC".to_owned()),
        misfire: wish.misfire.unwrap_or_default(),
        once_arg: Some("once".to_owned()),
        ..Rule::new(CreateNotification::KIND, &wish.cron)
    };
    let schedule = Schedule { name, rule, paused: false, next_at: None, last_at: None };
    if let Some(fault) = scheduled::fault(&schedule) {
        return Err(fault.into());
    }
    api.tools.schedules.put(&schedule.name, &schedule.rule).await?;
    let about = doc! { "_id": schedule.name.0.as_str(), "kind": schedule.rule.kind.as_str() };
    activity::note_of(&api, &headers, "put", "schedule", &about).await?;
    Ok(Json(told(&api.tools.schedules.schedule(&schedule.name).await?)?))
}

/// `DELETE /v1/schedules/{name}`: no more of these notifications; those that were written stay.
pub async fn remove(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.needs(Scope::Notify)?;
    let name = named(&api, name).await?;
    if !api.tools.schedules.remove(&name).await? {
        return Err(Problem::not_found("schedule"));
    }
    activity::note_of(&api, &headers, "delete", "schedule", &doc! { "_id": name.0 }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The name of a schedule of notifications; those of other work are not touched here.
async fn named(api: &Api, name: String) -> Result<ScheduleName, Problem> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(Problem::bad("bad_parameter", "a schedule's name has 1 to 150 bytes"));
    }
    let name = ScheduleName(name);
    match api.tools.schedules.schedule(&name).await {
        Ok(found) if found.rule.kind != CreateNotification::KIND => {
            let detail = format!("the schedule {name} puts jobs of {}", found.rule.kind);
            Err(Problem::conflict("schedule_of_jobs", detail))
        }
        Ok(_) | Err(PortError::Missing(_)) => Ok(name),
        Err(error) => Err(error.into()),
    }
}

/// `POST /v1/schedules/{name}/run`: a job at once, also of a paused schedule; its ticks stay.
pub async fn run(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    caller.needs(Scope::Admin)?;
    let schedule = api.tools.schedules.schedule(&ScheduleName(name)).await?;
    let ticket = scheduled::ticket_of_wish(&schedule)?;
    let (job, _) = api.tools.book.put(&ticket).await?;
    let about = doc! { "_id": schedule.name.0, "kind": ticket.kind };
    activity::note_of(&api, &headers, "run", "schedule", &about).await?;
    Ok((StatusCode::CREATED, Json(shown(job))).into_response())
}

/// A schedule as readers see it, and why it cannot be followed, if that is so.
fn told(schedule: &Schedule) -> Result<Value, Problem> {
    let mut told = document(schedule)?;
    if let Some(members) = told.as_object_mut() {
        let name = members.remove("_id").unwrap_or_default();
        members.insert("name".to_owned(), name);
        for time in ["nextAt", "lastAt"] {
            members.entry(time).or_insert(Value::Null);
        }
        let fault = scheduled::fault(schedule).map(|fault| fault.to_string());
        members.insert("fault".to_owned(), json!(fault));
    }
    Ok(told)
}
