//! Running jobs whose worker is lost: how they come back to the queue.

use std::slice::from_ref;

use bson::{Bson, DateTime, Document};
use jobs::{
    model::{ErrorClass, StepError},
    ports::{Leases, PortError},
};

use super::{
    Records,
    book::changed,
    collections::JOBS,
    leases::{buried, let_go, with_error},
    left_out,
    row::Row,
};
use crate::adapters::documents::{Change, Guard};

impl Records {
    /// Gives those of these running jobs back to the queue that still fulfil `guard`. One that the
    /// store refuses to change so is dead, and keeps none of the others.
    pub(super) async fn give_back(
        &self,
        lost: Vec<Document>,
        guard: Guard,
    ) -> Result<u64, PortError> {
        let mut back = 0;
        for job in lost {
            back += u64::from(self.give_back_one(job, guard.clone()).await?);
        }
        if back > 0 {
            metrics::counter!("jobs_lease_expired_total").increment(back);
            self.ring();
        }
        Ok(back)
    }

    async fn give_back_one(&self, job: Document, guard: Guard) -> Result<bool, PortError> {
        let Some(id) = job.get("_id").cloned() else { return Ok(false) };
        let (now, guard) = (self.clock.now(), guard.eq("state", "running"));
        if let Some(row) = Row::of_document(&job).filter(|row| row.lease.is_some()) {
            let (guard, change) = lost_job(guard.clone(), &row, now);
            match self.store.patch_many(&JOBS, from_ref(&id), guard, change).await {
                Err(PortError::Refused { message, .. }) => {
                    left_out(Some(id.clone()), &message, "jobs");
                }
                answer => return Ok(answer? > 0),
            }
        }
        let change = buried(&malformed(), now);
        put_away(&id, self.store.patch_many(&JOBS, from_ref(&id), guard, change).await)
    }
}

/// Whether an odd job was closed. One that the store refuses to change even so is left where it is:
/// it must not keep the others from being dealt with.
pub(super) fn put_away(id: &Bson, written: Result<u64, PortError>) -> Result<bool, PortError> {
    match written {
        Err(PortError::Refused { message, .. }) => {
            left_out(Some(id.clone()), &message, "jobs");
            Ok(false)
        }
        written => Ok(written? > 0),
    }
}

/// How a job goes back to the queue after its worker was lost, unless somebody has it since.
fn lost_job(guard: Guard, row: &Row, now: DateTime) -> (Guard, Change) {
    let token = row.lease.as_ref().map_or(Bson::Null, |lease| lease.token.into());
    let alone = row.lease.as_ref().is_some_and(|lease| lease.alone);
    let change = let_go(changed("ready", now));
    let change = if alone {
        // The crash that made it a suspect was its own.
        change.inc("crashes", 1 + i64::from(row.suspect)).unset("suspect")
    } else {
        change.set("suspect", true).inc("attempt", -1)
    };
    // Who says only now that it runs alone is judged by that, in the next round.
    let guard = guard.eq("lease.alone", if alone { Bson::Boolean(true) } else { Bson::Null });
    (guard.eq("lease.token", token), with_error(change, row.attempt, &worker_lost(), now))
}

fn worker_lost() -> StepError {
    let message = "the worker died or stood still while it had the job".to_owned();
    StepError { class: ErrorClass::Transient, code: "worker_lost".to_owned(), message }
}

/// It can neither be run nor given back.
fn malformed() -> StepError {
    let message = "the job's record is not as records of jobs are".to_owned();
    StepError { class: ErrorClass::Permanent, code: "malformed_document".to_owned(), message }
}
