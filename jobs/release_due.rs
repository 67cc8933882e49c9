//! Cron and at the right moment: notifications that are due get their tickets.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    delivery::{self, tickets},
    job::{Job, JobError, Outcome, Policy, Queue},
    ports::{PortError, later},
};

pub use crate::delivery::Needs;

/// So many are read at a time.
const BATCH: u32 = 500;

/// What has its tickets is looked at again after so long: they may get lost (an operator may delete
/// them), and one that is there still is not put twice. Not sooner: a lane that rests may have very
/// many.
const LOOK_AFTER: Duration = Duration::from_secs(600);

/// Looks at the documents, not at any input; may run at any time on any number of machines.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
pub struct ReleaseDue {}

impl Job for ReleaseDue {
    const KIND: &'static str = "release_due";
    const POLICY: Policy =
        Policy { queue: Queue::Notify, tries: 3, timeout: Duration::from_secs(120), priority: 0 };
    type Needs = Needs;

    fn key(&self) -> String {
        "all".to_owned()
    }

    #[tracing::instrument(name = "release_due", skip_all)]
    async fn run(&self, needs: &Needs) -> Result<Outcome, JobError> {
        let mut released = 0;
        loop {
            let now = needs.clock.now();
            let due = needs.notifications.due(now, BATCH).await?;
            let (mut put, mut seen) = (Vec::new(), Vec::new());
            for found in &due {
                let notification = match &found.read {
                    Ok(notification) => notification,
                    Err(why) => {
                        tracing::error!(id = %found.id, "a notification is left: {why}");
                        needs.notifications.refuse(&found.id, why).await?;
                        continue;
                    }
                };
                let of = tickets::all(notification, now)?;
                if of.is_empty() {
                    // Somebody else has written to it: what follows is computed once more.
                    match delivery::change(needs, notification.id, |_, _| true).await {
                        Ok(_) | Err(PortError::Missing(_) | PortError::Conflict(_)) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                put.extend(of);
                seen.push(notification.id);
            }
            // First the tickets: who dies in between puts them again, and that puts nothing.
            needs.queue.push(&put).await?;
            needs.notifications.looked(&seen, now, later(now, LOOK_AFTER)).await?;
            released += seen.len();
            if due.len() < BATCH as usize {
                break;
            }
        }
        match released {
            0 => Ok(Outcome::Done),
            some => Ok(Outcome::Noted(format!("{some} due"))),
        }
    }
}
