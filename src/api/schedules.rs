//! `/v1/schedules`: what runs again and again, and a run beside the clock.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use bson::doc;
use jobs::{
    model::{Schedule, ScheduleName},
    scheduled,
};
use serde_json::{Value, json};

use super::{
    Api, access::Scope, activity, caller::Caller, jobs::shown, json::document, problem::Problem,
};

/// Schedules that are listed; there are few.
const MOST: u32 = 1_000;

/// `GET /v1/schedules`: the soonest first.
pub async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Admin)?;
    let schedules = api.tools.schedules.soonest(MOST).await?;
    let items = schedules.iter().map(told).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "items": items })))
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
