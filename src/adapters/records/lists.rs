//! Lists of jobs: which walks along indexes find what is asked for, and in which order it comes.

use std::cmp::Reverse;

use bson::{Bson, DateTime, Document};
use jobs::{
    job::Queue,
    ports::{JobFilter, JobPage, JobPlace, JobState, PortError},
};

use super::collections::JOBS;
use crate::adapters::documents::{Documents, Edge, Guard, Query};

/// Of the running jobs, of the new ones and of those about one document, so many are looked at.
const LOOKED_AT: u32 = 1_000;
/// The last character of all: what begins with a text lies between it and the text with this.
const LAST: char = '\u{10FFFF}';

/// A page of the jobs that `filter` asks for.
pub(super) async fn list(store: &dyn Documents, filter: &JobFilter) -> Result<JobPage, PortError> {
    let states = filter.state.map_or_else(|| JobState::ALL.to_vec(), |state| vec![state]);
    let (mut jobs, mut is_cut) = (Vec::new(), false);
    for query in walks(filter, &states) {
        let found = store.find(&JOBS, query).await?;
        is_cut |= found.len() >= LOOKED_AT as usize;
        jobs.extend(found);
    }
    let place = |job: &Document| place(job, is_by_error(filter));
    jobs.retain(|job| fits(job, filter, &place(job)));
    jobs.sort_by_cached_key(|job| rank(place(job)));
    let limit = filter.limit as usize;
    let more = is_cut || jobs.len() >= limit;
    jobs.truncate(limit);
    let next = jobs.last().filter(|_| more).map(place);
    Ok(JobPage { jobs, next })
}

/// The walks that find what `filter` asks for; some find more.
fn walks(filter: &JobFilter, states: &[JobState]) -> Vec<Query> {
    if let Some((collection, id)) = &filter.about {
        let query = Query::over("ref", LOOKED_AT).at(collection.as_str()).at(id.as_str());
        return vec![query.such_that(narrowed(filter))];
    }
    if let Some(text) = &filter.error {
        return states.iter().flat_map(|state| by_error(filter, *state, text)).collect();
    }
    let (mut bases, mut whole) = (Vec::new(), Vec::new());
    for state in states {
        match (state, &filter.kind) {
            (JobState::Running | JobState::New, _) => {
                whole.push(standing(*state, filter.queue, LOOKED_AT));
            }
            (state, Some(kind)) => {
                let guard = of_queue(filter.queue);
                let base = Query::over("state_kind", filter.limit).at(state.as_str());
                bases.push(base.at(kind.as_str()).such_that(guard));
            }
            (state, None) => {
                let queues = filter.queue.map_or(Queue::ALL.to_vec(), |queue| vec![queue]);
                let base = |queue| standing(*state, Some(queue), filter.limit);
                bases.extend(queues.into_iter().map(base));
            }
        }
    }
    if let Some(JobPlace { at, id, .. }) = filter.after {
        // Those of the very same millisecond, and those before it.
        let behind = |base: Query| [base.clone().at(at).below(id), base.below(at)];
        bases = bases.into_iter().flat_map(behind).collect();
    }
    whole.extend(bases);
    whole
}

/// The walks over jobs whose error begins with `text`: by error, and each error's last changed
/// first, as the index has them.
fn by_error(filter: &JobFilter, state: JobState, text: &str) -> Vec<Query> {
    let jobs = Query::over("state_error", filter.limit).at(state.as_str());
    let jobs = jobs.such_that(narrowed(filter));
    let to = Edge::Excluding(Bson::from(format!("{text}{LAST}")));
    let from = |from| Query { from, to: to.clone(), ..jobs.clone() };
    let Some(JobPlace { error: Some(error), at, id }) = &filter.after else {
        return vec![from(Edge::Including(Bson::from(text)))];
    };
    let same = jobs.clone().at(error.as_str());
    let untimed = same.clone().at(Bson::Null);
    let mut walks = if *at == DateTime::MIN {
        vec![untimed.below(*id)]
    } else {
        vec![same.clone().at(*at).below(*id), same.below(*at), untimed]
    };
    walks.push(from(Edge::Excluding(Bson::from(error.as_str()))));
    walks
}

/// The jobs in this state, of a lane or of all: last changed first; running ones by their leases,
/// new ones, which may have no lane yet, as they came.
pub fn standing(state: JobState, queue: Option<Queue>, limit: u32) -> Query {
    match state {
        JobState::Running => Query::over("leases", limit).such_that(of_queue(queue)),
        JobState::New => Query::over("arrivals", limit).such_that(of_queue(queue)),
        state => {
            let jobs = Query::over("state_queue", limit).at(state.as_str());
            queue.map_or_else(|| jobs.clone(), |queue| jobs.clone().at(queue.as_str()))
        }
    }
}

/// What the store can leave out of a walk along an index of something else.
fn narrowed(filter: &JobFilter) -> Guard {
    let guard = of_queue(filter.queue);
    filter.kind.iter().fold(guard, |guard, kind| guard.eq("kind", kind.as_str()))
}

fn of_queue(queue: Option<Queue>) -> Guard {
    queue.map_or_else(Guard::none, |queue| Guard::none().eq("queue", queue.as_str()))
}

/// Whether a job that a walk found is one that was asked for.
fn fits(job: &Document, filter: &JobFilter, place: &JobPlace) -> bool {
    let is = |field: &str, wanted: Option<&str>| {
        wanted.is_none_or(|wanted| job.get_str(field).is_ok_and(|value| value == wanted))
    };
    let error = filter.error.as_deref();
    is("state", filter.state.map(JobState::as_str))
        && is("queue", filter.queue.map(Queue::as_str))
        && is("kind", filter.kind.as_deref())
        && error.is_none_or(|text| job.get_str("error").is_ok_and(|error| error.starts_with(text)))
        && filter.after.as_ref().is_none_or(|after| rank(after.clone()) < rank(place.clone()))
}

/// Jobs about one document are few and come by their time, whatever their errors.
fn is_by_error(filter: &JobFilter) -> bool {
    filter.error.is_some() && filter.about.is_none()
}

/// Where a list has the job: running jobs have no time of a change, and a list by error, whose
/// index knows nothing else, has them last.
fn place(job: &Document, by_error: bool) -> JobPlace {
    let error = job.get_str("error").ok().filter(|_| by_error).map(str::to_owned);
    let begun = job.get_datetime("startedAt").ok().filter(|_| !by_error);
    let at = job.get_datetime("changedAt").ok().or(begun).copied().unwrap_or(DateTime::MIN);
    JobPlace { error, at, id: job.get_object_id("_id").unwrap_or_default() }
}

/// What comes first is least.
fn rank(place: JobPlace) -> impl Ord {
    (place.error, Reverse((place.at, place.id)))
}
