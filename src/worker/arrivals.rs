//! Takes in the jobs and notifications that other services put as plain documents.

use std::{sync::Arc, time::Duration};

use jobs::ports::{Arrivals, PortError};

/// Where nobody tells, a new document is noticed within this time, at the cost of one look.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Where somebody does, one for which that got lost is.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(5);
/// So many are taken in before the next look.
const BATCH: u32 = 500;

/// Looks for as long as it is let.
pub async fn take_in(arrivals: Arc<dyn Arrivals>) {
    loop {
        if let Err(error) = all(&*arrivals).await {
            tracing::warn!(%error, "new documents could not be looked for, trying again");
        }
        let pause = if arrivals.is_rung_for() { LOOK_AGAIN_EVERY } else { LOOK_EVERY };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = arrivals.arrived() => {}
        }
    }
}

async fn all(arrivals: &dyn Arrivals) -> Result<(), PortError> {
    while arrivals.take_in(BATCH).await? >= u64::from(BATCH) {}
    Ok(())
}
