//! The operator's book: which jobs there are, and what may be done about them.

use async_trait::async_trait;
use bson::{DateTime, Document, oid::ObjectId};

use super::{PortError, Ticket};
use crate::job::Queue;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Put by another service, not taken in yet.
    New,
    /// Its time has not come.
    Scheduled,
    /// Waits for a free place.
    Ready,
    /// Somebody has it.
    Running,
    /// Ended well.
    Done,
    /// Needs a person.
    Dead,
    /// Ended at somebody's wish.
    Cancelled,
}

impl JobState {
    /// All of them, open ones first.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Ready,
        Self::Scheduled,
        Self::New,
        Self::Dead,
        Self::Cancelled,
        Self::Done,
    ];

    /// Those in which a job needs somebody's time; queues are as deep as these.
    pub const COUNTED: [Self; 4] = [Self::Ready, Self::Scheduled, Self::Running, Self::Dead];

    /// Those in which a job has ended.
    pub const ENDED: [Self; 3] = [Self::Done, Self::Dead, Self::Cancelled];

    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Scheduled => "scheduled",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether something is still to be done.
    pub fn is_open(self) -> bool {
        !Self::ENDED.contains(&self)
    }
}

/// Which jobs; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// In this state.
    pub state: Option<JobState>,
    /// In this lane.
    pub queue: Option<Queue>,
    /// Of this kind.
    pub kind: Option<String>,
    /// About the document with this id, in this collection.
    pub about: Option<(String, String)>,
    /// Whose last error, as `code: message`, begins so.
    pub error: Option<String>,
    /// Behind this one, which was the last of the page before.
    pub after: Option<JobPlace>,
    /// At most so many.
    pub limit: u32,
}

/// Where a job stands in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlace {
    /// Its last error, in a list of jobs whose error begins somehow.
    pub error: Option<String>,
    /// When it changed last; the least time there is where nobody knows.
    pub at: DateTime,
    /// Its id.
    pub id: ObjectId,
}

/// Some jobs.
#[derive(Debug, Clone)]
pub struct JobPage {
    /// As they stand in the store: last changed first. Those whose error begins somehow come by
    /// their errors, and of each error the last changed first.
    pub jobs: Vec<Document>,
    /// The place of the last one, if others may follow behind it.
    pub next: Option<JobPlace>,
}

/// What all workers have to follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Orders {
    /// The lanes that an operator has paused.
    pub paused: Vec<Queue>,
    /// The lanes that rest at somebody's wish, and until when.
    pub resting: Vec<(Queue, DateTime)>,
}

/// How a lane stands.
#[derive(Debug, Clone)]
pub struct QueueState {
    /// The lane.
    pub queue: Queue,
    /// Whether nothing of it is begun.
    pub paused: bool,
    /// How many jobs are in each state that needs somebody's time; large numbers are capped.
    pub depth: Vec<(JobState, u64)>,
    /// Since when its longest waiting ready job waits.
    pub oldest: Option<DateTime>,
}

/// The jobs as an operator sees them. `Missing` where there is no such job.
#[async_trait]
pub trait JobBook: Send + Sync {
    /// Puts a job and gives it back with `true`, or the one that has its key already with `false`.
    async fn put(&self, ticket: &Ticket) -> Result<(Document, bool), PortError>;

    /// A page of jobs.
    async fn list(&self, filter: &JobFilter) -> Result<JobPage, PortError>;

    /// One job with its last errors.
    async fn show(&self, id: ObjectId) -> Result<Document, PortError>;

    /// Lets a job run at once that is dead, cancelled or waits for its time; its attempts count
    /// from the beginning. Refuses one that is done or running.
    async fn retry(&self, id: ObjectId) -> Result<Document, PortError>;

    /// Ends a job that waits, and asks the worker of a running one to end it. Refuses one that has
    /// ended.
    async fn cancel(&self, id: ObjectId) -> Result<Document, PortError>;

    /// Removes the record of a job that has ended.
    async fn delete(&self, id: ObjectId) -> Result<(), PortError>;

    /// How the lanes stand.
    async fn queues(&self) -> Result<Vec<QueueState>, PortError>;

    /// How many jobs of the lane have ended since then, by how; large numbers are capped.
    async fn ended_since(
        &self,
        queue: Queue,
        since: DateTime,
    ) -> Result<Vec<(JobState, u64)>, PortError>;

    /// Lets a lane begin nothing any more, or go on.
    async fn pause(&self, queue: Queue, paused: bool) -> Result<(), PortError>;

    /// Lets no worker begin anything of a lane before then: its part of the world has asked for it.
    async fn rest(&self, queue: Queue, until: DateTime) -> Result<(), PortError>;

    /// What all workers have to follow.
    async fn orders(&self) -> Result<Orders, PortError>;

    /// The lanes that are paused.
    async fn paused(&self) -> Result<Vec<Queue>, PortError> {
        Ok(self.orders().await?.paused)
    }
}
