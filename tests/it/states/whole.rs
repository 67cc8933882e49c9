//! The model of one call by itself: what becomes of all jobs, and what the caller is told.

use bson::oid::ObjectId;
use jobs::ports::JobState;

use super::{
    deed::{Deed, Fate, Jobs},
    job::{Job, key},
    steps::{Says, Wish},
};

/// What the caller is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Nothing,
    /// How many jobs it was done to.
    Count(u64),
    /// Whether it was done, or is the first.
    Is(bool),
    /// Which jobs it was given, in order.
    Jobs(Vec<ObjectId>),
    /// How the run ended.
    Ended(&'static str),
}

/// The jobs after the call and its answer; `new` is the job that the store has now and had not.
pub fn after(deed: &Deed, jobs: &Jobs, new: Option<&Job>, now: i64) -> (Jobs, Answer) {
    let mut after = jobs.clone();
    match deed {
        Deed::Push(wish) | Deed::Put(wish) => {
            let is_free = !is_taken(jobs, &Some(key(wish.name))) && !is_once(jobs, wish);
            let job = new.map(|new| wished(wish, new.id, now));
            after.extend(job.filter(|_| is_free).map(|job| (job.id, job)));
            let says = matches!(deed, Deed::Put(_));
            return (after, if says { Answer::Is(is_free) } else { Answer::Nothing });
        }
        Deed::Insert { wish, with_key } => {
            let is_free = !with_key || !is_taken(jobs, &Some(key(wish.name)));
            let job = new.map(|new| inserted(wish, *with_key, new.id, now));
            after.extend(job.filter(|_| is_free).map(|job| (job.id, job)));
            return (after, Answer::Is(is_free));
        }
        _ => {}
    }
    let mut met = Vec::new();
    for id in deed.order(jobs) {
        let Some(fate) = fate(deed, &after, &after[&id], now) else { continue };
        met.push(id);
        match fate {
            Fate::Is(job) => drop(after.insert(id, *job)),
            Fate::Goes => drop(after.remove(&id)),
        }
    }
    let answer = told(deed, jobs, &after, met);
    (after, answer)
}

/// The fate of the one that gets to its end, as far as the keys of others let it.
fn fate(deed: &Deed, jobs: &Jobs, job: &Job, now: i64) -> Option<Fate> {
    let mut fates = deed.fates(job, now);
    let fate = fates.pop()?;
    match (&fate, deed) {
        (Fate::Is(open), Deed::Retry(_) | Deed::TakeIn) if open.key != job.key => {
            // Nothing becomes of the retry; the work of the newcomer is done by another.
            if is_taken(jobs, &open.key) { fates.pop() } else { Some(fate) }
        }
        _ => Some(fate),
    }
}

fn told(deed: &Deed, before: &Jobs, after: &Jobs, met: Vec<ObjectId>) -> Answer {
    let count = u64::try_from(met.len()).unwrap();
    match deed {
        Deed::Pass { .. } | Deed::Nothing => Answer::Nothing,
        Deed::Claim { .. } => Answer::Jobs(met),
        Deed::Alone(_) | Deed::Cancel(_) | Deed::Retry(_) | Deed::Delete(_) => {
            Answer::Is(!met.is_empty())
        }
        Deed::Run { leased, says, .. } => Answer::Ended(match after.get(&leased.id) {
            Some(job) if !met.is_empty() => match job.state {
                JobState::Done => "done",
                JobState::Dead => "dead",
                JobState::Cancelled => "cancelled",
                _ if *says == Says::Away => "away",
                _ => "again",
            },
            _ => "fenced",
        }),
        Deed::Hear { held, .. } => {
            let wanted = |id: &ObjectId| {
                let job = &before[id];
                job.cancel && held.iter().any(|h| h.job == *id && job.is_held_by(h.token))
            };
            Answer::Jobs(before.keys().copied().filter(wanted).collect())
        }
        _ => Answer::Count(count),
    }
}

/// Whether a job has this key at the moment.
fn is_taken(jobs: &Jobs, key: &Option<String>) -> bool {
    key.is_some() && jobs.values().any(|job| job.key == *key)
}

/// Whether a job with its key for once has been there.
fn is_once(jobs: &Jobs, wish: &Wish) -> bool {
    let once = wish.once.map(|once| once.to_string());
    once.is_some() && jobs.values().any(|job| job.once == once)
}

/// The job of this wish as it stands after it was put.
fn wished(wish: &Wish, id: ObjectId, now: i64) -> Job {
    let run_at = now + i64::from(wish.delay) * 1_000;
    Job {
        id,
        state: if run_at > now { JobState::Scheduled } else { JobState::Ready },
        name: wish.name,
        key: Some(key(wish.name)),
        own_key: Some(key(wish.name)),
        once: wish.once.map(|once| once.to_string()),
        priority: i64::from(wish.priority),
        run_at: Some(run_at),
        attempt: 0,
        tries: i64::from(wish.tries),
        crashes: 0,
        suspect: false,
        cancel: false,
        errors: 0,
        closed: false,
        lease: None,
        dice: None,
    }
}

/// The same as another service puts it.
fn inserted(wish: &Wish, with_key: bool, id: ObjectId, now: i64) -> Job {
    let job = wished(wish, id, now);
    let key = job.key.clone().filter(|_| with_key);
    Job { state: JobState::New, key, own_key: None, once: None, ..job }
}
