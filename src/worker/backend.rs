//! What apalis sees: an endless source of leased jobs that never fails.
//!
//! An error from a source ends an apalis worker, so the store's troubles stay with the claimer, and
//! jobs come through a channel.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use apalis::prelude::*;
use apalis_core::{
    backend::{Backend, BackendConfig, finalize::Ephemeral},
    task::{Task, task_id::TaskId},
    worker::context::WorkerContext,
};
use jobs::ports::Leased;
use tokio::sync::mpsc;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::lanes::Slot;

/// A leased job and its place in the lane; the place is free again when this is dropped.
#[derive(Debug, Clone)]
pub struct Work {
    /// The job.
    pub job: std::sync::Arc<Leased>,
    /// Its place. Shared, because apalis wants arguments that can be cloned.
    pub slot: std::sync::Arc<Slot>,
    /// The stop waits for it, from the claim on.
    pub _running: TaskTrackerToken,
}

/// The source.
pub struct LeasedJobs {
    jobs: mpsc::Receiver<Work>,
    config: (),
}

impl LeasedJobs {
    /// Work as it comes out of `jobs`.
    pub fn new(jobs: mpsc::Receiver<Work>) -> Self {
        Self { jobs, config: () }
    }
}

impl Backend for LeasedJobs {
    type Task = Task<Work>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Task<Work>, Infallible>>> {
        self.jobs.poll_recv(cx).map(|next| {
            next.map(|work| {
                let id = TaskId::from_string(work.job.id.to_hex());
                Ok(TaskBuilder::new(work).task_id(id).build())
            })
        })
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for LeasedJobs {
    type Args = Work;
    type Id = String;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = tower_layer::Identity;

    fn config(&self) -> &() {
        &self.config
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Self::Layer {
        tower_layer::Identity::new()
    }
}
