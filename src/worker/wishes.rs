//! What operators wish, from whatever process they said it to: lanes to pause, jobs to end.

use std::{sync::Arc, time::Duration};

use jobs::ports::{JobBook, Leases, PortError};

use super::lanes::Lanes;

/// A wish is heard within this time; it costs a look into the store, two while jobs run.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks for wishes for as long as it is let.
pub async fn hear(book: Arc<dyn JobBook>, leases: Arc<dyn Leases>, lanes: Lanes) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = look(&*book, &*leases, &lanes).await {
            tracing::warn!(%error, "the operator's wishes could not be read, trying again");
        }
    }
}

async fn look(book: &dyn JobBook, leases: &dyn Leases, lanes: &Lanes) -> Result<(), PortError> {
    if lanes.pause(book.paused().await?) {
        leases.ring();
    }
    let held = lanes.held();
    if !held.is_empty() {
        leases.cancelled(&held).await?.into_iter().for_each(|lease| lanes.cancel(lease));
    }
    Ok(())
}
