//! Tickets: jobs that wait.

use async_trait::async_trait;
use bson::{DateTime, Document, oid::ObjectId};
use std::time::Duration;

use super::PortError;
use crate::{
    job::{Job, Limit, Queue},
    model::{MediaId, NotificationId, StepError},
    progress::Report,
    trace::{self, Trace},
};

/// The document that a job is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The collection.
    pub collection: &'static str,
    /// The id, as people would write it.
    pub id: String,
}

impl About {
    /// A medium.
    pub fn medium(id: MediaId) -> Self {
        Self { collection: "event_media", id: id.to_string() }
    }

    /// A notification.
    pub fn notification(id: NotificationId) -> Self {
        Self { collection: "notifications", id: id.to_string() }
    }
}

/// A job to be put into the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    /// The job's kind.
    pub kind: &'static str,
    /// The queue it waits in.
    pub queue: Queue,
    /// The job itself.
    pub args: Document,
    /// While a job with this key is open, a second one is not taken.
    pub unique_key: String,
    /// Like `unique_key`, but kept after the job has ended: a cron tick runs once.
    pub once_key: Option<String>,
    /// What it is about.
    pub about: Option<About>,
    /// 0 is taken first, 9 last.
    pub priority: u8,
    /// Not before.
    pub run_at: Option<DateTime>,
    /// After so many counted attempts it is dead.
    pub max_attempts: u32,
    /// One attempt may take so long.
    pub timeout: Duration,
    /// The walk that it belongs to.
    pub trace: Option<Trace>,
    /// How many jobs like it may run at the same time.
    pub limit: Option<Limit>,
}

impl Ticket {
    /// The ticket of `job`, due at once, of the walk of whoever asks.
    pub fn of<J: Job>(job: &J) -> Result<Self, PortError> {
        let args = bson::serialize_to_document(job).map_err(|error| {
            PortError::refused("bad_args", format!("the job {} is no document: {error}", J::KIND))
        })?;
        Ok(Self {
            kind: J::KIND,
            queue: job.queue(),
            args,
            unique_key: format!("{}:{}", J::KIND, job.key()),
            once_key: None,
            about: job.about(),
            priority: J::POLICY.priority,
            run_at: None,
            max_attempts: J::POLICY.tries,
            timeout: J::POLICY.timeout,
            trace: trace::current(),
            limit: job.limit(),
        })
    }

    /// The ticket of a job of this kind with these arguments, due at once. Refused:
    /// `unknown_kind`, `bad_args`.
    pub fn named(kind: &str, args: Document) -> Result<Self, PortError> {
        macro_rules! named {
            ($($job:ty),+ $(,)?) => {
                match kind {
                    $(<$job as Job>::KIND => Self::read::<$job>(args),)+
                    _ => {
                        let message = format!("this version knows no job {kind}");
                        Err(PortError::refused("unknown_kind", message))
                    }
                }
            };
        }
        crate::every_job!(named)
    }

    fn read<J: Job>(args: Document) -> Result<Self, PortError> {
        let job: J = bson::deserialize_from_document(args).map_err(|error| {
            let message = format!("the arguments are not those of {}: {error}", J::KIND);
            PortError::refused("bad_args", message)
        })?;
        Self::of(&job)
    }
}

/// Where jobs put their followers.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Takes the tickets; one whose key is taken is there already, which is fine.
    async fn push(&self, tickets: &[Ticket]) -> Result<(), PortError>;

    /// Whether a job about this document is open (waiting or running).
    async fn is_open(&self, about: &About) -> Result<bool, PortError>;
}

/// A job in the hands of a worker, until the lease lapses.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased {
    /// The job's id.
    pub id: ObjectId,
    /// Its kind; may be one that this version does not know.
    pub kind: String,
    /// Its queue.
    pub queue: Queue,
    /// The job itself.
    pub args: Document,
    /// This attempt, from 1.
    pub attempt: u32,
    /// The last one allowed.
    pub max_attempts: u32,
    /// How often a worker died over it and nothing else can have been the cause.
    pub crashes: u32,
    /// A worker died while it had this job and others: whichever it was, it runs alone.
    pub suspect: bool,
    /// Somebody wants it to end.
    pub cancel_requested: bool,
    /// Whoever writes to the job must show this.
    pub token: ObjectId,
    /// How long this attempt may take.
    pub timeout: Duration,
    /// When it could run first, or first since somebody retried it.
    pub due_at: DateTime,
    /// Since when it could have begun.
    pub run_at: DateTime,
    /// The walk that it belongs to.
    pub trace: Option<Trace>,
}

