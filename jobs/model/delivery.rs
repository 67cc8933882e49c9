//! How a notification fares on each channel.

use bson::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ErrorClass, NotificationId};

/// A way to a person.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    ts_rs::TS,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
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
    /// When that attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<DateTime>,
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
    /// Why it was not sent at all, or not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_reason: Option<String>,
    /// The notifications whose words go with this one's message, for one that gathers them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<NotificationId>,
    /// It has waited for others to go with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gathered: bool,
    /// The notification whose message has the words of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gathered_in: Option<NotificationId>,
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
