//! The jobs of these tests: one that takes its time, one that blocks its thread, one that kills.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use iven_worker::worker::{Ended, Engine, EveryKind, Kinds};
use jobs::{
    job::{Job, JobError, Outcome, Policy, Queue},
    model::StepError,
    ports::{Leased, PortError},
    tools::Tools,
};
use serde::{Deserialize, Serialize};

use super::journal::{What, note};

/// The lane of all of them.
pub const LANE: Queue = Queue::Media;

/// Tries that no test uses up; far above any time that a job of a test takes.
const POLICY: Policy =
    Policy { queue: LANE, tries: 9, timeout: Duration::from_secs(600), priority: 4 };

/// They need no part of the service.
pub struct Nothing;

impl From<&Tools> for Nothing {
    fn from(_: &Tools) -> Self {
        Self
    }
}

/// Waits for a while without holding its thread.
#[derive(Debug, Serialize, Deserialize)]
pub struct Linger {
    pub journal: PathBuf,
    pub name: String,
    pub millis: u64,
}

impl Job for Linger {
    const KIND: &'static str = "linger";
    const POLICY: Policy = POLICY;
    type Needs = Nothing;

    fn key(&self) -> String {
        self.name.clone()
    }

    async fn run(&self, _: &Nothing) -> Result<Outcome, JobError> {
        note(&self.journal, What::Start, &self.name);
        let whole = Duration::from_millis(self.millis);
        drop(tokio::time::timeout(whole, std::future::pending::<()>()).await);
        note(&self.journal, What::End, &self.name);
        Ok(Outcome::Done)
    }
}

/// Holds its thread all the while, as a decoder that was never meant to be shared would.
#[derive(Debug, Serialize, Deserialize)]
pub struct Block {
    pub journal: PathBuf,
    pub name: String,
    pub millis: u64,
}

impl Job for Block {
    const KIND: &'static str = "block";
    const POLICY: Policy = POLICY;
    type Needs = Nothing;

    fn key(&self) -> String {
        self.name.clone()
    }

    async fn run(&self, _: &Nothing) -> Result<Outcome, JobError> {
        note(&self.journal, What::Start, &self.name);
        let (began, whole) = (Instant::now(), Duration::from_millis(self.millis));
        while let Some(rest) = whole.checked_sub(began.elapsed()).filter(|rest| !rest.is_zero()) {
            std::thread::park_timeout(rest);
        }
        note(&self.journal, What::End, &self.name);
        Ok(Outcome::Done)
    }
}

/// Ends its process, as a codec with a broken stack does.
#[derive(Debug, Serialize, Deserialize)]
pub struct Abort {
    pub journal: PathBuf,
    pub name: String,
}

impl Job for Abort {
    const KIND: &'static str = "abort";
    const POLICY: Policy = Policy { tries: 3, ..POLICY };
    type Needs = Nothing;

    fn key(&self) -> String {
        self.name.clone()
    }

    async fn run(&self, _: &Nothing) -> Result<Outcome, JobError> {
        note(&self.journal, What::Start, &self.name);
        std::process::abort()
    }

    async fn given_up(&self, _: &Nothing, _: &StepError) -> Result<(), PortError> {
        note(&self.journal, What::GivenUp, &self.name);
        Ok(())
    }
}

/// These, and all that the product does: its schedules run too.
pub struct WithThese;

#[async_trait]
impl Kinds for WithThese {
    async fn run(&self, engine: &Engine, leased: &Leased) -> Result<Ended, PortError> {
        match leased.kind.as_str() {
            Linger::KIND => engine.run::<Linger>(leased).await,
            Block::KIND => engine.run::<Block>(leased).await,
            Abort::KIND => engine.run::<Abort>(leased).await,
            _ => EveryKind.run(engine, leased).await,
        }
    }
}
