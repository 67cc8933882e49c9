//! The workers of one process: start, keep their leases, stop without losing anything.

use std::sync::Arc;

use apalis::prelude::*;
use futures_util::FutureExt;
use jobs::ports::{Clock, JobBook, Leases};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    DRAIN, RENEW_EVERY,
    backend::LeasedJobs,
    claimer::Claimer,
    cron::Scheduler,
    handle::Engine,
    hands::{Hands, Threads, attempt},
    incarnation::Incarnation,
    keeper::Keeper,
    lanes::{Lanes, Slots},
    pace::Pace,
    wishes,
};

/// Running workers.
pub struct Pool {
    stop: CancellationToken,
    tracker: TaskTracker,
    jobs: TaskTracker,
    beat: CancellationToken,
    lanes: Lanes,
    leases: Arc<dyn Leases>,
    _threads: Threads,
}

/// Attempts run side by side; without this apalis polls all of them in one task.
#[expect(
    clippy::disallowed_methods,
    reason = "each attempt's work holds a token of the pool's tracker"
)]
fn spawn_attempt<F>(attempt: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(attempt)
}

impl Pool {
    /// Starts to work through the queue with so many places a lane, at this pace. Fails where the
    /// system gives no threads.
    pub fn start(
        engine: Engine,
        leases: Arc<dyn Leases>,
        scheduler: Scheduler,
        book: Arc<dyn JobBook>,
        clock: Arc<dyn Clock>,
        slots: Slots,
        pace: Pace,
    ) -> std::io::Result<Self> {
        let (stop, beat) = (CancellationToken::new(), CancellationToken::new());
        let (tracker, jobs) = (TaskTracker::new(), TaskTracker::new());
        let lanes = Lanes::new(slots);
        let this = Incarnation::new();
        let owner = this.name().to_owned();
        let (work, incoming) = mpsc::channel(1);

        let threads = Threads::start()?;
        let hands = Hands::new(engine, lanes.clone(), leases.clone(), &threads);
        let worker = WorkerBuilder::new(owner.as_str())
            .backend(LeasedJobs::new(incoming))
            .data(hands)
            .parallelize(spawn_attempt)
            .build(attempt);
        tracker.spawn(worker.run().map(|ended| {
            if let Err(error) = ended {
                tracing::error!(%error, "the worker ended");
            }
        }));

        let (kept, time) = (leases.clone(), clock.clone());
        let keeper = Keeper { leases: kept, clock: time, lanes: lanes.clone(), this };
        tracker.spawn(beat.clone().run_until_cancelled_owned(keeper.run()));
        let hearing = wishes::hear(book, leases.clone(), lanes.clone());
        tracker.spawn(beat.clone().run_until_cancelled_owned(hearing));
        tracker.spawn(scheduler.run(stop.clone()));
        let claimer = Claimer {
            leases: leases.clone(),
            clock,
            lanes: lanes.clone(),
            pace,
            owner,
            work,
            running: jobs.clone(),
        };
        // Among the jobs, because a claim that is under way at the stop still brings some.
        jobs.spawn(claimer.run(stop.clone()));
        Ok(Self { stop, tracker, jobs, beat, lanes, leases, _threads: threads })
    }

    /// Stops claiming, lets running jobs go on for a while with their leases kept, and gives back
    /// what is left without counting an attempt.
    pub async fn stop(self) {
        self.stop.cancel();
        self.jobs.close();
        if tokio::time::timeout(DRAIN, self.jobs.wait()).await.is_err() {
            tracing::warn!("jobs still run after {} s, they are given back", DRAIN.as_secs());
        }
        self.beat.cancel();
        if let Err(error) = self.leases.release(&self.lanes.held()).await {
            tracing::warn!(%error, "jobs could not be given back, their leases will lapse");
        }
        self.tracker.close();
        if tokio::time::timeout(RENEW_EVERY, self.tracker.wait()).await.is_err() {
            tracing::debug!("a task of the pool did not end in time");
        }
    }
}
