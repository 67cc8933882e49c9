//! Where pushes go: one document of `devices` for each app or browser of a user.

use std::fmt;

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::UserId;

/// A device by the id that its app gave it, which is unique for its user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceId(pub String);

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One document of `devices`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// The user's id, a colon and the device's.
    #[serde(rename = "_id")]
    pub id: String,
    /// Whose it is.
    pub user_id: UserId,
    /// The app's name for it.
    pub device_id: DeviceId,
    /// How it is reached.
    #[serde(flatten)]
    pub address: DeviceAddress,
    /// Whether it is still there.
    #[serde(default)]
    pub state: DeviceState,
    /// When the app registered it last.
    pub registered_at: DateTime,
    /// When a provider last said that it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub struck_at: Option<DateTime>,
}

impl Device {
    /// The key of the document.
    pub fn key(user: UserId, device: &DeviceId) -> String {
        format!("{user}:{device}")
    }
}

/// How a device is reached.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum DeviceAddress {
    /// By Firebase Cloud Messaging.
    Fcm {
        /// The registration token.
        token: String,
    },
    /// By the browser's own push service (RFC 8030).
    Webpush {
        /// What the browser gave.
        subscription: Subscription,
    },
}

/// Whoever has it can write to the device: it is not for logs.
impl fmt::Debug for DeviceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fcm { .. } => "fcm",
            Self::Webpush { .. } => "webpush",
        })
    }
}

/// A browser's `PushSubscription`, as `JSON.stringify` writes it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Where to post.
    pub endpoint: String,
    /// The browser's end, in milliseconds since 1970, if it says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_time: Option<i64>,
    /// What the message is encrypted with.
    pub keys: SubscriptionKeys,
}

/// The keys of a subscription, in base64url.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionKeys {
    /// The browser's public key, a point of P-256.
    pub p256dh: String,
    /// The browser's secret of 16 bytes.
    pub auth: String,
}

/// Whether a device is still there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Nothing is known against it.
    #[default]
    Active,
    /// A provider has said once that it is gone: it is tried once more.
    Suspect,
    /// A provider has said so twice: it is left alone until its app registers it again.
    Dead,
}
