//! `jobs` over the document port: what other services have put as plain documents.

use async_trait::async_trait;
use bson::{Bson, Document, oid::ObjectId};
use jobs::{
    arrive,
    model::{ErrorClass, StepError},
    ports::{Arrivals, JobState, PortError, Ticket},
};

use super::{
    Records,
    collections::JOBS,
    leases::{KEEP_DEAD, KEEP_DONE, closed, with_error},
    limits, tickets,
};
use crate::adapters::documents::{Change, Guard, Query};

#[async_trait]
impl Arrivals for Records {
    async fn take_in(&self, limit: u32) -> Result<u64, PortError> {
        let new = Query::over("arrivals", limit);
        let mut taken = 0;
        for job in self.store.find(&JOBS, new).await? {
            let Ok(id) = job.get_object_id("_id") else {
                tracing::error!(id = ?job.get("_id"), "a new job has no ObjectId, it is left");
                continue;
            };
            taken += u64::from(self.take_in_one(id, job).await?);
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
}

impl Records {
    /// Two processes may do this at the same time: the first one's write counts.
    async fn take_in_one(&self, id: ObjectId, job: Document) -> Result<bool, PortError> {
        // A wish to cancel it, which changes when it is due, may come in between.
        let wish = job.get("cancelRequested").cloned().unwrap_or(Bson::Null);
        let is_new = Guard::none().eq("state", JobState::New.as_str()).eq("cancelRequested", wish);
        let guard = || is_new.clone();
        let kind = job.get_str("kind").unwrap_or_default().to_owned();
        let args = job.get_document("args").cloned().unwrap_or_default();
        let change = match arrive::ticket(&kind, args) {
            Ok(ticket) => self.filled_in(&job, ticket),
            Err(PortError::Refused { code, message }) => {
                let error = StepError { class: ErrorClass::Permanent, code, message };
                let now = self.clock.now();
                let change = closed(Change::new(), "dead", now, KEEP_DEAD);
                with_error(change, 0, &error, now)
            }
            Err(error) => return Err(error),
        };
        match self.store.patch(&JOBS, &id.into(), guard(), change).await {
            Ok(written) => {
                let is_ours = written.is_some();
                if is_ours {
                    self.enqueued.count(&kind);
                }
                Ok(is_ours)
            }
            // An open job does the work already.
            Err(PortError::Conflict(_)) => {
                let note = "another open job has the same key and does the work";
                let change = closed(Change::new(), "done", self.clock.now(), KEEP_DONE);
                let change = change.set("note", note);
                Ok(self.store.patch(&JOBS, &id.into(), guard(), change).await?.is_some())
            }
            Err(error) => Err(error),
        }
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
        let mut change = Change::new().unset("limitSlot");
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
