//! What a worker reads of a job's document.

use std::time::Duration;

use bson::{Bson, DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, oid::ObjectId};
use jobs::{job::Queue, ports::Leased, trace::Trace};

use super::left_out;
use crate::adapters::documents::fields::Fields;

/// What a worker reads of a job.
pub(super) struct Row {
    pub id: ObjectId,
    pub kind: String,
    pub queue: String,
    pub args: Document,
    pub attempt: u32,
    pub max_attempts: u32,
    pub crashes: u32,
    pub suspect: bool,
    pub cancel_requested: bool,
    pub timeout: Duration,
    pub due_at: DateTime,
    pub priority: i64,
    pub run_at: DateTime,
    pub trace: Option<Trace>,
    pub lease: Option<Lease>,
}

pub(super) struct Lease {
    pub token: ObjectId,
    pub alone: bool,
}

impl Row {
    /// A job as the store keeps it; an odd one, which another service may have written, must not
    /// keep the others from being done.
    pub fn of(job: &RawDocument) -> Option<Self> {
        let fields = Fields::of(job.as_bytes());
        let row = fields.map_err(str::to_owned).and_then(|fields| {
            Self::read(&fields).ok_or_else(|| "a field is missing, or of another type".to_owned())
        });
        let id = || job.get_object_id("_id").ok().map(Bson::from);
        row.map_err(|error| left_out(id(), &error, "jobs")).ok()
    }

    /// The same for a job that has been taken apart already.
    pub fn of_document(job: &Document) -> Option<Self> {
        RawDocumentBuf::try_from(job).ok().and_then(|job| Self::of(&job))
    }

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let count = |name: &str| u32::try_from(fields.number(name)?).ok();
        let is = |name: &str| fields.get(name).and_then(RawBsonRef::as_bool).unwrap_or(false);
        Some(Self {
            id: fields.id("_id")?,
            kind: fields.text("kind")?.to_owned(),
            queue: fields.text("queue")?.to_owned(),
            args: Document::try_from(fields.document("args")?).ok()?,
            attempt: count("attempt")?,
            max_attempts: count("maxAttempts")?,
            crashes: count("crashes")?,
            suspect: is("suspect"),
            cancel_requested: is("cancelRequested"),
            timeout: Duration::from_millis(u64::try_from(fields.number("timeoutMs")?).ok()?),
            due_at: fields.time("dueAt").or_else(|| fields.time("createdAt"))?,
            priority: fields.number("priority")?,
            run_at: fields.time("runAt")?,
            // Of other services, which may write anything.
            trace: fields.text("traceparent").and_then(|text| text.parse().ok()),
            lease: fields.document("lease").and_then(Lease::read),
        })
    }

    /// Whether it is leased under this token.
    pub fn has(&self, token: ObjectId) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.token == token)
    }

    /// The job in the hands of whoever has its lease.
    pub fn leased(self, queue: Queue) -> Option<Leased> {
        debug_assert_eq!(self.queue, queue.as_str(), "the claim index starts with the queue");
        Some(Leased {
            id: self.id,
            kind: self.kind,
            queue,
            args: self.args,
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            crashes: self.crashes,
            suspect: self.suspect,
            cancel_requested: self.cancel_requested,
            token: self.lease?.token,
            timeout: self.timeout,
            due_at: self.due_at,
            run_at: self.run_at,
            trace: self.trace,
        })
    }
}

impl Lease {
    fn read(lease: &RawDocument) -> Option<Self> {
        let alone = lease.get_bool("alone").unwrap_or(false);
        Some(Self { token: lease.get_object_id("token").ok()?, alone })
    }
}
