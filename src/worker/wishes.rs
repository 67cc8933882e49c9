//! What all processes have to follow, whoever said it: lanes that are paused or rest, jobs to end.

use std::{sync::Arc, time::Duration};

use jobs::ports::{Clock, JobBook, Leases, PortError, until};

use super::lanes::Lanes;

/// A wish is heard within this time; it costs a look into the store, two while jobs run.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks for wishes for as long as it is let.
pub async fn hear(
    book: Arc<dyn JobBook>,
    leases: Arc<dyn Leases>,
    clock: Arc<dyn Clock>,
    lanes: Lanes,
) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = look(&*book, &*leases, &*clock, &lanes).await {
            tracing::warn!(%error, "the operator's wishes could not be read, trying again");
        }
    }
}

async fn look(
    book: &dyn JobBook,
    leases: &dyn Leases,
    clock: &dyn Clock,
    lanes: &Lanes,
) -> Result<(), PortError> {
    let orders = book.orders().await?;
    for (queue, end) in orders.resting {
        lanes.asked(queue, until(clock.now(), end));
    }
    if lanes.pause(orders.paused) {
        leases.ring();
    }
    let held = lanes.held();
    if !held.is_empty() {
        leases.cancelled(&held).await?.into_iter().for_each(|lease| lanes.cancel(lease));
    }
    Ok(())
}
