//! What a user wishes: one document of `preferences`.

use std::collections::BTreeMap;

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::{Channel, UserId};

/// One document of `preferences`. A user without one wishes everything at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preferences {
    /// Whose.
    #[serde(rename = "_id")]
    pub user_id: UserId,
    /// The wishes.
    #[serde(flatten)]
    pub wishes: Wishes,
    /// When they were last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime>,
}

/// What a user wishes, as an API service says it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Wishes {
    /// By type of notification (`*`: all others), which channels may be used; what is not said may.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, ChannelWishes>,
    /// When the user is not to be woken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// By type of notification (`*`: all others), the channels whose messages are gathered, and for
    /// how many seconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, BTreeMap<Channel, u32>>,
}

/// Which channels may be used; what is not said may.
pub type ChannelWishes = BTreeMap<Channel, bool>;

/// Hours of the user's own clock, such as 22:00 to 07:00.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuietHours {
    /// From this minute of the day on, as `HH:MM`.
    pub start: String,
    /// Until this one; before `start` it is that of the next day.
    pub end: String,
    /// The channels that keep quiet; push and sms if nothing is said.
    #[serde(default = "loud")]
    pub channels: Vec<Channel>,
    /// Types that may wake the user all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
}

fn loud() -> Vec<Channel> {
    vec![Channel::Push, Channel::Sms]
}

impl Wishes {
    /// Whether the user lets a notification of this type come by this channel.
    pub fn allows(&self, kind: &str, channel: Channel) -> bool {
        let of = |kind: &str| self.types.get(kind).and_then(|wishes| wishes.get(&channel));
        of(kind).or_else(|| of("*")).copied().unwrap_or(true)
    }

    /// For how many seconds messages of this type are gathered on this channel, if they are.
    pub fn gathers(&self, kind: &str, channel: Channel) -> Option<u32> {
        let of = |kind: &str| self.digest.get(kind).and_then(|of| of.get(&channel));
        of(kind).or_else(|| of("*")).copied().filter(|seconds| *seconds > 0)
    }
}
