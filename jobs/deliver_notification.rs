//! Sends one notification by one channel.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    delivery,
    job::{Job, JobError, Outcome, Policy, Queue},
    model::{Channel, NotificationId, StepError},
    ports::{About, PortError},
};

pub use crate::delivery::Needs;

/// Takes a notification to a person by one channel, if that is still wished when its turn comes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "camelCase")]
pub struct DeliverNotification {
    /// The notification.
    #[ts(type = "string")]
    pub notification_id: NotificationId,
    /// The way.
    #[ts(inline)]
    pub channel: Channel,
}

impl Job for DeliverNotification {
    const KIND: &'static str = "deliver_notification";
    /// Of its lane see [`Job::queue`]; carriers' refusals are counted by the delivery, not here.
    const POLICY: Policy =
        Policy { queue: Queue::Notify, tries: 5, timeout: Duration::from_secs(90), priority: 4 };
    type Needs = Needs;

    fn key(&self) -> String {
        format!("{}:{}", self.notification_id, self.channel.as_str())
    }

    fn queue(&self) -> Queue {
        match self.channel {
            Channel::InApp => Queue::Notify,
            Channel::Push => Queue::Push,
            Channel::Email => Queue::Email,
            Channel::Sms => Queue::Sms,
        }
    }

    fn about(&self) -> Option<About> {
        Some(About::notification(self.notification_id))
    }

    #[tracing::instrument(
        name = "deliver_notification",
        skip_all,
        fields(notification.id = %self.notification_id, channel = self.channel.as_str())
    )]
    async fn run(&self, needs: &Needs) -> Result<Outcome, JobError> {
        delivery::deliver(needs, self.notification_id, self.channel).await
    }

    async fn given_up(&self, needs: &Needs, error: &StepError) -> Result<(), PortError> {
        delivery::give_up(needs, self.notification_id, self.channel, error).await
    }

    async fn revive(&self, needs: &Needs) -> Result<(), PortError> {
        delivery::revive(needs, self.notification_id, self.channel).await
    }
}
