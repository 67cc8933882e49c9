//! `/v1/jobs`: jobs put by other services, and what operators see and do.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use bson::{DateTime, Document, doc, oid::ObjectId};
use jobs::{
    job::{Job, Limit, Queue},
    ports::{JobFilter, JobPlace, JobState, PortError, Ticket},
    revive,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    access::Scope,
    activity,
    body::{JsonBody, Params, idempotency_key},
    caller::Caller,
    json::object,
    problem::Problem,
};

/// Jobs on one page.
const PAGE: u32 = 50;
/// Jobs that one call retries at most; the answer says whether there are more.
const BULK: u32 = 1_000;

/// A job to be put.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wish {
    kind: String,
    args: Value,
    queue: Option<String>,
    priority: Option<u8>,
    run_at: Option<String>,
    unique_key: Option<String>,
    max_attempts: Option<u32>,
    limit_key: Option<String>,
    limit_most: Option<u32>,
}

/// Which jobs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    state: Option<String>,
    queue: Option<String>,
    kind: Option<String>,
    #[serde(rename = "ref")]
    about: Option<String>,
    error: Option<String>,
    cursor: Option<String>,
}

/// `POST /v1/jobs`
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<Response, Problem> {
    caller.needs(Scope::Enqueue)?;
    let mut ticket = ticket(wish)?;
    ticket.once_key = idempotency_key(&headers)?.map(|key| format!("idempotent:{key}"));
    let (job, is_new) = api.tools.book.put(&ticket).await?;
    let same_key = ticket.once_key.as_deref() == job.get_str("onceKey").ok();
    let same_kind = job.get_str("kind").ok() == Some(ticket.kind);
    let same = same_kind && job.get_document("args").ok() == Some(&ticket.args);
    if ticket.once_key.is_some() && same_key && !same {
        let detail = "this Idempotency-Key was used for another job";
        return Err(Problem::unprocessable("idempotency_mismatch", detail));
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shown(job))).into_response())
}

/// `GET /v1/jobs`
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(filter): Params<Filter>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Admin)?;
    let page = api.tools.book.list(&parse(filter, PAGE)?).await?;
    let cursor = page.next.map(cursor);
    let items: Vec<Value> = page.jobs.into_iter().map(shown).collect();
    Ok(Json(json!({ "items": items, "cursor": cursor })))
}

/// `GET /v1/jobs/{jobId}`
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Enqueue)?;
    Ok(Json(shown(api.tools.book.show(parse_id(&id)?).await?)))
}

/// `POST /v1/jobs/{jobId}/retry`
pub async fn retry(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Admin)?;
    let job = revive::retry(&api.tools, parse_id(&id)?).await?;
    activity::note(&api, &headers, "retry", &job).await?;
    Ok(Json(shown(job)))
}

/// `POST /v1/jobs/{jobId}/cancel`
pub async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Admin)?;
    let job = api.tools.book.cancel(parse_id(&id)?).await?;
    activity::note(&api, &headers, "cancel", &job).await?;
    Ok(Json(shown(job)))
}

