//! The words of notifications, in the reader's language.

use super::PortError;
use crate::model::Channel;

/// What is said about: names and values, as templates read them.
pub type Values = serde_json::Map<String, serde_json::Value>;

/// A message, ready for its channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// One line: a mail's subject, a push's title.
    pub title: String,
    /// Plain text.
    pub text: String,
    /// The whole HTML document; empty but for mails.
    pub html: String,
    /// The language that was found, such as `fr`.
    pub language: String,
}

/// Writes messages. Refused: `template_error`, with what is wrong in which template.
pub trait Templates: Send + Sync {
    /// The message of this name (a notification's `templateId` or `type`) for a channel. The
    /// language is the first of `locale`, its language without the region, and French that there
    /// is; a name that nobody knows is written by the template of all others.
    fn write(
        &self,
        name: &str,
        channel: Channel,
        locale: Option<&str>,
        values: &Values,
    ) -> Result<Words, PortError>;
}
