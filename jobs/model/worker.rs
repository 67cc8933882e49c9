//! A process that works through the queue: the documents of `workers`.

use bson::DateTime;
use serde::{Deserialize, Serialize};

/// One document of `workers`; gone after an orderly stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Worker {
    /// Who its leases say they belong to.
    #[serde(rename = "_id")]
    pub owner: String,
    /// Its machine, as people call it.
    pub host: String,
    /// Its process number there.
    pub pid: i64,
    /// Of the program.
    pub version: String,
    /// When it began, by the store's clock.
    pub started_at: DateTime,
    /// When it last said so.
    pub seen_at: DateTime,
    /// When it counts as lost unless it says something until then.
    pub expire_at: DateTime,
    /// What it does, lane by lane.
    pub lanes: Vec<Lane>,
}

/// A lane in one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lane {
    /// Its name.
    pub queue: String,
    /// How many jobs may run at the same time.
    pub places: u32,
    /// How many do.
    pub running: u32,
    /// An operator lets nothing of it begin.
    pub paused: bool,
    /// Its part of the world is away, so it waits a little.
    pub resting: bool,
}
