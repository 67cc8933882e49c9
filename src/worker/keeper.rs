//! Keeps the leases of this process, and gives back what others lost.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jobs::ports::{Clock, Leases, PortError, later, until};

use super::{LEASE, RENEW_EVERY, incarnation::Incarnation, lanes::Lanes};

/// How many lost jobs are given back between two renewals: each is a write of its own.
const REAP: u32 = 50;
/// The shortest time between two rounds, and how long a lease that has lapsed may wait for one.
const SOON: Duration = Duration::from_millis(250);

/// How long after the store's trouble it is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// After the store's trouble nobody is taken for dead within this time: others hear later that the
/// store is back, and have to renew their leases first.
const TRUST_AFTER: Duration = LEASE;

/// What a keeper knows from one round to the next.
struct State {
    has_inherited: bool,
    /// When the last renewal that went well began.
    kept: Instant,
    /// Before then nobody is taken for dead.
    trust_from: Option<Instant>,
}

impl State {
    /// The store was away or slow, or this process stood still.
    fn doubt(&mut self) {
        self.trust_from = Some(Instant::now() + TRUST_AFTER);
    }
}

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
    /// this order, so that after an outage of the store nobody reaps what he is still working on,
    /// and not soon after one, so that nobody reaps what another one is still working on.
    pub async fn run(self) {
        let kept = Instant::now();
        let mut state = State { has_inherited: false, kept, trust_from: None };
        // The store may have come back just now, as this process started.
        state.doubt();
        loop {
            let pause = match self.round(&mut state).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, "leases could not be kept, trying again");
                    state.doubt();
                    AGAIN
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// How long until the next round: at most until the first lease of all lapses, because a job
    /// whose worker is lost should wait for its lease alone.
    async fn round(&self, state: &mut State) -> Result<Duration, PortError> {
        let began = Instant::now();
        let (held, overdue) = self.lanes.to_keep(began);
        for job in overdue {
            tracing::error!(job.id = %job, "a job does not end long after its time-out: its lease \
                is kept no longer, its place stays taken");
        }
        if !held.is_empty() {
            self.leases.extend(&held, later(self.clock.now(), LEASE)).await?;
        }
        // Also where the process itself stood still, or the store was only slow.
        if began.duration_since(state.kept) + began.elapsed() > RENEW_EVERY * 2 {
            state.doubt();
        }
        state.kept = began;
        // What the renewal took is gone from the leases already.
        let pause = (LEASE.saturating_sub(began.elapsed()) / 3).clamp(SOON, RENEW_EVERY);
        if !state.has_inherited {
            let this = self.this.clone();
            let gone = move |owner: &str| this.knows_gone(owner);
            let back = self.leases.inherit(&gone, REAP).await?;
            self.told(back);
            state.has_inherited = back < u64::from(REAP);
            if !state.has_inherited {
                return Ok(Duration::ZERO);
            }
        }
        if state.trust_from.is_some_and(|from| Instant::now() < from) {
            return Ok(pause);
        }
        let Some(lapse) = self.leases.next_lapse().await? else { return Ok(pause) };
        // The store may have stood still since the renewal: then others come late with theirs.
        if began.elapsed() > RENEW_EVERY {
            state.doubt();
            return Ok(SOON);
        }
        let now = self.clock.now();
        if lapse <= now {
            let back = self.leases.reap(REAP).await?;
            self.told(back);
            // There may be more of them.
            return Ok(if back > 0 { Duration::ZERO } else { SOON });
        }
        Ok((until(now, lapse) + SOON / 2).clamp(SOON, pause))
    }

    fn told(&self, back: u64) {
        if back > 0 {
            tracing::warn!(jobs = back, "jobs of a lost worker are back in the queue");
            self.wake.ring();
        }
    }
}
