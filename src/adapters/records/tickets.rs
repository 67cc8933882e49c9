//! `jobs` over the document port: tickets coming in.

use async_trait::async_trait;
use bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use jobs::ports::{About, JobQueue, PortError, Ticket};

use super::{Records, collections::JOBS};
use crate::adapters::documents::{Guard, Query, Test};

/// The states in which a job still has something to do.
const OPEN: [&str; 4] = ["new", "scheduled", "ready", "running"];

#[async_trait]
impl JobQueue for Records {
    async fn push(&self, tickets: &[Ticket]) -> Result<(), PortError> {
        let now = self.clock.now();
        // All at once: the embedded engine then keeps them in one commit.
        let inserts = tickets.iter().map(|ticket| self.store.insert(&JOBS, job(ticket, now)));
        let inserted = futures_util::future::join_all(inserts).await;
        for (ticket, inserted) in tickets.iter().zip(inserted) {
            match inserted {
                Ok(()) => self.enqueued.count(ticket.kind),
                // The key is taken: the job is there already.
                Err(PortError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.wake.notify_one();
        Ok(())
    }

    async fn is_open(&self, about: &About) -> Result<bool, PortError> {
        let query = Query::over("ref", 1).at(about.collection).at(about.id.as_str());
        let open = OPEN.iter().map(|state| Bson::from(*state)).collect();
        let query = query.such_that(Guard::none().and("state", Test::In(open)));
        Ok(!self.store.find(&JOBS, query).await?.is_empty())
    }
}

/// The document of a ticket. Future jobs stay `scheduled`, so that the claim index stays small.
pub(super) fn job(ticket: &Ticket, now: DateTime) -> Document {
    let run_at = ticket.run_at.unwrap_or(now);
    let state = if run_at > now { "scheduled" } else { "ready" };
    let mut job = doc! {
        "_id": ObjectId::new(),
        "queue": ticket.queue.as_str(),
        "kind": ticket.kind,
        "state": state,
        "priority": i32::from(ticket.priority),
        "runAt": run_at,
        "attempt": 0,
        "maxAttempts": i64::from(ticket.max_attempts),
        "crashes": 0,
        "timeoutMs": i64::try_from(ticket.timeout.as_millis()).unwrap_or(i64::MAX),
        "args": ticket.args.clone(),
        "key": ticket.unique_key.as_str(),
        "uniqueKey": ticket.unique_key.as_str(),
        "createdAt": now,
        // When it can run first: what waits for a part that is away is counted from here.
        "dueAt": run_at,
        "changedAt": now,
    };
    if let Some(key) = &ticket.once_key {
        job.insert("onceKey", key);
    }
    if let Some(trace) = &ticket.trace {
        job.insert("traceparent", trace.to_string());
    }
    if let Some(limit) = &ticket.limit {
        job.insert("limitKey", limit.key.as_str());
        job.insert("limitMost", i64::from(limit.most));
    }
    if let Some(about) = &ticket.about {
        job.insert("ref", doc! { "coll": about.collection, "id": about.id.as_str() });
    }
    job
}
