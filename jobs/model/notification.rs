//! A notification to one user: the seed's `notifications`, and how each channel fares.

use bson::{DateTime, Document};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Channel, Deliveries, EventId, MessageId, NotificationId, TaskId, UserId};

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
    #[serde(default, deserialize_with = "or_default")]
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
    /// 0 is sent first, 9 last; absent: by its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Channels that are used only if the others do not do.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<Fallback>,
    /// Those of one key and channel become one message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Counts our writes: two at the same time cannot both be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rev: Option<i64>,
}

/// What other services leave out they may as well say to be null.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A channel that is used when the ones before have failed, or when nothing has come of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fallback {
    /// The channel.
    pub channel: Channel,
    /// So long after the notification was due, in seconds; sooner where all others have failed.
    #[serde(default)]
    pub after_seconds: u32,
    /// What makes it needless.
    #[serde(default)]
    pub unless: Unless,
}

/// What makes a fallback needless.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unless {
    /// The user has read the notification.
    #[default]
    Read,
    /// The notification has arrived by another channel.
    Delivered,
}

/// How notifications are put together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Digest {
    /// Those of one user with one key go together: 1 to 200 bytes.
    pub key: String,
    /// From the first of them on they are gathered for so long; an hour if nothing is said.
    #[serde(default = "an_hour")]
    pub window_seconds: u32,
    /// On these channels alone; on all but in_app if nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
}

impl Digest {
    /// Whether messages of this channel are gathered.
    pub fn is_of(&self, channel: Channel) -> bool {
        channel != Channel::InApp && (self.channels.is_empty() || self.channels.contains(&channel))
    }
}

fn an_hour() -> u32 {
    3_600
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
