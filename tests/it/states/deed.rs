//! The model: what one call does to one job, and to all of them together.

use std::collections::BTreeMap;

use bson::oid::ObjectId;
use jobs::ports::{Held, JobState, Leased};

use super::{
    job::{Job, Lease, key},
    steps::{Says, Wish},
};

/// How long leases last, in milliseconds.
pub const LEASE: i64 = 15_000;
/// `Says::NotYet` means so many milliseconds.
pub const NOT_YET: i64 = 3_000;
/// A port may be away so long before its jobs are dead: a week.
const AWAY_LONGEST: i64 = 7 * 86_400_000;

/// All jobs, oldest id first.
pub type Jobs = BTreeMap<ObjectId, Job>;

/// A call with the jobs and leases that it is about.
#[derive(Debug, Clone)]
pub enum Deed {
    Push(Wish),
    Put(Wish),
    Insert {
        wish: Wish,
        with_key: bool,
    },
    TakeIn,
    Promote,
    Claim {
        worker: usize,
        slots: u32,
    },
    Run {
        leased: Box<Leased>,
        heard: bool,
        says: Says,
    },
    Extend(Vec<Held>),
    Alone(Held),
    Release(Vec<Held>),
    Hear {
        worker: usize,
        held: Vec<Held>,
    },
    Reap,
    Inherit {
        owner: String,
    },
    Cancel(ObjectId),
    Retry(ObjectId),
    Delete(ObjectId),
    Pass {
        millis: u64,
    },
    /// There is no job or lease for it.
    Nothing,
}

/// What may become of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    Is(Box<Job>),
    Goes,
}

/// The name of a worker's process.
pub fn owner(worker: usize) -> String {
    format!("worker {worker}")
}

impl Deed {
    /// What this call may do to the job, besides nothing: the last one if it gets to its end.
    pub fn fates(&self, job: &Job, now: i64) -> Vec<Fate> {
        let is = |job: Job| vec![Fate::Is(Box::new(job))];
        let old = job.clone();
        let lapsed = job.lease.as_ref().is_some_and(|lease| lease.until <= now);
        let mine = |held: &[Held]| held.iter().any(|h| h.job == job.id && job.is_held_by(h.token));
        match self {
            Self::TakeIn if job.state == JobState::New => taken_in(old, now),
            Self::Promote if job.state == JobState::Scheduled && job.run_at <= Some(now) => {
                is(Job { state: JobState::Ready, ..old })
            }
            Self::Claim { worker, .. } if job.state == JobState::Ready => {
                let owner = owner(*worker);
                let lease = Lease { owner, token: None, until: now + LEASE, alone: false };
                let attempt = job.attempt + 1;
                is(Job { state: JobState::Running, lease: Some(lease), attempt, ..old })
            }
            Self::Run { leased, heard, says } if job.id == leased.id => {
                ran(old, leased, *heard, *says, now)
            }
            Self::Extend(held) if mine(held) => is(extended(old, now)),
            Self::Alone(held) if mine(&[*held]) => {
                let lease = old.lease.clone().map(|lease| Lease { alone: true, ..lease });
                is(Job { lease, ..old })
            }
            Self::Release(held) if mine(held) => {
                let attempt = job.attempt - 1;
                is(Job { state: JobState::Ready, lease: None, attempt, ..old })
            }
            Self::Reap if lapsed => is(lost(old)),
            Self::Inherit { owner } => match &job.lease {
                Some(lease) if lease.owner == *owner => is(lost(old)),
                _ => Vec::new(),
            },
            Self::Cancel(id) if job.id == *id && job.state.is_open() => is(cancelled(old, now)),
            Self::Retry(id) if job.id == *id && may_be_retried(job.state) => is(retried(old, now)),
            Self::Delete(id) if job.id == *id && !job.state.is_open() => vec![Fate::Goes],
            _ => Vec::new(),
        }
    }

    /// Which of these jobs it is about, in its order.
    pub fn order(&self, jobs: &Jobs) -> Vec<ObjectId> {
        let mut ids: Vec<ObjectId> = jobs.keys().copied().collect();
        // All others go by `_id`: what was put first is taken in first.
        if let Self::Claim { slots, .. } = self {
            ids.retain(|id| jobs[id].state == JobState::Ready);
            ids.sort_by_key(|id| (jobs[id].priority, jobs[id].run_at, *id));
            ids.truncate(*slots as usize);
        }
        ids
    }
}

