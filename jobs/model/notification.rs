//! A notification to one user: the seed's `notifications`, and how each channel fares.

use bson::{DateTime, Document};
use serde::{Deserialize, Serialize};

use super::{ErrorClass, EventId, MessageId, NotificationId, TaskId, UserId};

/// One document of `notifications`. Our additions are left out while they are empty.
///
/// `type` is no enum: title and body come with the notification, so one of a type that we do not
/// know can be delivered all the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct Notification {
    #[serde(rename = "_id")]
    pub id: NotificationId,
    pub user_id: UserId,
    /// Such as `event_invite`, `task_assigned`, `message`, `reminder`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub body: String,
    #[serde(default)]
    pub data: NotificationData,
    pub status: NotificationStatus,
    pub channels: Vec<Channel>,
    /// Null: at once.
    pub scheduled_for: Option<DateTime>,
    pub sent_at: Option<DateTime>,
    pub delivered_at: Option<DateTime>,
    pub read_at: Option<DateTime>,
    /// Documents of other writers may lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime>,
    /// Documents of other writers may lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime>,
    /// Absent: never. The store removes the document then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime>,
    /// How each channel fares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<Deliveries>,
    /// When somebody has to look at it next; missing: it has not been taken in yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action_at: Option<DateTime>,
    /// The same key twice is the same notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe_key: Option<String>,
    /// The language to write in, if not the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The template to use, if not the type's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
}

/// What a notification is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct NotificationData {
    pub event_id: Option<EventId>,
    pub sender_id: Option<UserId>,
    pub task_id: Option<TaskId>,
    pub message_id: Option<MessageId>,
    pub action_url: Option<String>,
    /// What else the writer gave, for templates.
    #[serde(flatten)]
    pub more: Document,
}

/// Where a notification stands: the furthest that any channel has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationStatus {
    /// Nobody has got it yet.
    Pending,
    /// A provider has taken it.
    Sent,
    /// It has arrived.
    Delivered,
    /// The user has read it.
    Read,
    /// No channel can reach the user.
    Failed,
    /// Withdrawn before it was sent.
    Cancelled,
    /// Too late to be sent.
    Expired,
}

/// A way to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the seed names its own words")]
pub enum Channel {
    Push,
    Email,
    InApp,
    Sms,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Push, Self::Email, Self::InApp, Self::Sms];

    /// The word in documents, in paths and in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Email => "email",
            Self::InApp => "in_app",
            Self::Sms => "sms",
        }
    }
}

/// How each channel fares; a channel that was not asked for is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the channels")]
pub struct Deliveries {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<Delivery>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Delivery>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_app: Option<Delivery>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms: Option<Delivery>,
}

impl Deliveries {
    /// How this channel fares.
    pub fn get(&self, channel: Channel) -> Option<&Delivery> {
        match channel {
            Channel::Push => self.push.as_ref(),
            Channel::Email => self.email.as_ref(),
            Channel::InApp => self.in_app.as_ref(),
            Channel::Sms => self.sms.as_ref(),
        }
    }

    /// How this channel fares, to change.
    pub fn get_mut(&mut self, channel: Channel) -> &mut Option<Delivery> {
        match channel {
            Channel::Push => &mut self.push,
            Channel::Email => &mut self.email,
            Channel::InApp => &mut self.in_app,
            Channel::Sms => &mut self.sms,
        }
    }
}

/// One notification on one channel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was begun.
    #[serde(default)]
    pub attempts: u32,
    /// The attempt that is on its way; written before the provider is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_id: Option<String>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<DateTime>,
    /// When the provider took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<DateTime>,
    /// When it arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<DateTime>,
    /// When it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<DateTime>,
    /// Who carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The provider's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_message_id: Option<String>,
    /// Why the last attempt did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<DeliveryError>,
    /// Why it was not sent at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_reason: Option<String>,
    /// The devices or addresses of the channel, one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
}

/// One device or address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The device's id; never a token or an address.
    pub id: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// The provider's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_message_id: Option<String>,
    /// Why the last attempt did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<DeliveryError>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It waits for its time.
    #[default]
    Queued,
    /// A rule moved its time: quiet hours, a rate limit, a digest.
    Deferred,
    /// A worker has it in hand.
    Claimed,
    /// The provider may have got it; after a crash nobody knows.
    Sending,
    /// The last attempt failed; there will be another.
    Retry,
    /// The provider has taken it.
    Sent,
    /// It has arrived.
    Delivered,
    /// The user has read it.
    Read,
    /// No attempt can succeed.
    Failed,
    /// A rule says that it is not sent.
    Skipped,
    /// Withdrawn before it was sent.
    Cancelled,
    /// Too late to be sent.
    Expired,
}

/// Why an attempt did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryError {
    /// Whether trying again can help, or a rule of ours forbids it.
    pub class: ErrorClass,
    /// Stable, `snake_case`; listed in the README.
    pub code: String,
    /// One sentence, without addresses or tokens.
    pub message: String,
}
