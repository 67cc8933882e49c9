//! A chat message: the seed's `event_messages`, field by field.

use bson::{DateTime, Document};
use serde::{Deserialize, Serialize};

use super::{EventId, MessageId, Person, UserId};

/// One document of `event_messages`.
///
/// The seed's own example of an insert has only the first fields and `createdAt`; what it leaves
/// out is read as empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct Message {
    #[serde(rename = "_id")]
    pub id: MessageId,
    pub event_id: EventId,
    pub sender_id: UserId,
    pub sender_info: Person,
    #[serde(rename = "type")]
    pub kind: MessageKind,
    pub content: String,
    #[serde(default)]
    pub metadata: MessageMetadata,
    #[serde(default)]
    pub reactions: Vec<Reaction>,
    #[serde(default)]
    pub read_by: Vec<ReadMark>,
    #[serde(default)]
    pub is_edited: bool,
    pub edited_at: Option<DateTime>,
    #[serde(default)]
    pub is_deleted: bool,
    pub deleted_at: Option<DateTime>,
    pub deleted_by: Option<UserId>,
    pub created_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime>,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the seed names its own words")]
pub enum MessageKind {
    Text,
    Image,
    File,
    System,
    Media,
}

/// What goes with a message; absent fields do not apply to its kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct MessageMetadata {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_filename: Option<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Vec<UserId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// Such as `user_joined`; the list is the API services' own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_action: Option<String>,
    /// Its fields depend on the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_data: Option<Document>,
}

/// A person reacts to a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct Reaction {
    pub user_id: UserId,
    pub emoji: String,
    pub timestamp: DateTime,
}

/// A person has read a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct ReadMark {
    pub user_id: UserId,
    pub read_at: DateTime,
}
