//! What a job is, and how a run of it ends.

use std::{future::Future, time::Duration};

use bson::DateTime;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    model::{ErrorClass, StepError},
    ports::{About, PortError},
    tools::Tools,
};

/// One kind of work. Its value is the ticket: ids and the caller's wish, never copies of documents.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name everywhere; never renamed, never used again for something else.
    const KIND: &'static str;
    /// Where it waits and how long and often it may be tried.
    const POLICY: Policy;
    /// The ports it needs.
    type Needs: for<'tools> From<&'tools Tools> + Send + Sync;

    /// While a job of this kind and key is open, a second one is not taken.
    fn key(&self) -> String;

    /// The lane it waits in, where that is not the same for all jobs of its kind.
    fn queue(&self) -> Queue {
        Self::POLICY.queue
    }

    /// The document that it is about.
    fn about(&self) -> Option<About> {
        None
    }

    /// How many jobs like it may run at the same time, over all workers.
    fn limit(&self) -> Option<Limit> {
        None
    }

    /// Does the work; safe to do twice.
    fn run(&self, needs: &Self::Needs) -> impl Future<Output = Result<Outcome, JobError>> + Send;

    /// Tells whoever watches that the attempt failed and comes again at `at`.
    fn postponed(
        &self,
        _needs: &Self::Needs,
        _error: &StepError,
        _at: DateTime,
    ) -> impl Future<Output = Result<(), PortError>> + Send {
        async { Ok(()) }
    }

    /// Opens again what [`Job::given_up`] has closed, before an operator's retry. Refuses where
    /// there is nothing left to work on.
    fn revive(&self, _needs: &Self::Needs) -> impl Future<Output = Result<(), PortError>> + Send {
        async { Ok(()) }
    }

    /// Tells whoever watches that it will never come again; nothing may stay "processing" for ever.
    fn given_up(
        &self,
        _needs: &Self::Needs,
        _error: &StepError,
    ) -> impl Future<Output = Result<(), PortError>> + Send {
        async { Ok(()) }
    }
}

/// Where a kind of job waits and how long and often it may be tried.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The lane; a port that is away pauses the lane and nothing else.
    pub queue: Queue,
    /// Counted attempts before it is dead.
    pub tries: u32,
    /// One attempt may take so long.
    pub timeout: Duration,
    /// 0 is taken first, 9 last.
    pub priority: u8,
}

/// Of the jobs of one key, whatever their kinds, so many run at the same time over all workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What they share, such as `smtp:example.org`: 1 to 200 bytes.
    pub key: String,
    /// How many of them, from 1 to [`Limit::MOST`].
    pub most: u32,
}

impl Limit {
    /// Nobody limits more than that, and a claim looks through as many places.
    pub const MOST: u32 = 1_000;
    /// Keys stand in an index.
    pub const LONGEST_KEY: usize = 200;
}

/// The lanes. Jobs that lean on the same part of the world share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Queue {
    /// Files on their way in and out: leans on the object store.
    Ingest,
    /// The virus scan: leans on the scanner.
    Scan,
    /// Decoding: leans on the processor.
    Media,
    /// Cleaning up.
    Housekeeping,
    /// Notifications that are due, and those in the app's own list: leans on the store alone.
    Notify,
    /// Pushes: leans on the push services.
    Push,
    /// Mail: leans on the mail server.
    Email,
    /// Text messages: leans on their service.
    Sms,
}

impl Queue {
    /// All lanes.
    pub const ALL: [Self; 8] = [
        Self::Ingest,
        Self::Scan,
        Self::Media,
        Self::Housekeeping,
        Self::Notify,
        Self::Push,
        Self::Email,
        Self::Sms,
    ];

    /// Its name in documents, metrics and settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Scan => "scan",
            Self::Media => "media",
            Self::Housekeeping => "housekeeping",
            Self::Notify => "notify",
            Self::Push => "push",
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// The lane of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == name)
    }
}

/// How a run ends well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing left.
    Done,
    /// Nothing left, and this is worth a line: `infected: Eicar-Test-Signature`.
    Noted(String),
    /// Not possible yet; not counted as a try.
    NotYet(Duration),
}

/// How a run ends badly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The world may be better later.
    #[error("{message}")]
    Retry {
        /// Stable, `snake_case`.
        code: String,
        /// One sentence.
        message: String,
        /// Not before so long has passed, if somebody said so.
        after: Option<Duration>,
    },
    /// A port is away: the lane pauses, no try is counted.
    #[error("{message}")]
    Unavailable {
        /// One sentence.
        message: String,
        /// For so long, if the port said so.
        after: Option<Duration>,
    },
    /// This input can never succeed.
    #[error("{message}")]
    Fail {
        /// Stable, `snake_case`.
        code: String,
        /// One sentence.
        message: String,
    },
}

impl From<PortError> for JobError {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Unavailable(message) => Self::Unavailable { message, after: None },
            PortError::Busy { message, after } => Self::Unavailable { message, after: Some(after) },
            PortError::Conflict(message) => {
                Self::Retry { code: "conflict".into(), message, after: None }
            }
            PortError::Missing(message) => Self::Fail { code: "missing".into(), message },
            PortError::Refused { code, message } => Self::Fail { code, message },
        }
    }
}

impl JobError {
    /// The error as documents keep it.
    pub fn for_document(&self) -> StepError {
        let (class, code) = match self {
            Self::Retry { code, .. } => (ErrorClass::Transient, code.as_str()),
            Self::Unavailable { .. } => (ErrorClass::Transient, "unavailable"),
            Self::Fail { code, .. } => (ErrorClass::Permanent, code.as_str()),
        };
        StepError { class, code: code.to_owned(), message: self.to_string() }
    }
}
