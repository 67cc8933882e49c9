//! Those who carry messages to people: mail servers, push services, text message services.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;

use super::PortError;
use crate::model::Device;

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The carrier is away or wants to be left alone: nothing was handed over.
    #[error("{message}")]
    Away {
        /// Lower case, no full stop; no addresses, no tokens.
        message: String,
        /// For so long, if it said so.
        after: Option<Duration>,
    },
    /// Not now: the same message may be taken later.
    #[error("{message}")]
    Later {
        /// Stable, `snake_case`; listed in the README.
        code: String,
        /// Lower case, no full stop; no addresses, no tokens.
        message: String,
        /// Not before so long has passed, if the carrier said so.
        after: Option<Duration>,
    },
    /// This message will never be taken.
    #[error("{message}")]
    Never {
        /// Stable, `snake_case`; listed in the README.
        code: String,
        /// Lower case, no full stop; no addresses, no tokens.
        message: String,
    },
    /// The address or device does not exist any more.
    #[error("{message}")]
    Gone {
        /// Stable, `snake_case`; listed in the README.
        code: String,
        /// Lower case, no full stop; no addresses, no tokens.
        message: String,
    },
    /// It was handed over and nobody has said what became of it.
    #[error("{message}")]
    Unknown {
        /// Lower case, no full stop; no addresses, no tokens.
        message: String,
    },
}

/// A message that a carrier has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The carrier's name for it, if it gives one.
    pub id: Option<String>,
    /// Whether the carrier will say when it has arrived (a mail server with DSN).
    pub is_reported: bool,
}

/// A mail to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The part of `Message-ID` before the `@`, and the `ENVID` of reports: the same at each
    /// attempt.
    pub id: String,
    /// The address.
    pub to: String,
    /// The person's name, if it is known.
    pub to_name: Option<String>,
    /// One line.
    pub subject: String,
    /// The text for those who do not show HTML.
    pub text: String,
    /// The whole HTML document.
    pub html: String,
    /// The language of both, such as `fr`.
    pub language: String,
    /// Where one click ends mails like this one (RFC 8058), if it can.
    pub unsubscribe: Option<String>,
}

/// Sends mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail over.
    async fn send(&self, mail: &Mail) -> Result<Taken, Unsent>;

    /// Whether the server reports what arrives (DSN, RFC 3461), as far as it has said so yet.
    fn reports(&self) -> bool;

    /// One line about the server, for `doctor`.
    async fn check(&self) -> Result<String, PortError>;
}

/// A push to one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// A later push of the same tag replaces an earlier one: the notification's id.
    pub tag: String,
    /// One line.
    pub title: String,
    /// A few lines.
    pub body: String,
    /// What the app reads; values are texts, as FCM wants them.
    pub data: BTreeMap<String, String>,
    /// Kept for the device for so long.
    pub time_to_live: Duration,
    /// Whether it may wake the device.
    pub is_urgent: bool,
}

/// Sends pushes to one kind of device.
#[async_trait]
pub trait Pusher: Send + Sync {
    /// Hands a push over.
    async fn send(&self, device: &Device, push: &Push) -> Result<Taken, Unsent>;

    /// One line about the service, for `doctor`.
    async fn check(&self) -> Result<String, PortError>;
}

/// Sends text messages.
#[async_trait]
pub trait Texter: Send + Sync {
    /// Hands a text over; the number is as `+33612345678`.
    async fn send(&self, to: &str, text: &str) -> Result<Taken, Unsent>;

    /// One line about the service, for `doctor`.
    async fn check(&self) -> Result<String, PortError>;
}

/// The carriers that the settings name; a channel without one is off.
#[derive(Clone, Default)]
#[expect(missing_docs, reason = "the types say it")]
pub struct Carriers {
    pub mailer: Option<std::sync::Arc<dyn Mailer>>,
    pub fcm: Option<std::sync::Arc<dyn Pusher>>,
    pub web_push: Option<std::sync::Arc<dyn Pusher>>,
    /// What pages give the browser as `applicationServerKey`.
    pub web_push_key: Option<String>,
    pub texter: Option<std::sync::Arc<dyn Texter>>,
}
