//! One claimer a process: asks only for free places, and hands leased jobs to the runtime.

use std::{sync::Arc, time::Duration};

use jobs::{
    job::Queue,
    ports::{Clock, Leases, PortError, later},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{LEASE, POLL_FASTEST, POLL_SLOWEST, backend::Work, lanes::Lanes};

/// How many future jobs become ready at a time.
const PROMOTE: u32 = 500;

/// What the claimer works with.
pub struct Claimer {
    pub leases: Arc<dyn Leases>,
    pub clock: Arc<dyn Clock>,
    pub lanes: Lanes,
    pub owner: String,
    pub work: mpsc::Sender<Work>,
    /// The stop waits for every job that holds a token of it.
    pub running: TaskTracker,
}

impl Claimer {
    /// Claims until `stop`; the store's troubles are logged and waited for, never passed on.
    pub async fn run(self, stop: CancellationToken) {
        let mut pause = POLL_FASTEST;
        while !stop.is_cancelled() {
            match self.round(&stop).await {
                Ok(0) => pause = (pause * 2).min(POLL_SLOWEST),
                Ok(_) => {
                    pause = POLL_FASTEST;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "the queue could not be read, trying again");
                    pause = POLL_SLOWEST;
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.leases.woken() => pause = POLL_FASTEST,
                () = tokio::time::sleep(jittered(pause)) => {}
            }
        }
    }

    /// One look at every lane; how many jobs were taken.
    async fn round(&self, stop: &CancellationToken) -> Result<usize, PortError> {
        self.leases.promote(PROMOTE).await?;
        let mut taken = 0;
        for queue in Queue::ALL {
            let free = self.lanes.free(queue);
            if free == 0 || stop.is_cancelled() {
                continue;
            }
            let until = later(self.clock.now(), LEASE);
            for job in self.leases.claim(&self.owner, queue, free, until).await? {
                let slot = Arc::new(self.lanes.take(queue, job.held()));
                let work = Work { job, slot, _running: self.running.token() };
                if self.work.send(work).await.is_err() {
                    return Ok(taken);
                }
                taken += 1;
            }
        }
        Ok(taken)
    }
}

/// Between half and all of `pause`, so that processes do not ask in step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}
