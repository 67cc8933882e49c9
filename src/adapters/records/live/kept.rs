//! A room as it lies in the store.

use std::sync::Arc;

use bson::{Bson, Document, doc, oid::ObjectId};
use jobs::{
    model::{EventId, UserId},
    ports::{LiveEvent, LiveName},
};

/// A room: the number of events that it has seen, and the last of them.
pub struct Kept {
    /// `user_42`.
    pub name: String,
    /// Another one each time that the room is made.
    pub born: ObjectId,
    /// How many events it has seen.
    pub seq: i64,
    /// The last ones with their ids, oldest first; what this version does not know has a place.
    pub events: Vec<(ObjectId, Option<Arc<LiveEvent>>)>,
}

impl Kept {
    /// The room in a document of ours.
    pub fn read(document: Document) -> Option<Self> {
        let name = document.get_str("_id").ok()?.to_owned();
        let (born, seq) = (document.get_object_id("born").ok()?, whole(document.get("seq")?)?);
        let events = document.get_array("events").ok()?;
        let events = events.iter().map(|event| {
            let event = event.as_document();
            let id = event.and_then(|event| event.get_object_id("id").ok());
            (id.unwrap_or_default(), event.and_then(read).map(Arc::new))
        });
        Some(Self { name, born, seq, events: events.collect() })
    }

    /// How many events it had seen before the oldest that is kept.
    pub fn lost(&self) -> i64 {
        self.seq.saturating_sub(i64::try_from(self.events.len()).unwrap_or(i64::MAX))
    }

    /// The place behind so many events.
    pub fn place(&self, seq: i64) -> String {
        format!("{}-{seq}", self.born.to_hex())
    }

    /// How many events are before this place; none if it is not one of this room's.
    pub fn before(&self, place: &str) -> Option<i64> {
        let (born, seq) = place.split_once('-')?;
        let seq = seq.parse().ok()?;
        (born == self.born.to_hex() && (self.lost()..=self.seq).contains(&seq)).then_some(seq)
    }
}

fn whole(value: &Bson) -> Option<i64> {
    value.as_i64().or_else(|| value.as_i32().map(i64::from))
}

/// An event as a room keeps it.
pub fn document(id: ObjectId, event: &LiveEvent) -> Document {
    doc! {
        "id": id, "name": event.name.as_str(), "user": event.user,
        "event": event.event, "private": event.is_private, "data": event.data.to_string(),
    }
}

fn read(event: &Document) -> Option<LiveEvent> {
    Some(LiveEvent {
        name: LiveName::named(event.get_str("name").ok()?)?,
        user: UserId(whole(event.get("user")?)?),
        event: event.get("event").and_then(whole).map(EventId),
        is_private: event.get_bool("private").ok()?,
        data: serde_json::from_str(event.get_str("data").ok()?).ok()?,
    })
}
