//! People: the worker's own copy of a user, and the extract that other documents carry.

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::UserId;

/// What the worker must know of a user: one document of `users`. MySQL stays the source of truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The user's id in MySQL.
    #[serde(rename = "_id")]
    pub id: UserId,
    /// Where mail goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Where text messages go, such as `+33612345678`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Language and region, such as `fr-CA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// IANA name, such as `Europe/Paris`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The name others address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fname: Option<String>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lname: Option<String>,
    /// The user's picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// Whether the account is in use; nothing is sent to one that is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// When the copy was last brought up to date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime>,
}

/// A user as other documents carry them, so that readers need no join.
///
/// The seed's `uploaderInfo` has the first four fields, its `senderInfo` also `active`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct Person {
    pub username: Option<String>,
    pub fname: Option<String>,
    pub lname: Option<String>,
    pub avatar_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

impl User {
    /// The extract that a medium carries.
    pub fn person(&self) -> Person {
        Person {
            username: self.username.clone(),
            fname: self.fname.clone(),
            lname: self.lname.clone(),
            avatar_url: self.avatar_url.clone(),
            active: None,
        }
    }
}
