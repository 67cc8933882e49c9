//! `jobs` over the document port: tickets going out, and how their runs end.

use std::{sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use jobs::{
    job::Queue,
    model::{ErrorClass, StepError},
    ports::{Ending, Gone, Held, Leased, Leases, PortError, later},
    progress::Report,
};

use super::{Records, book::changed, collections::JOBS, row::Row};
use crate::adapters::documents::{Change, Edit, Guard, Mark, Query, Test};

/// How long the record of a job that ended well is kept.
pub(super) const KEEP_DONE: Duration = Duration::from_secs(24 * 3600);
/// How long the record of a dead job is kept: long enough for somebody to come back from holidays.
pub(super) const KEEP_DEAD: Duration = Duration::from_secs(30 * 24 * 3600);
/// Of a job's last error so many characters can be searched for.
const INDEXED_CHARS: usize = 200;
/// No job waits until then: the end of year 9999, the last that all servers and drivers can read.
const FAR: DateTime = DateTime::from_millis(253_402_300_799_999);
/// Of all running jobs, so many are looked at for what an earlier process of this machine left.
const LOOKED_AT: u32 = 1_000;
/// Of each job's errors, the last so many are kept.
const KEEP_ERRORS: u32 = 10;

#[async_trait]
impl Leases for Records {
    async fn claim(
        &self,
        owner: &str,
        queue: Queue,
        slots: u32,
        until: DateTime,
    ) -> Result<Vec<Leased>, PortError> {
        let mut rows = Vec::new();
        let passed = self.claim_free(owner, queue, slots, until, &mut rows).await?;
        let left = slots.saturating_sub(u32::try_from(rows.len()).unwrap_or(slots));
        if passed > 0 && left > 0 {
            let limited = self.claim_limited(owner, queue, left, until, &mut rows).await;
            match limited {
                // What is taken already should not have to wait for its leases to lapse.
                Err(error) if !rows.is_empty() => {
                    tracing::warn!(%error, "jobs with a limit could not be looked at");
                }
                limited => limited?,
            }
        }
        rows.sort_by_key(|row| (row.priority, row.run_at, row.id));
        Ok(rows.into_iter().filter_map(|row| row.leased(queue)).collect())
    }

    async fn extend(&self, held: &[Held], until: DateTime) -> Result<u64, PortError> {
        // A renewal that was long under way must not shorten a later one.
        let change = Change::new().with("lease.until", Edit::Max(until.into()));
        self.store.patch_many(&JOBS, &ids(held), still(held), change).await
    }

    async fn end(&self, job: &Leased, ending: Ending) -> Result<bool, PortError> {
        let now = self.clock.now();
        let change = let_go(Change::new()).unset("suspect");
        let change = match ending {
            Ending::Done(note) => {
                let change = closed(change, "done", now, KEEP_DONE);
                note.into_iter().fold(change, |change, note| change.set("note", note))
            }
            Ending::Cancelled => closed(change, "cancelled", now, KEEP_DEAD),
            Ending::Dead(error) => {
                let change = closed(change, "dead", now, KEEP_DEAD);
                with_error(change, job.attempt, &error, now)
            }
            Ending::Again { at, counted, error } => {
                let change = if counted { change } else { change.inc("attempt", -1) };
                let error = error.iter();
                let change =
                    error.fold(change, |change, error| with_error(change, job.attempt, error, now));
                return self.come_again(job, change, at, now).await;
            }
        };
        self.let_end(job, still(&[job.held()]), change).await
    }

    async fn any_ready(&self) -> Result<bool, PortError> {
        Ok(!self.store.find(&JOBS, Query::over("claim", 1)).await?.is_empty())
    }

    async fn next_due(&self) -> Result<Option<DateTime>, PortError> {
        let first = Query::over("scheduled", 1).up_to(FAR);
        let first = self.store.find(&JOBS, first).await?;
        Ok(first.first().and_then(|job| job.get_datetime("runAt").ok().copied()))
    }

    async fn promote(&self, limit: u32) -> Result<u64, PortError> {
        let due = Query::over("scheduled", limit).up_to(self.clock.now());
        let due = self.store.find(&JOBS, due).await?;
        let ids: Vec<Bson> = due.iter().filter_map(|job| job.get("_id").cloned()).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let guard = Guard::none().eq("state", "scheduled");
        self.store.patch_many(&JOBS, &ids, guard, changed("ready", self.clock.now())).await
    }

    async fn reap(&self, limit: u32) -> Result<u64, PortError> {
        let now = self.clock.now();
        let lapsed = self.store.find(&JOBS, Query::over("leases", limit).up_to(now)).await?;
        let guard = Guard::none().and("lease.until", Test::Lte(now.into()));
        self.give_back(lapsed, guard).await
    }

    async fn inherit(&self, gone: &Gone, limit: u32) -> Result<u64, PortError> {
        let mut running = self.store.find(&JOBS, Query::over("leases", LOOKED_AT)).await?;
        running.retain(|job| {
            let lease = job.get_document("lease").ok();
            lease.and_then(|lease| lease.get_str("owner").ok()).is_some_and(gone)
        });
        running.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        self.give_back(running, Guard::none()).await
    }

    async fn cancelled(&self, held: &[Held]) -> Result<Vec<Held>, PortError> {
        let mut wanted = Vec::new();
        for job in self.store.get_many(&JOBS, &ids(held)).await? {
            let Some(row) = Row::of_document(&job) else { continue };
            let token = row.lease.filter(|_| row.cancel_requested).map(|lease| lease.token);
            wanted.extend(token.map(|token| Held { job: row.id, token }));
        }
        wanted.retain(|lease| held.contains(lease));
        Ok(wanted)
    }

    async fn next_lapse(&self) -> Result<Option<DateTime>, PortError> {
        let first = Query::over("leases", 1).up_to(FAR);
        let first = self.store.find(&JOBS, first).await?;
        let lease = first.first().and_then(|job| job.get_document("lease").ok());
        Ok(lease.and_then(|lease| lease.get_datetime("until").ok().copied()))
    }

    async fn alone(&self, held: Held) -> Result<bool, PortError> {
        let change = Change::new().set("lease.alone", true);
        let job = Bson::ObjectId(held.job);
        Ok(self.store.patch(&JOBS, &job, still(&[held]), change).await?.is_some())
    }

    async fn report(&self, held: Held, report: Report) -> Result<bool, PortError> {
        let progress = doc! { "pct": i32::from(report.pct), "note": report.note };
        let change = Change::new().set("progress", progress);
        let job = Bson::ObjectId(held.job);
        Ok(self.store.patch(&JOBS, &job, still(&[held]), change).await?.is_some())
    }

    async fn woken(&self) {
        self.wake.notified().await;
    }

    fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }

    fn ring(&self) {
        self.wake.notify_one();
    }

    async fn release(&self, held: &[Held]) -> Result<u64, PortError> {
        let change = let_go(changed("ready", self.clock.now())).inc("attempt", -1);
        self.store.patch_many(&JOBS, &ids(held), still(held), change).await
    }
}

