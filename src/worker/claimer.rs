//! One claimer a process: asks only for free places, and hands leased jobs to the runtime.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use jobs::{
    job::Queue,
    ports::{Clock, Held, Leased, Leases, PortError, later, until},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    LEASE, POLL_FASTEST, POLL_SLOWEST, POLL_TOLD, RENEW_EVERY, ahead::Ahead, backend::Work,
    lanes::Lanes, pace::Pace,
};

/// How many future jobs become ready at a time.
const PROMOTE: u32 = 500;

/// Who has taken so many jobs at once soon has many places to fill again.
const MANY: usize = 16;
/// How long is waited for them: a claim and an end cost the store as much for one job as for some
/// dozens.
const GATHER: Duration = Duration::from_millis(1);

/// What the claimer works with.
pub struct Claimer {
    pub leases: Arc<dyn Leases>,
    pub clock: Arc<dyn Clock>,
    pub lanes: Lanes,
    pub pace: Pace,
    pub owner: String,
    pub work: mpsc::Sender<Work>,
    /// The stop waits for every job that holds a token of it.
    pub running: TaskTracker,
}

impl Claimer {
    /// Claims until `stop`; the store's troubles are logged and waited for, never passed on.
    pub async fn run(self, stop: CancellationToken) {
        let (mut ahead, mut pause, mut taken) = (Ahead::new(), POLL_FASTEST, 0);
        while !stop.is_cancelled() {
            match self.round(&mut ahead, taken > 0, &stop).await {
                Ok(0) => {
                    let is_told = self.leases.is_told() && !self.lanes.any_rests();
                    let most = if is_told { POLL_TOLD } else { POLL_SLOWEST };
                    (pause, taken) = ((pause * 2).min(most), 0);
                }
                Ok(some) => {
                    (pause, taken) = (POLL_FASTEST, some);
                    if some >= MANY && self.gather().await {
                        ahead.woken();
                    }
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "the queue could not be read, trying again");
                    (pause, taken) = (POLL_SLOWEST, 0);
                    ahead.looked(Some(pause), self.leases.is_told());
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.leases.woken() => {
                    ahead.woken();
                    pause = POLL_FASTEST;
                }
                () = tokio::time::sleep(ahead.at_most(self.pace.at_most(jittered(pause)))) => {}
            }
        }
    }

    /// Waits for places that get free together; whether somebody rang.
    async fn gather(&self) -> bool {
        let mut is_rung = false;
        let free = async {
            while !self.lanes.are_empty() {
                self.leases.woken().await;
                is_rung = true;
            }
        };
        // In time or not: the places that are free by then are filled.
        drop(tokio::time::timeout(GATHER, free).await);
        is_rung
    }

    /// One look at every lane; how many jobs were taken. Who is not `busy` asks first whether there
    /// is anything at all, which is one question for all lanes.
    async fn round(
        &self,
        ahead: &mut Ahead,
        busy: bool,
        stop: &CancellationToken,
    ) -> Result<usize, PortError> {
        if ahead.is_time() {
            ahead.looked(self.promote().await?, self.leases.is_told());
        }
        let free = |queue: &Queue| self.pace.is_open(*queue) && self.lanes.free(*queue) > 0;
        if !Queue::ALL.iter().any(free) || (!busy && !self.leases.any_ready().await?) {
            return Ok(0);
        }
        // All at once: the store can take them together.
        let lanes = join_all(Queue::ALL.map(|queue| self.fill(queue, stop))).await;
        lanes.into_iter().sum()
    }

    /// Fills the free places of one lane; how many jobs were taken.
    async fn fill(&self, queue: Queue, stop: &CancellationToken) -> Result<usize, PortError> {
        if stop.is_cancelled() {
            return Ok(0);
        }
        let free = self.pace.allowed(queue, self.lanes.free(queue)).await?;
        if free == 0 {
            return Ok(0);
        }
        let claimed = self.claim(queue, free).await;
        let begun = claimed.as_ref().map_or(0, Vec::len);
        self.pace.begun(queue, free, begun).await;
        for job in claimed? {
            let slot = Arc::new(self.lanes.take(queue, job.held()));
            let work = Work { job: Arc::new(job), slot, _running: self.running.token() };
            if self.work.send(work).await.is_err() {
                break;
            }
        }
        Ok(begun)
    }

    /// Jobs whose leases are good for some time. A store that was slow to answer has used up a
    /// part of them, and may have given the jobs to others since.
    async fn claim(&self, queue: Queue, free: u32) -> Result<Vec<Leased>, PortError> {
        let began = Instant::now();
        let until = later(self.clock.now(), LEASE);
        let jobs = self.leases.claim(&self.owner, queue, free, until).await?;
        if jobs.is_empty() || began.elapsed() < RENEW_EVERY {
            return Ok(jobs);
        }
        let held: Vec<Held> = jobs.iter().map(Leased::held).collect();
        let until = later(self.clock.now(), LEASE);
        if self.leases.extend(&held, until).await.is_ok_and(|kept| kept == held.len() as u64) {
            return Ok(jobs);
        }
        tracing::warn!(jobs = held.len(), "a claim came too late, its jobs are given back");
        // A lease that lapses looks like a crash with the job.
        while let Err(error) = self.leases.release(&held).await {
            tracing::warn!(%error, "jobs could not be given back, trying again");
            tokio::time::sleep(POLL_SLOWEST).await;
        }
        Ok(Vec::new())
    }

    /// Makes ready what is due; how long until the next future job is.
    async fn promote(&self) -> Result<Option<Duration>, PortError> {
        let now = self.clock.now();
        match self.leases.next_due().await? {
            Some(at) if at <= now => {
                let more = self.leases.promote(PROMOTE).await? > 0;
                // Nobody has looked behind them; if there was none, somebody else is at it.
                Ok(Some(if more { Duration::ZERO } else { POLL_FASTEST }))
            }
            at => Ok(at.map(|at| until(now, at))),
        }
    }
}

/// Between three quarters of `pause` and all of it, so that processes do not ask in step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.75 + fastrand::f64() / 4.0)
}
