//! The workers of one process: start, keep their leases, stop without losing anything.

use std::{sync::Arc, time::Duration};

use apalis::prelude::*;
use futures_util::{FutureExt, future::BoxFuture};
use jobs::ports::{Clock, JobBook, Leases, PortError};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    DRAIN, RENEW_EVERY,
    backend::LeasedJobs,
    claimer::Claimer,
    cron::Scheduler,
    handle::Engine,
    hands::{Hands, attempt},
    incarnation::Incarnation,
    keeper::Keeper,
    lanes::{Lanes, Slots},
    pace::Pace,
    reporter::Reporter,
    threads::Threads,
    wishes,
};

/// Leased jobs that wait for the runtime to take them up. Their number is bounded by the lanes'
/// places; this only keeps the claimer from handing over one by one.
const UNDER_WAY: usize = 256;

/// After the drain, attempts that wait for something are ended within this time.
const ENDS_WITHIN: Duration = Duration::from_secs(1);

/// Running workers.
pub struct Pool {
    stop: CancellationToken,
    tracker: TaskTracker,
    jobs: TaskTracker,
    beat: CancellationToken,
    lanes: Lanes,
    leases: Arc<dyn Leases>,
    threads: Threads,
    _apart: Threads,
}

/// What finds the leases over a connection that nothing else uses, on the thread that keeps them.
pub type OwnLeases = BoxFuture<'static, Result<Arc<dyn Leases>, PortError>>;

/// Where the jobs come from.
pub struct Supply {
    /// The worker's side of the queue.
    pub leases: Arc<dyn Leases>,
    /// The same for the keeper of leases.
    pub own: OwnLeases,
    /// What operators wish.
    pub book: Arc<dyn JobBook>,
    /// The time by which jobs are due and leases lapse.
    pub clock: Arc<dyn Clock>,
    /// How fast jobs of each lane may begin.
    pub pace: Pace,
}

impl Pool {
    /// Starts to work through the queue with so many places a lane. Fails where the system gives no
    /// threads.
    pub fn start(
        engine: Engine,
        supply: Supply,
        scheduler: Scheduler,
        slots: Slots,
    ) -> std::io::Result<Self> {
        let Supply { leases, own, book, clock, pace } = supply;
        let (stop, beat) = (CancellationToken::new(), CancellationToken::new());
        let (tracker, jobs) = (TaskTracker::new(), TaskTracker::new());
        let lanes = Lanes::new(slots);
        let this = Incarnation::new();
        let owner = this.name().to_owned();
        let (work, incoming) = mpsc::channel(UNDER_WAY);

        let (threads, apart) = (Threads::for_jobs()?, Threads::for_leases()?);
        let reporter = Reporter {
            workers: engine.workers(),
            clock: clock.clone(),
            lanes: lanes.clone(),
            owner: owner.clone(),
        };
        tracker.spawn(reporter.run(beat.clone()));
        let hands = Hands::new(engine, lanes.clone(), leases.clone(), book.clone(), &threads);
        let worker = WorkerBuilder::new(owner.as_str())
            .backend(LeasedJobs::new(incoming))
            .data(Arc::new(hands))
            .build(attempt);
        // It does not end when there is nothing more to come; its attempts are over by then.
        tracker.spawn(beat.clone().run_until_cancelled_owned(worker.run().map(|ended| {
            if let Err(error) = ended {
                tracing::error!(%error, "the worker ended");
            }
        })));

        let (shared, clock_of, lanes_of) = (leases.clone(), clock.clone(), lanes.clone());
        let keeping = async move {
            let leases = own.await.unwrap_or_else(|error| {
                tracing::warn!(%error, "leases have no connection of their own");
                shared.clone()
            });
            Keeper { leases, wake: shared, clock: clock_of, lanes: lanes_of, this }.run().await;
        };
        apart.spawn(beat.clone().run_until_cancelled_owned(keeping));
        let hearing = wishes::hear(book.clone(), leases.clone(), clock.clone(), lanes.clone());
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
        Ok(Self { stop, tracker, jobs, beat, lanes, leases, threads, _apart: apart })
    }

    /// Stops claiming, lets running jobs go on for a while with their leases kept, and gives back
    /// what is left without counting an attempt.
    pub async fn stop(self) {
        self.stop.cancel();
        self.jobs.close();
        if tokio::time::timeout(DRAIN, self.jobs.wait()).await.is_err() {
            tracing::warn!("jobs still run after {} s, they are given back", DRAIN.as_secs());
        }
        let mut ended = self.lanes.held();
        self.threads.end(ENDS_WITHIN).await;
        // Nobody may begin what still runs here: who blocks his thread ends with the process.
        let blocked = self.lanes.held();
        for job in blocked.iter().map(|held| held.job) {
            tracing::error!(job.id = %job, "a job does not end, its lease will lapse");
        }
        ended.retain(|held| !blocked.contains(held));
        self.beat.cancel();
        if let Err(error) = self.leases.release(&ended).await {
            tracing::warn!(%error, "jobs could not be given back, their leases will lapse");
        }
        self.tracker.close();
        if tokio::time::timeout(RENEW_EVERY, self.tracker.wait()).await.is_err() {
            tracing::debug!("a task of the pool did not end in time");
        }
    }
}