impl Records {
    /// Writes the end of an attempt, if the job fulfils `guard`.
    async fn let_end(&self, job: &Leased, guard: Guard, change: Change) -> Result<bool, PortError> {
        Ok(self.store.patch_many(&JOBS, &[job.id.into()], guard, change).await? > 0)
    }

    /// The job comes again then; at once and before others if somebody wishes it to end, which is
    /// then done by whoever gets it.
    async fn come_again(
        &self,
        job: &Leased,
        change: Change,
        at: DateTime,
        now: DateTime,
    ) -> Result<bool, PortError> {
        let into =
            |state, at| change.clone().set("state", state).set("changedAt", now).set("runAt", at);
        let state = if at > now { "scheduled" } else { "ready" };
        let held = still(&[job.held()]);
        let unwished = held.clone().and("cancelRequested", Test::Ne(true.into()));
        if self.let_end(job, unwished, into(state, at)).await? {
            return Ok(true);
        }
        let at_once = into("ready", now).set("priority", 0);
        self.let_end(job, held.eq("cancelRequested", true), at_once).await
    }

    /// Takes the jobs at the head of the queue that need no place of a key; how many others there
    /// were.
    async fn claim_free(
        &self,
        owner: &str,
        queue: Queue,
        slots: u32,
        until: DateTime,
        rows: &mut Vec<Row>,
    ) -> Result<usize, PortError> {
        let (token, change) = self.lease(owner, until);
        let head = Query::over("claim", slots).at(queue.as_str());
        let guard = Guard::none().eq("state", "ready").and("limitKey", Test::Exists(false));
        let mark = Mark { path: "lease.token", value: token.into() };
        // Only what another service has put past us can have a place without a key.
        let change = change.unset("limitSlot");
        let taken = self.store.take(&JOBS, head, guard, change, mark).await?;
        rows.extend(taken.documents.iter().filter_map(|job| Row::of(job)));
        Ok(taken.passed)
    }

