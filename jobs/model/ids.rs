//! Who and what is meant: ids that cannot be mixed up.

use std::{borrow::Cow, fmt, str::FromStr};

use bson::oid::ObjectId;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An id made by MongoDB's rules: 24 hex digits in JSON and in tickets, an `ObjectId` in documents.
macro_rules! object_id {
    ($(#[$doc:meta] $name:ident)*) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub ObjectId);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = bson::error::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                ObjectId::parse_str(text).map(Self)
            }
        }

        impl From<$name> for bson::Bson {
            fn from(id: $name) -> Self {
                Self::ObjectId(id.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(to)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                ObjectId::deserialize(from).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": "^[0-9a-f]{24}$" })
            }
        }
    )*};
}

object_id! {
    /// A medium that has arrived: `event_media._id`.
    MediaId
    /// An album: `media_albums._id`.
    AlbumId
    /// A chat message: `event_messages._id`.
    MessageId
    /// A notification: `notifications._id`.
    NotificationId
}

/// An id that MySQL gave out.
macro_rules! mysql_id {
    ($(#[$doc:meta] $name:ident)*) => {$(
        #[$doc]
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$name> for bson::Bson {
            fn from(id: $name) -> Self {
                Self::Int64(id.0)
            }
        }
    )*};
}

mysql_id! {
    /// A person: `users.id` in MySQL.
    UserId
    /// An event: `events.id` in MySQL.
    EventId
    /// A task: `tasks.id` in MySQL.
    TaskId
}

/// An upload on its way: `file_uploads.uploadId`, `upload_` and a random UUID.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UploadId(pub String);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
