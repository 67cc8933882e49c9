//! Writes a notification, again and again by a schedule.

use std::time::Duration;

use bson::Document;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    delivery::{self, Draft},
    job::{Job, JobError, Outcome, Policy, Queue},
    ports::PortError,
};

pub use crate::delivery::Needs;

/// Writes a notification as `POST /v1/notifications` does.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "camelCase")]
pub struct CreateNotification {
    /// What `POST /v1/notifications` takes.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    #[ts(type = "Record<string, unknown>")]
    pub notification: Document,
    /// With the same text the notification is written once.
    pub once: String,
}

impl Job for CreateNotification {
    const KIND: &'static str = "create_notification";
    const POLICY: Policy =
        Policy { queue: Queue::Notify, tries: 5, timeout: Duration::from_secs(30), priority: 2 };
    type Needs = Needs;

    fn key(&self) -> String {
        self.once.clone()
    }

    #[tracing::instrument(name = "create_notification", skip_all)]
    async fn run(&self, needs: &Needs) -> Result<Outcome, JobError> {
        let mut draft: Draft = bson::deserialize_from_document(self.notification.clone())
            .map_err(|error| PortError::refused("bad_notification", error.to_string()))?;
        draft.dedupe_key = Some(self.once.clone());
        let (kept, is_new) = delivery::create(needs, draft).await?;
        let word = if is_new { "written" } else { "there already" };
        Ok(Outcome::Noted(format!("{} is {word}", kept.id)))
    }
}