    /// Takes jobs that need a place of their key, and what waits behind those that get none; this
    /// costs more.
    async fn claim_limited(
        &self,
        owner: &str,
        queue: Queue,
        slots: u32,
        until: DateTime,
        rows: &mut Vec<Row>,
    ) -> Result<(), PortError> {
        // A token of its own: what was lost since the first look may be taken again here.
        let (token, change) = self.lease(owner, until);
        let candidates = Query::over("claim", slots).at(queue.as_str());
        let candidates = self.store.find(&JOBS, candidates).await?;
        let mut chosen = self.choose(queue, slots, candidates).await?;
        let mut jobs = self.take_limited(&mut chosen, &change).await?;
        let guard = Guard::none().eq("state", "ready");
        let free = change.unset("limitSlot");
        if self.store.patch_many(&JOBS, &chosen.free, guard, free).await? > 0 {
            jobs.extend(self.store.get_many(&JOBS, &chosen.free).await?);
        }
        rows.extend(jobs.iter().filter_map(Row::of_document).filter(|row| row.has(token)));
        Ok(())
    }

    /// A new lease, and how a job is taken under it.
    fn lease(&self, owner: &str, until: DateTime) -> (ObjectId, Change) {
        let token = ObjectId::new();
        let lease = doc! { "owner": owner, "token": token, "until": until };
        let change = Change::new().set("state", "running").set("lease", lease);
        let change = change.set("startedAt", self.clock.now()).unset("changedAt");
        (token, change.inc("attempt", 1))
    }
}

/// What only a running job has.
pub(super) fn let_go(change: Change) -> Change {
    change.unset("lease").unset("limitSlot").unset("progress")
}

/// The job has ended: its key is free again, its record goes after a while.
pub(super) fn closed(change: Change, state: &str, now: DateTime, keep: Duration) -> Change {
    let change = change.set("state", state).set("changedAt", now).set("finishedAt", now);
    let change = change.unset("uniqueKey").unset("cancelRequested");
    change.set("expireAt", later(now, keep))
}

/// The job is dead by this error, whatever its record says of earlier ones.
pub(super) fn buried(error: &StepError, now: DateTime) -> Change {
    let change = closed(let_go(Change::new()).unset("suspect"), "dead", now, KEEP_DEAD);
    let (line, entry) = written(0, error, now);
    change.set("error", line).set("errors", vec![entry])
}

pub(super) fn with_error(change: Change, attempt: u32, error: &StepError, now: DateTime) -> Change {
    let (line, entry) = written(attempt, error, now);
    let entry = Edit::Push(entry.into(), Some(KEEP_ERRORS));
    change.set("error", line).with("errors", entry)
}

/// An error as it can be searched for, and as it is kept.
fn written(attempt: u32, error: &StepError, now: DateTime) -> (String, Document) {
    let class = match error.class {
        ErrorClass::Transient => "transient",
        ErrorClass::Permanent => "permanent",
        ErrorClass::Policy => "policy",
    };
    let line = format!("{}: {}", error.code, error.message);
    let entry = doc! {
        "at": now,
        "attempt": i64::from(attempt),
        "class": class,
        "code": error.code.as_str(),
        "message": error.message.as_str(),
    };
    (line.chars().take(INDEXED_CHARS).collect(), entry)
}

/// A token stands for one claim of one process, so both together name one attempt.
fn still(held: &[Held]) -> Guard {
    let tokens = held.iter().map(|lease| lease.token.into()).collect();
    Guard::none().eq("state", "running").and("lease.token", Test::In(tokens))
}

fn ids(held: &[Held]) -> Vec<Bson> {
    held.iter().map(|lease| lease.job.into()).collect()
}
