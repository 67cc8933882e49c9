//! What the server refuses by itself: malformed jobs that other services insert.

use bson::{Document, doc};
use jobs::{
    job::{Limit, Queue},
    ports::{JobState, PortError},
};
use mongodb::Database;

use super::error::fault;

/// What was there before the rule may be changed all the same: it has to be taken out of the way.
const LEVEL: &str = "moderate";

/// The rule of the collection `name`, if it has one.
fn rule(name: &str) -> Option<Document> {
    let states = JobState::ALL.map(JobState::as_str);
    let queues = Queue::ALL.map(Queue::as_str);
    let longest = i32::try_from(Limit::LONGEST_KEY).unwrap_or(i32::MAX);
    let most = i32::try_from(Limit::MOST).unwrap_or(i32::MAX);
    (name == "jobs").then(|| {
        doc! { "$jsonSchema": {
            "bsonType": "object",
            "required": ["kind", "args", "state"],
            "properties": {
                "_id": { "bsonType": "objectId" },
                "kind": { "bsonType": "string", "minLength": 1 },
                "args": { "bsonType": "object" },
                "state": { "enum": states.as_slice() },
                "queue": { "enum": queues.as_slice() },
                "priority": { "bsonType": "number", "minimum": 0, "maximum": 9 },
                "runAt": { "bsonType": "date" },
                "maxAttempts": { "bsonType": "number", "minimum": 1, "maximum": 100 },
                "uniqueKey": { "bsonType": "string", "minLength": 1 },
                "limitKey": { "bsonType": "string", "minLength": 1, "maxLength": longest },
                "limitMost": { "bsonType": "number", "minimum": 1, "maximum": most },
            },
        } }
    })
}

/// Gives the collection its rule if it has another one; a line if something was done or left out.
pub(super) async fn set(database: &Database, name: &str) -> Result<Option<String>, PortError> {
    let Some(rule) = rule(name) else { return Ok(None) };
    let list = doc! { "listCollections": 1, "filter": { "name": name } };
    let listed = database.run_command(list).await.map_err(|error| fault(name, &error))?;
    let first = listed.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    let there = first.ok().and_then(|batch| batch.first()?.as_document());
    let options = there.and_then(|collection| collection.get_document("options").ok());
    let is_so = |options: &Document| {
        options.get_document("validator").ok() == Some(&rule)
            && options.get_str("validationLevel").ok() == Some(LEVEL)
    };
    if options.is_some_and(is_so) {
        return Ok(None);
    }
    let set = doc! { "collMod": name, "validator": rule, "validationLevel": LEVEL };
    match database.run_command(set).await {
        Ok(_) => Ok(Some(format!("set the validator of {name}"))),
        Err(error) => match fault(name, &error) {
            // Wanted, not needed: the worker refuses what it does not understand, a little later.
            PortError::Refused { message, .. } => {
                tracing::warn!(collection = name, "a validator is left out");
                Ok(Some(format!("left out the validator of {name}: {message}")))
            }
            error => Err(error),
        },
    }
}
