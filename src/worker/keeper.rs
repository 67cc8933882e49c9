//! Keeps the leases of this process, and gives back what others lost.

use std::{sync::Arc, time::Duration};

use jobs::ports::{Clock, Leases, PortError, later, until};

use super::{LEASE, RENEW_EVERY, incarnation::Incarnation, lanes::Lanes};

/// How many lost jobs are given back in one go.
const REAP: u32 = 1000;
/// The shortest time between two rounds, and how long a lease that has lapsed may wait for one.
const SOON: Duration = Duration::from_millis(250);

/// How long after the store's trouble it is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// What keeps the leases of one process.
pub struct Keeper {
    pub leases: Arc<dyn Leases>,
    /// Who claims is told here of jobs that are back.
    pub wake: Arc<dyn Leases>,
    pub clock: Arc<dyn Clock>,
    pub lanes: Lanes,
    pub this: Incarnation,
}

impl Keeper {
    /// Renews all leases of this process with one write, then gives back what dead workers held: in
    /// this order, so that after an outage of the store nobody reaps what he is still working on.
    pub async fn run(self) {
        let mut has_inherited = false;
        loop {
            let pause = match self.round(&mut has_inherited).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, "leases could not be kept, trying again");
                    AGAIN
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// How long until the next round: at most until the first lease of all lapses, because a job
    /// whose worker is lost should wait for its lease alone.
    async fn round(&self, has_inherited: &mut bool) -> Result<Duration, PortError> {
        let held = self.lanes.held();
        if !held.is_empty() {
            self.leases.extend(&held, later(self.clock.now(), LEASE)).await?;
        }
        if !*has_inherited {
            let this = self.this.clone();
            let gone = move |owner: &str| this.knows_gone(owner);
            self.told(self.leases.inherit(&gone, REAP).await?);
            *has_inherited = true;
        }
        let Some(lapse) = self.leases.next_lapse().await? else { return Ok(RENEW_EVERY) };
        let now = self.clock.now();
        if lapse <= now {
            self.told(self.leases.reap(REAP).await?);
            return Ok(SOON);
        }
        Ok((until(now, lapse) + SOON / 2).clamp(SOON, RENEW_EVERY))
    }

    fn told(&self, back: u64) {
        if back > 0 {
            tracing::warn!(jobs = back, "jobs of a lost worker are back in the queue");
            self.wake.ring();
        }
    }
}
