//! Keeps the leases of this process, and gives back what others lost.

use std::sync::Arc;

use jobs::ports::{Clock, Leases, later};

use super::{LEASE, RENEW_EVERY, incarnation::Incarnation, lanes::Lanes};

/// How many lost jobs are given back in one go.
const REAP: u32 = 1000;

/// Renews all leases of this process with one write, then gives back what dead workers held: in
/// this order, so that after an outage of the store nobody reaps what he is still working on.
pub async fn run(leases: Arc<dyn Leases>, clock: Arc<dyn Clock>, lanes: Lanes, this: Incarnation) {
    let mut every = tokio::time::interval(RENEW_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut has_inherited = false;
    let gone = move |owner: &str| this.knows_gone(owner);
    loop {
        every.tick().await;
        let held = lanes.held();
        if !held.is_empty()
            && let Err(error) = leases.extend(&held, later(clock.now(), LEASE)).await
        {
            tracing::warn!(%error, "leases could not be renewed, trying again");
            continue;
        }
        let back =
            if has_inherited { leases.reap(REAP).await } else { leases.inherit(&gone, REAP).await };
        has_inherited |= back.is_ok();
        match back {
            Ok(0) => {}
            Ok(back) => tracing::warn!(jobs = back, "jobs of a lost worker are back in the queue"),
            Err(error) => tracing::warn!(%error, "lost jobs could not be looked for"),
        }
    }
}