/// `DELETE /v1/jobs/{jobId}`
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.needs(Scope::Admin)?;
    let id = parse_id(&id)?;
    api.tools.book.delete(id).await?;
    activity::note(&api, &headers, "delete", &doc! { "_id": id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/jobs/retry`: all dead ones that the filter finds, or all cancelled ones.
pub async fn retry_all(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(filter): JsonBody<Filter>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Admin)?;
    let mut filter = parse(filter, BULK)?;
    let state = *filter.state.get_or_insert(JobState::Dead);
    if !matches!(state, JobState::Dead | JobState::Cancelled) {
        let detail = "state is not dead or cancelled: only these are retried together";
        return Err(Problem::bad("bad_parameter", detail));
    }
    let page = api.tools.book.list(&filter).await?;
    let (mut retried, mut left) = (0, 0);
    for job in &page.jobs {
        let Ok(id) = job.get_object_id("_id") else { continue };
        match revive::retry(&api.tools, id).await {
            Ok(job) => {
                activity::note(&api, &headers, "retry", &job).await?;
                retried += 1;
            }
            // Somebody else was first, or an open job does its work.
            Err(PortError::Missing(_) | PortError::Refused { .. }) => left += 1,
            Err(error) => return Err(error.into()),
        }
    }
    let (more, cursor) = (page.next.is_some(), page.next.map(cursor));
    Ok(Json(json!({ "retried": retried, "left": left, "more": more, "cursor": cursor })))
}

/// The ticket of a wish, checked by the job's own type.
fn ticket(wish: Wish) -> Result<Ticket, Problem> {
    let Wish { kind, args, .. } = &wish;
    macro_rules! read {
        ($($job:ty),+ $(,)?) => {
            match kind.as_str() {
                $(<$job as Job>::KIND => read::<$job>(args.clone()),)+
                _ => {
                    let known = [$(<$job as Job>::KIND),+].join(", ");
                    let detail = format!("there is no job {kind}; there are {known}");
                    Err(Problem::unprocessable("unknown_kind", detail))
                }
            }
        };
    }
    let ticket = jobs::every_job!(read)?;
    let mut ticket = Ticket { run_at: run_at(&wish)?, ..ticket };
    if let Some(queue) = &wish.queue {
        ticket.queue = lane(queue)?;
    }
    if let Some(priority) = wish.priority {
        ticket.priority = Some(priority).filter(|p| *p <= 9).ok_or_else(|| {
            Problem::bad("bad_parameter", "priority is not 0 (first) to 9 (last)")
        })?;
    }
    if let Some(most) = wish.max_attempts {
        ticket.max_attempts = Some(most)
            .filter(|most| (1..=100).contains(most))
            .ok_or_else(|| Problem::bad("bad_parameter", "maxAttempts is not 1 to 100"))?;
    }
    if let Some(key) = wish.unique_key {
        if key.is_empty() || key.len() > 200 {
            return Err(Problem::bad("bad_parameter", "uniqueKey is not 1 to 200 bytes long"));
        }
        ticket.unique_key = format!("{}:{key}", wish.kind);
    }
    ticket.limit = limit(wish.limit_key, wish.limit_most)?.or(ticket.limit);
    Ok(ticket)
}

/// How many jobs of a key may run at the same time; without a number, one.
fn limit(key: Option<String>, most: Option<u32>) -> Result<Option<Limit>, Problem> {
    let Some(key) = key else {
        let detail = "limitMost says nothing without limitKey";
        return if most.is_some() { Err(Problem::bad("bad_parameter", detail)) } else { Ok(None) };
    };
    if !(1..=Limit::LONGEST_KEY).contains(&key.len()) {
        return Err(Problem::bad("bad_parameter", "limitKey is not 1 to 200 bytes long"));
    }
    let most = Some(most.unwrap_or(1)).filter(|most| (1..=Limit::MOST).contains(most));
    let bad = || Problem::bad("bad_parameter", "limitMost is not 1 to 1000");
    Ok(Some(Limit { key, most: most.ok_or_else(bad)? }))
}

fn read<J: Job>(args: Value) -> Result<Ticket, Problem> {
    let job: J = serde_json::from_value(args).map_err(|error| {
        let detail = format!("args are not those of {}: {error}", J::KIND);
        Problem::unprocessable("bad_args", detail)
    })?;
    Ok(Ticket::of(&job)?)
}

fn run_at(wish: &Wish) -> Result<Option<DateTime>, Problem> {
    let parse = |text: &String| {
        let bad = || Problem::bad("bad_parameter", "runAt is no time such as 2026-05-17T20:15:00Z");
        DateTime::parse_rfc3339_str(text).map_err(|_| bad())
    };
    wish.run_at.as_ref().map(parse).transpose()
}

/// The lane of this name.
pub fn lane(name: &str) -> Result<Queue, Problem> {
    Queue::named(name).ok_or_else(|| {
        let known = Queue::ALL.map(Queue::as_str).join(", ");
        Problem::bad("bad_parameter", format!("there is no queue {name}; there are {known}"))
    })
}

fn parse(filter: Filter, limit: u32) -> Result<JobFilter, Problem> {
    let state = filter.state.map(|name| {
        let known = JobState::ALL.map(JobState::as_str).join(", ");
        let detail = format!("there is no state {name}; there are {known}");
        JobState::named(&name).ok_or_else(|| Problem::bad("bad_parameter", detail))
    });
    let about = filter.about.map(|about| {
        let detail = "ref is not of the form COLLECTION:ID, such as event_media:64d2...";
        let (collection, id) =
            about.split_once(':').ok_or_else(|| Problem::bad("bad_parameter", detail))?;
        Ok::<_, Problem>((collection.to_owned(), id.to_owned()))
    });
    Ok(JobFilter {
        state: state.transpose()?,
        queue: filter.queue.as_deref().map(lane).transpose()?,
        kind: filter.kind,
        about: about.transpose()?,
        error: filter.error,
        after: filter.cursor.as_deref().map(parse_cursor).transpose()?,
        limit,
    })
}

fn parse_id(id: &str) -> Result<ObjectId, Problem> {
    id.parse().map_err(|_| Problem::not_found("job"))
}

fn cursor(place: JobPlace) -> String {
    let error = place.error.map(|error| format!("{}.", hex::encode(error))).unwrap_or_default();
    format!("{error}{}-{}", place.at.timestamp_millis(), place.id)
}

fn parse_cursor(cursor: &str) -> Result<JobPlace, Problem> {
    let parse = || {
        let (error, place) = cursor.split_once('.').unzip();
        let (at, id) = place.unwrap_or(cursor).rsplit_once('-')?;
        let error = match error {
            Some(error) => Some(String::from_utf8(hex::decode(error).ok()?).ok()?),
            None => None,
        };
        Some(JobPlace { error, at: DateTime::from_millis(at.parse().ok()?), id: id.parse().ok()? })
    };
    parse().ok_or_else(|| Problem::bad("bad_parameter", "cursor is none that a page gave out"))
}

/// A job as readers see it: keys and leases are the queue's own.
pub fn shown(mut job: Document) -> Value {
    for own in ["key", "onceKey", "limitSlot", "error", "changedAt"] {
        job.remove(own);
    }
    if let Ok(lease) = job.get_document_mut("lease") {
        lease.remove("token");
    }
    object(job)
}