/// Where the key is free, else its work is under way already: the last one is the rule.
fn taken_in(job: Job, now: i64) -> Vec<Fate> {
    let done = ended(job.clone(), JobState::Done, 0);
    let run_at = job.run_at.unwrap_or(now);
    let state = if run_at > now { JobState::Scheduled } else { JobState::Ready };
    let key = Some(job.key.clone().unwrap_or_else(|| key(job.name)));
    let filled = Job { state, run_at: Some(run_at), own_key: key.clone(), key, ..job };
    vec![Fate::Is(Box::new(done)), Fate::Is(Box::new(filled))]
}

fn ran(job: Job, leased: &Leased, heard: bool, says: Says, now: i64) -> Vec<Fate> {
    if !job.is_held_by(leased.token) {
        return Vec::new();
    }
    let (attempt, most) = (i64::from(leased.attempt), i64::from(leased.max_attempts));
    let poison = i64::from(leased.crashes) >= most.min(3) || attempt > most;
    let long_ago = now > leased.due_at.timestamp_millis() + AWAY_LONGEST;
    let doubled = 1_000 * (1 << (attempt - 1).clamp(0, 16));
    let over = match says {
        _ if poison => Some((JobState::Dead, 1)),
        _ if leased.cancel_requested || heard => Some((JobState::Cancelled, 0)),
        Says::Fail => Some((JobState::Dead, 1)),
        Says::Retry if attempt >= most => Some((JobState::Dead, 1)),
        Says::Away if long_ago => Some((JobState::Dead, 1)),
        _ => None,
    };
    if let Some((state, errors)) = over {
        // Whoever watches is told first, and the lease is renewed for that.
        let kept = extended(job.clone(), now);
        let fates = [kept, ended(job, state, errors)];
        return fates.map(|job| Fate::Is(Box::new(job))).into();
    }
    let again = |attempt, errors: usize, run_at, dice| Job {
        state: JobState::Scheduled,
        lease: None,
        suspect: false,
        attempt: job.attempt - 1 + attempt,
        errors: (job.errors + errors).min(10),
        run_at,
        dice,
        ..job.clone()
    };
    // Who wished it to end meanwhile does not wait until it would have come again.
    let wished = |again: Job| match job.cancel {
        true => {
            let run_at = Some(now);
            Job { state: JobState::Ready, priority: 0, run_at, dice: None, ..again }
        }
        false => again,
    };
    let after = match says {
        Says::Done | Says::Fail => ended(job.clone(), JobState::Done, 0),
        Says::NotYet => wished(again(0, 0, Some(now + NOT_YET), None)),
        Says::Retry => wished(again(1, 1, None, Some(doubled.min(300_000)))),
        Says::Away => wished(again(0, 1, None, Some(1_000))),
    };
    // Whoever watches a failure is told, as of an end.
    let is_told = matches!(says, Says::Retry | Says::Away);
    let kept = is_told.then(|| extended(job, now));
    kept.into_iter().chain([after]).map(|job| Fate::Is(Box::new(job))).collect()
}

/// What has ended has no lease, no key, and a record that goes.
fn ended(job: Job, state: JobState, errors: usize) -> Job {
    let errors = (job.errors + errors).min(10);
    Job {
        state,
        errors,
        key: None,
        cancel: false,
        suspect: false,
        lease: None,
        closed: true,
        ..job
    }
}

fn extended(job: Job, now: i64) -> Job {
    let lease = job.lease.clone().map(|lease| Lease { until: now + LEASE, ..lease });
    Job { lease, ..job }
}

/// A crash counts only alone; beside others the job is a suspect and the attempt is not counted.
fn lost(job: Job) -> Job {
    let alone = job.lease.as_ref().is_some_and(|lease| lease.alone);
    let (crashes, attempt) = if alone { (1 + i64::from(job.suspect), 0) } else { (0, -1) };
    Job {
        state: JobState::Ready,
        lease: None,
        suspect: !alone,
        crashes: job.crashes + crashes,
        attempt: job.attempt + attempt,
        errors: (job.errors + 1).min(10),
        ..job
    }
}

fn cancelled(job: Job, now: i64) -> Job {
    let job = Job { cancel: true, ..job };
    match job.state {
        JobState::Running => job,
        // Nobody can run what is not filled in; it comes first, and at once, when it is.
        JobState::New => Job { priority: 0, run_at: None, ..job },
        _ => Job { state: JobState::Ready, priority: 0, run_at: Some(now), ..job },
    }
}

fn may_be_retried(state: JobState) -> bool {
    matches!(state, JobState::Dead | JobState::Cancelled | JobState::Scheduled)
}

fn retried(job: Job, now: i64) -> Job {
    let (state, key) = (JobState::Ready, job.own_key.clone());
    let fresh = Job { attempt: 0, crashes: 0, suspect: false, cancel: false, ..job };
    Job { state, key, run_at: Some(now), closed: false, ..fresh }
}
