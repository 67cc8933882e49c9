//! What runs again and again: the documents of `schedules`.

use std::fmt;

use bson::{DateTime, Document};
use serde::{Deserialize, Serialize};

/// The name of a schedule: `schedules._id`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScheduleName(pub String);

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&ScheduleName> for bson::Bson {
    fn from(name: &ScheduleName) -> Self {
        Self::String(name.0.clone())
    }
}

/// One document of `schedules`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Its name.
    #[serde(rename = "_id")]
    pub name: ScheduleName,
    /// What is done.
    #[serde(flatten)]
    pub rule: Rule,
    /// Whether an operator lets it rest. What would have been due meanwhile is not made up for.
    #[serde(default)]
    pub paused: bool,
    /// The next tick; absent until a scheduler has found it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<DateTime>,
    /// The last tick whose job was put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<DateTime>,
}

/// What a schedule does and when, as whoever defines it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// The kind of its jobs.
    pub kind: String,
    /// Their arguments.
    #[serde(default)]
    pub args: Document,
    /// Five fields (minute, hour, day, month, weekday) or six (second first).
    pub cron: String,
    /// The zone whose clock `cron` means, by its IANA name.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// What becomes of ticks that nobody was there for.
    #[serde(default)]
    pub misfire: Misfire,
    /// Ticks that are older than this are never made up for; a day at most.
    #[serde(default = "a_day")]
    pub catch_up_seconds: u32,
    /// Each job waits for a random part of so many seconds after its tick.
    #[serde(default)]
    pub jitter_seconds: u32,
    /// The argument that gets a text which is another one for each job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once_arg: Option<String>,
}

impl Rule {
    /// Jobs of this kind, without arguments, at these times of UTC.
    pub fn new(kind: &str, cron: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            args: Document::new(),
            cron: cron.to_owned(),
            time_zone: utc(),
            misfire: Misfire::default(),
            catch_up_seconds: a_day(),
            jitter_seconds: 0,
            once_arg: None,
        }
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

fn a_day() -> u32 {
    86_400
}

/// What becomes of ticks that nobody was there for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// All of them together become one job. Likewise a tick whose predecessor's job is still open
    /// puts no second one.
    #[default]
    FireOnce,
    /// Nothing. Nor does a tick on time put a job while the one before it is open.
    Skip,
    /// Each becomes a job of its own, oldest first, also beside open ones.
    All,
}
