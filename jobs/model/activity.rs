//! Who did what: the seed's `activity_logs`, field by field.

use bson::{Bson, DateTime, Document, oid::ObjectId};
use serde::{Deserialize, Serialize};

use super::{EventId, UserId};

/// One document of `activity_logs`.
///
/// `action`, `resource` and `platform` are words of whoever writes the log: the list grows, and a
/// log with a new word must stay readable. So they are no enums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct Activity {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// Absent when nobody did it but the worker itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Such as `create`, `update`, `delete`, `login`, `invite`.
    pub action: String,
    /// Such as `event`, `task`, `expense`, `user`, `message`.
    pub resource: String,
    /// An integer from MySQL; of what lives in MongoDB, such as a message, its `_id`.
    pub resource_id: Bson,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ActivityChanges>,
    #[serde(default)]
    pub metadata: ActivityMetadata,
    pub timestamp: DateTime,
}

/// The fields that changed, before and after; their names are the resource's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ActivityChanges {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Document>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Document>,
}

/// From where it was done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct ActivityMetadata {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Such as `web`, `mobile`, `api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}
