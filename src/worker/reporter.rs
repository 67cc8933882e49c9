//! Says now and then that this process is at work, and how its lanes stand.

use std::{fs, sync::Arc, time::Duration};

use bson::DateTime;
use jobs::{
    model::Worker,
    ports::{Clock, PortError, Workers, later},
};
use tokio_util::sync::CancellationToken;

use super::lanes::Lanes;

/// One write each; what operators see is so old at most.
const EVERY: Duration = Duration::from_secs(10);
/// Two reports may fail before the process counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(35);

/// What reports on one process.
pub struct Reporter {
    pub workers: Arc<dyn Workers>,
    pub clock: Arc<dyn Clock>,
    pub lanes: Lanes,
    pub owner: String,
}

impl Reporter {
    /// Reports until `stop`, then says that the process is gone; the store's troubles are logged.
    pub async fn run(self, stop: CancellationToken) {
        let started_at = self.clock.now();
        let mut every = tokio::time::interval(EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(every.tick()).await.is_some() {
            let told = self.workers.report(&self.worker(started_at)).await;
            told.unwrap_or_else(|error| told_nobody(&error));
        }
        self.workers.leave(&self.owner).await.unwrap_or_else(|error| told_nobody(&error));
    }

    fn worker(&self, started_at: DateTime) -> Worker {
        let now = self.clock.now();
        Worker {
            owner: self.owner.clone(),
            host: host(),
            pid: std::process::id().into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at,
            seen_at: now,
            expire_at: later(now, LOST_AFTER),
            lanes: self.lanes.all(),
        }
    }
}

fn told_nobody(error: &PortError) {
    tracing::warn!(%error, "nobody could be told how this worker stands, trying again");
}

/// The machine's name; empty where the system does not say.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}
