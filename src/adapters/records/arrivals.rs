//! `jobs` over the document port: what other services have put as plain documents.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bson::{Bson, Document};
use jobs::{
    arrive,
    model::{ErrorClass, StepError},
    ports::{Arrivals, JobState, PortError, Ticket},
};

use super::{
    Records,
    collections::JOBS,
    leases::{KEEP_DONE, buried, closed},
    limits,
    lost::put_away,
    tickets,
};
use crate::adapters::documents::{Change, Guard, Query};

/// Only the queue writes these; whatever a sender says here would be in its way.
const OWNED: [&str; 10] = [
    "error",
    "errors",
    "expireAt",
    "finishedAt",
    "lease",
    "limitSlot",
    "note",
    "progress",
    "startedAt",
    "suspect",
];

#[async_trait]
impl Arrivals for Records {
    async fn take_in(&self, limit: u32) -> Result<u64, PortError> {
        let new = Query::over("arrivals", limit);
        let mut taken = 0;
        for job in self.store.find(&JOBS, new).await? {
            taken += u64::from(self.take_in_one(job).await?);
        }
        if taken > 0 {
            self.wake.notify_one();
        }
        Ok(taken)
    }

    async fn arrived(&self) {
        self.bell.notified().await;
    }

    fn announce(&self) {
        self.bell.notify_one();
    }

    fn rung_for(&self, is_so: bool) {
        self.is_told.store(is_so, Ordering::Relaxed);
    }

    fn is_rung_for(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }
}

impl Records {
    /// Two processes may do this at the same time: the first one's write counts. What cannot be
    /// taken in is dead, so that it does not stand before the others for ever.
    async fn take_in_one(&self, job: Document) -> Result<bool, PortError> {
        let Some(id) = job.get("_id").cloned() else { return Ok(false) };
        // A wish to cancel it, which changes when it is due, may come in between.
        let wish = job.get("cancelRequested").cloned().unwrap_or(Bson::Null);
        let is_new = Guard::none().eq("state", JobState::New.as_str()).eq("cancelRequested", wish);
        let ids = [id.clone()];
        let write = |change| self.store.patch_many(&JOBS, &ids, is_new.clone(), change);
        let kind = job.get_str("kind").unwrap_or_default();
        let written = match self.change_of(&job, kind) {
            Ok(change) => write(change).await,
            Err(error) => Err(error),
        };
        let now = self.clock.now();
        let written = match written {
            // An open job does the work already.
            Err(PortError::Conflict(_)) => {
                let note = "another open job has the same key and does the work";
                let change = closed(Change::new(), "done", now, KEEP_DONE).set("note", note);
                return put_away(&id, write(change).await);
            }
            Err(PortError::Refused { code, message }) => {
                let error = StepError { class: ErrorClass::Permanent, code, message };
                put_away(&id, write(buried(&error, now)).await)?
            }
            written => written? > 0,
        };
        if written {
            self.enqueued.count(kind);
        }
        Ok(written)
    }

    /// What makes a job of ours of it.
    fn change_of(&self, job: &Document, kind: &str) -> Result<Change, PortError> {
        if job.get_object_id("_id").is_err() {
            let message = "the _id of a job is an ObjectId, this one is something else";
            return Err(PortError::refused("bad_id", message));
        }
        let args = job.get_document("args").cloned().unwrap_or_default();
        arrive::ticket(kind, args).map(|ticket| self.filled_in(job, ticket))
    }

    /// What a ticket of ours would have from the beginning; what the sender said stands.
    fn filled_in(&self, job: &Document, ticket: Ticket) -> Change {
        let now = self.clock.now();
        let run_at = job.get_datetime("runAt").copied().ok();
        let mut ticket = Ticket { run_at, ..ticket };
        if let Ok(key) = job.get_str("uniqueKey") {
            ticket.unique_key = key.to_owned();
        }
        ticket.limit = limits::limit_of(job).or(ticket.limit);
        let whole = tickets::job(&ticket, now);
        let odd = OWNED.into_iter().filter(|name| job.contains_key(name));
        let mut change = odd.fold(Change::new(), Change::unset);
        for (name, value) in whole {
            let is_said = job.get(&name).is_some_and(|said| *said != Bson::Null);
            let stays = match name.as_str() {
                "_id" | "args" | "kind" => true,
                "queue" | "priority" | "maxAttempts" => is_said,
                _ => false,
            };
            if !stays {
                change = change.set(name, value);
            }
        }
        change
    }
}
