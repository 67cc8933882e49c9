//! The workers of one process: start, keep their leases, stop without losing anything.

use std::sync::Arc;

use apalis::prelude::*;
use futures_util::FutureExt;
use jobs::ports::{Clock, JobQueue, Leases, later};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    DRAIN, LEASE, RENEW_EVERY,
    backend::{LeasedJobs, Work},
    claimer::Claimer,
    cron,
    handle::{Ended, Engine},
    lanes::{Lanes, Slots},
};

/// How many lapsed leases are looked at in one go.
const REAP: u32 = 100;

/// Running workers.
pub struct Pool {
    stop: CancellationToken,
    tracker: TaskTracker,
    jobs: TaskTracker,
    beat: CancellationToken,
    lanes: Lanes,
    leases: Arc<dyn Leases>,
}

/// What apalis hands to each attempt.
#[derive(Clone)]
struct Hands {
    engine: Engine,
    lanes: Lanes,
    leases: Arc<dyn Leases>,
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
    /// Starts to work through the queue with so many places a lane.
    pub fn start(
        engine: Engine,
        leases: Arc<dyn Leases>,
        queue: Arc<dyn JobQueue>,
        clock: Arc<dyn Clock>,
        slots: Slots,
    ) -> Self {
        let (stop, beat) = (CancellationToken::new(), CancellationToken::new());
        let (tracker, jobs) = (TaskTracker::new(), TaskTracker::new());
        let lanes = Lanes::new(slots);
        let owner = format!("{}-{}", std::process::id(), bson::oid::ObjectId::new().to_hex());
        let (work, incoming) = mpsc::channel(1);

        let hands = Hands { engine, lanes: lanes.clone(), leases: leases.clone() };
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

        let beating = keep_leases(leases.clone(), clock.clone(), lanes.clone());
        tracker.spawn(beat.clone().run_until_cancelled_owned(beating));
        tracker.spawn(cron::run(queue, clock.clone(), stop.clone()));
        let claimer = Claimer {
            leases: leases.clone(),
            clock,
            lanes: lanes.clone(),
            owner,
            work,
            running: jobs.clone(),
        };
        // Among the jobs, because a claim that is under way at the stop still brings some.
        jobs.spawn(claimer.run(stop.clone()));
        Self { stop, tracker, jobs, beat, lanes, leases }
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

/// One attempt, and what its end means for the lane.
async fn attempt(work: Work, hands: Data<Hands>) -> Result<(), BoxDynError> {
    match hands.engine.attempt(&work.job).await {
        Ended::Away(_) => hands.lanes.rest(work.job.queue),
        Ended::Fenced => {}
        _ => hands.lanes.go_on(work.job.queue),
    }
    drop(work);
    hands.leases.ring();
    Ok(())
}

/// Renews all leases of this process with one write, then gives back what dead workers held: in
/// this order, so that after an outage of the store nobody reaps what he is still working on.
async fn keep_leases(leases: Arc<dyn Leases>, clock: Arc<dyn Clock>, lanes: Lanes) {
    let mut every = tokio::time::interval(RENEW_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let held = lanes.held();
        if !held.is_empty()
            && let Err(error) = leases.extend(&held, later(clock.now(), LEASE)).await
        {
            tracing::warn!(%error, "leases could not be renewed, trying again");
            continue;
        }
        match leases.reap(REAP).await {
            Ok(0) => {}
            Ok(reaped) => tracing::warn!(reaped, "jobs of a lost worker are back in the queue"),
            Err(error) => tracing::warn!(%error, "lapsed leases could not be looked for"),
        }
    }
}