impl Leased {
    /// Whether it may be the end of its worker, and so must run alone.
    pub fn runs_alone(&self) -> bool {
        self.suspect || self.crashes > 0
    }

    /// What proves that the job is in these hands.
    pub fn held(&self) -> Held {
        Held { job: self.id, token: self.token }
    }
}

/// A lease: the token tells two attempts at one job apart, also within one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Held {
    /// The job's id.
    pub job: ObjectId,
    /// The lease's token.
    pub token: ObjectId,
}

/// How an attempt ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// Nothing left to do; a note for people.
    Done(Option<String>),
    /// Again at `at`; counted as an attempt or not.
    Again {
        /// Not before.
        at: DateTime,
        /// Whether this attempt counts.
        counted: bool,
        /// Why, unless all is well.
        error: Option<StepError>,
    },
    /// Needs a person.
    Dead(StepError),
    /// Somebody wanted it to end.
    Cancelled,
}

/// Whether the owner of a lease is known to be gone.
pub type Gone = dyn for<'owner> Fn(&'owner str) -> bool + Send + Sync;

/// What a worker needs of the queue. All writes to a leased job show its token; `false` means that
/// the lease was lost and the attempt's outcome is thrown away.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes up to `slots` due jobs of `queue` until `until`, best priority and oldest first.
    async fn claim(
        &self,
        owner: &str,
        queue: Queue,
        slots: u32,
        until: DateTime,
    ) -> Result<Vec<Leased>, PortError>;

    /// Prolongs those of these leases that still hold; how many do.
    async fn extend(&self, held: &[Held], until: DateTime) -> Result<u64, PortError>;

    /// Writes how the attempt ended.
    async fn end(&self, job: &Leased, ending: Ending) -> Result<bool, PortError>;

    /// Whether any job of any queue is ready.
    async fn any_ready(&self) -> Result<bool, PortError>;

    /// When the first future job is due.
    async fn next_due(&self) -> Result<Option<DateTime>, PortError>;

    /// Makes future jobs whose time has come ready; how many.
    async fn promote(&self, limit: u32) -> Result<u64, PortError>;

    /// Gives jobs whose lease has lapsed back to the queue; how many.
    ///
    /// What ran alone has one more crash. What ran beside others is a suspect and its attempt is
    /// not counted; if it then crashes alone, the first crash was its own, too.
    async fn reap(&self, limit: u32) -> Result<u64, PortError>;

    /// The same for running jobs whose owner is known to be gone, without waiting for their leases.
    async fn inherit(&self, gone: &Gone, limit: u32) -> Result<u64, PortError>;

    /// Those of these leases that still hold and whose jobs somebody wants to end.
    async fn cancelled(&self, held: &[Held]) -> Result<Vec<Held>, PortError>;

    /// When the first of all leases lapses, unless it is renewed until then.
    async fn next_lapse(&self) -> Result<Option<DateTime>, PortError>;

    /// Notes that the job has this process to itself from now on; whether the lease still holds.
    async fn alone(&self, held: Held) -> Result<bool, PortError>;

    /// Notes how far the job is; whether the lease still holds.
    async fn report(&self, held: Held, report: Report) -> Result<bool, PortError>;

    /// Waits until a ticket comes in through this process or somebody rings. A hint: tickets of
    /// other processes are found by looking.
    async fn woken(&self);

    /// Whether this process is told of jobs that others put, so that it has to look only now and
    /// then whether a hint got lost.
    fn is_told(&self) -> bool;

    /// Wakes whoever waits in [`Leases::woken`], or the next one who does.
    fn ring(&self);

    /// Gives back at once, without counting an attempt, those of these leases that still hold; how
    /// many.
    async fn release(&self, held: &[Held]) -> Result<u64, PortError>;
}
