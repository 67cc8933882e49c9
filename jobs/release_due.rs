//! Cron and at the right moment: notifications that are due get their tickets.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    delivery::{self, tickets},
    job::{Job, JobError, Outcome, Policy, Queue},
    ports::later,
};

pub use crate::delivery::Needs;

/// So many are read at a time.
const BATCH: u32 = 500;

/// What has its tickets is looked at again after so long: they may get lost, and one that is there
/// still is not put twice.
const LOOK_AFTER: Duration = Duration::from_secs(60);

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
            let mut put = Vec::new();
            for notification in &due {
                let of = tickets::all(notification, now)?;
                if of.is_empty() {
                    // Somebody else has written to it: what follows is computed once more.
                    delivery::change(needs, notification.id, |_, _| true).await?;
                }
                put.extend(of);
            }
            // First the tickets: who dies in between puts them again, and that puts nothing.
            needs.queue.push(&put).await?;
            let seen: Vec<_> = due.iter().map(|notification| notification.id).collect();
            needs.notifications.looked(&seen, now, later(now, LOOK_AFTER)).await?;
            released += due.len();
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
