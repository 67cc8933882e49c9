//! `jobs` over the document port: what an operator sees and does.

use async_trait::async_trait;
use bson::{DateTime, Document, oid::ObjectId};
use jobs::{
    job::Queue,
    ports::{JobBook, JobFilter, JobPage, JobState, Orders, PortError, QueueState, Ticket},
};

use super::{Records, collections::JOBS, lists, lists::standing, queues, tickets};
use crate::adapters::documents::{Change, Edge, Guard, Query};

/// Larger depths are given as this: counting costs the store as much as the number is large.
const COUNTED: u32 = 100_000;
/// What every job has that was put by us or taken in.
const TAKEN_IN: [&str; 5] = ["queue", "key", "timeoutMs", "maxAttempts", "crashes"];
/// How often a lost race is run again.
const RACES: usize = 8;

#[async_trait]
impl JobBook for Records {
    async fn put(&self, ticket: &Ticket) -> Result<(Document, bool), PortError> {
        for _ in 0..RACES {
            let job = tickets::job(ticket, self.clock.now());
            match self.store.insert(&JOBS, job.clone()).await {
                Ok(()) => {
                    self.enqueued.count(ticket.kind);
                    self.wake.notify_one();
                    return Ok((job, true));
                }
                Err(PortError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
            if let Some(first) = self.with_key_of(ticket).await? {
                return Ok((first, false));
            }
            // It ended in between: its key is free again.
        }
        Err(PortError::Conflict(format!("the key {} changes hands too fast", ticket.unique_key)))
    }

    async fn list(&self, filter: &JobFilter) -> Result<JobPage, PortError> {
        lists::list(&*self.store, filter).await
    }

    async fn show(&self, id: ObjectId) -> Result<Document, PortError> {
        let missing = || PortError::Missing(format!("the job {id} does not exist"));
        self.store.get(&JOBS, &id.into()).await?.ok_or_else(missing)
    }

    async fn retry(&self, id: ObjectId) -> Result<Document, PortError> {
        let again = |job: &Document, state| match state {
            JobState::Dead | JobState::Cancelled | JobState::Scheduled => {
                let now = self.clock.now();
                let is_ours = TAKEN_IN.iter().all(|field| job.contains_key(field));
                let mut change = if is_ours { runs_anew(now) } else { comes_anew() };
                for field in ["suspect", "finishedAt", "expireAt", "note", "cancelRequested"] {
                    change = change.unset(field);
                }
                let key = job.get_str("key").into_iter();
                Ok(key.fold(change, |change, key| change.set("uniqueKey", key)))
            }
            state => Err(refused(id, state, "only dead, cancelled or scheduled jobs are retried")),
        };
        let retried = self.move_on(id, again).await;
        self.wake.notify_one();
        self.bell.notify_one();
        match retried {
            Err(PortError::Conflict(_)) => {
                let message = format!("another open job does the work of {id} already");
                Err(PortError::refused("job_open", message))
            }
            answer => answer,
        }
    }

    async fn cancel(&self, id: ObjectId) -> Result<Document, PortError> {
        let wish = |_: &Document, state| match state {
            // A worker ends it, which tells whoever watches: it comes first, and at once.
            JobState::Ready | JobState::Scheduled => {
                let now = self.clock.now();
                let change = changed("ready", now).set("runAt", now).set("priority", 0);
                Ok(change.set("cancelRequested", true))
            }
            JobState::Running => Ok(Change::new().set("cancelRequested", true)),
            // It has no lane yet: nobody would find it among the ready ones.
            JobState::New => {
                let change = Change::new().set("priority", 0).unset("runAt");
                Ok(change.set("cancelRequested", true))
            }
            state => Err(refused(id, state, "what has ended is not cancelled")),
        };
        let cancelled = self.move_on(id, wish).await;
        self.wake.notify_one();
        cancelled
    }

    async fn delete(&self, id: ObjectId) -> Result<(), PortError> {
        let state = state_of(&self.show(id).await?)?;
        let guard = Guard::none().eq("state", state.as_str());
        if !state.is_open() && self.store.delete(&JOBS, &id.into(), guard).await? {
            return Ok(());
        }
        Err(refused(id, state, "only jobs that have ended are deleted; cancel it first"))
    }

    async fn queues(&self) -> Result<Vec<QueueState>, PortError> {
        let paused = self.paused().await?;
        let mut states = Vec::new();
        for queue in Queue::ALL {
            let mut depth = Vec::new();
            for state in JobState::COUNTED {
                let jobs = standing(state, Some(queue), COUNTED);
                let count = self.store.count(&JOBS, jobs).await?;
                depth.push((state, count));
            }
            let first = standing(JobState::Ready, Some(queue), 1);
            let first = Query { reverse: true, ..first };
            let oldest = self.store.find(&JOBS, first).await?;
            let oldest = oldest.first().and_then(|job| job.get_datetime("changedAt").ok().copied());
            states.push(QueueState { queue, paused: paused.contains(&queue), depth, oldest });
        }
        Ok(states)
    }

    async fn ended_since(
        &self,
        queue: Queue,
        since: DateTime,
    ) -> Result<Vec<(JobState, u64)>, PortError> {
        let mut ended = Vec::new();
        for state in JobState::ENDED {
            let of = Query::over("state_queue", COUNTED).at(state.as_str()).at(queue.as_str());
            let of = Query { from: Edge::Including(since.into()), ..of };
            ended.push((state, self.store.count(&JOBS, of).await?));
        }
        Ok(ended)
    }

    async fn pause(&self, queue: Queue, paused: bool) -> Result<(), PortError> {
        queues::pause(&*self.store, queue, paused, self.clock.now()).await
    }

    async fn rest(&self, queue: Queue, until: DateTime) -> Result<(), PortError> {
        queues::rest(&*self.store, queue, until, self.clock.now()).await
    }

    async fn orders(&self) -> Result<Orders, PortError> {
        queues::orders(&*self.store, self.clock.now()).await
    }
}

impl Records {
    /// The job that keeps this ticket from being put.
    async fn with_key_of(&self, ticket: &Ticket) -> Result<Option<Document>, PortError> {
        let once = ticket.once_key.iter().map(|key| ("onceKey", key.as_str()));
        for (index, key) in once.chain([("uniqueKey", ticket.unique_key.as_str())]) {
            let found = self.store.find(&JOBS, Query::over(index, 1).at(key)).await?;
            if let Some(first) = found.into_iter().next() {
                return Ok(Some(first));
            }
        }
        Ok(None)
    }

    /// Applies the change that `decide` makes of the job's state, if it is still in that state.
    async fn move_on(
        &self,
        id: ObjectId,
        decide: impl Fn(&Document, JobState) -> Result<Change, PortError> + Send + Sync,
    ) -> Result<Document, PortError> {
        for _ in 0..RACES {
            let job = self.show(id).await?;
            let state = state_of(&job)?;
            let guard = Guard::none().eq("state", state.as_str());
            let change = decide(&job, state)?;
            if let Some(after) = self.store.patch(&JOBS, &id.into(), guard, change).await? {
                return Ok(after);
            }
        }
        Err(PortError::Conflict(format!("the job {id} changes too fast")))
    }
}

fn runs_anew(now: DateTime) -> Change {
    let change = changed("ready", now).set("runAt", now).set("dueAt", now);
    change.set("attempt", 0).set("crashes", 0)
}

/// What was put by another service and never taken in comes in once more.
fn comes_anew() -> Change {
    Change::new().set("state", "new").unset("changedAt")
}

/// A change into this state.
pub(super) fn changed(state: &str, now: DateTime) -> Change {
    Change::new().set("state", state).set("changedAt", now)
}

fn refused(id: ObjectId, state: JobState, rule: &str) -> PortError {
    let state = state.as_str();
    PortError::refused(format!("job_{state}"), format!("the job {id} is {state}: {rule}"))
}

fn state_of(job: &Document) -> Result<JobState, PortError> {
    let state = job.get_str("state").ok().and_then(JobState::named);
    state.ok_or_else(|| PortError::refused("malformed_document", "the job is in no known state"))
}
