//! Cron without a leader: each tick is a ticket that only one process can put.

use std::{sync::Arc, time::Duration};

use jobs::{
    ports::{Clock, JobQueue, PortError, Ticket},
    sweep::Sweep,
};
use tokio_util::sync::CancellationToken;

/// How often the sweep looks for what expired or was lost.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Puts the tickets of all schedules until `stop`.
pub async fn run(queue: Arc<dyn JobQueue>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        if let Err(error) = tick(&*queue, &*clock).await {
            tracing::warn!(%error, "a schedule could not put its job, the next tick will");
        }
    }
}

async fn tick(queue: &dyn JobQueue, clock: &dyn Clock) -> Result<(), PortError> {
    let period = i64::try_from(SWEEP_EVERY.as_millis()).unwrap_or(i64::MAX);
    let tick = clock.now().timestamp_millis() / period;
    let mut ticket = Ticket::of(&Sweep {})?;
    ticket.once_key = Some(format!("cron:sweep:{tick}"));
    queue.push(&[ticket]).await
}
