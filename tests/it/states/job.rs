//! A job as the model has it, and as it stands in the store.

use bson::{Document, oid::ObjectId};
use jobs::ports::JobState;

/// Who has the job.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    pub owner: String,
    /// `None` in the model until the store has named it.
    pub token: Option<ObjectId>,
    pub until: i64,
    pub alone: bool,
}

/// One job; all that decides what may become of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub id: ObjectId,
    pub state: JobState,
    /// What it is about.
    pub name: u8,
    /// The key that it has while it is open.
    pub key: Option<String>,
    /// The key that it takes again at a retry.
    pub own_key: Option<String>,
    pub once: Option<String>,
    pub priority: i64,
    pub run_at: Option<i64>,
    pub attempt: i64,
    pub tries: i64,
    pub crashes: i64,
    pub suspect: bool,
    pub cancel: bool,
    pub errors: usize,
    /// Whether its record says when it ended and when it goes.
    pub closed: bool,
    pub lease: Option<Lease>,
    /// In the model alone: it comes again at a random moment, at most so much later than now.
    pub dice: Option<i64>,
}

impl Job {
    /// As it stands in the store.
    pub fn read(document: &Document) -> Self {
        let text = |field| document.get_str(field).ok().map(str::to_owned);
        let flag = |field| document.get_bool(field).unwrap_or(false);
        Self {
            id: document.get_object_id("_id").unwrap(),
            state: JobState::named(document.get_str("state").unwrap()).unwrap(),
            name: name(document),
            key: text("uniqueKey"),
            own_key: text("key"),
            once: text("onceKey"),
            priority: number(document, "priority"),
            run_at: document.get_datetime("runAt").ok().map(|at| at.timestamp_millis()),
            attempt: number(document, "attempt"),
            tries: number(document, "maxAttempts"),
            crashes: number(document, "crashes"),
            suspect: flag("suspect"),
            cancel: flag("cancelRequested"),
            errors: document.get_array("errors").map_or(0, Vec::len),
            closed: document.contains_key("finishedAt") && document.contains_key("expireAt"),
            lease: document.get_document("lease").ok().map(lease),
            dice: None,
        }
    }

    /// Whether this token has it.
    pub fn is_held_by(&self, token: ObjectId) -> bool {
        let lease = self.lease.as_ref();
        self.state == JobState::Running && lease.is_some_and(|lease| lease.token == Some(token))
    }

    /// The model's job with what chance has decided in the store, if that is within the rules.
    pub fn settled(mut self, real: &Self, now: i64) -> Self {
        if let (Some(longest), Some(at)) = (self.dice.take(), real.run_at)
            && (now + 1..=now + longest).contains(&at)
        {
            self.run_at = Some(at);
        }
        if let (Some(lease), Some(real)) = (&mut self.lease, &real.lease)
            && lease.token.is_none()
        {
            lease.token = real.token;
        }
        self
    }
}

fn lease(lease: &Document) -> Lease {
    Lease {
        owner: lease.get_str("owner").unwrap().to_owned(),
        token: lease.get_object_id("token").ok(),
        until: lease.get_datetime("until").unwrap().timestamp_millis(),
        alone: lease.get_bool("alone").unwrap_or(false),
    }
}

fn name(job: &Document) -> u8 {
    let medium = job.get_document("args").unwrap().get_object_id("mediaId").unwrap();
    medium.bytes()[0]
}

/// What is not there counts as none.
fn number(document: &Document, field: &str) -> i64 {
    let value = document.get(field);
    value.and_then(|value| value.as_i64().or(value.as_i32().map(i64::from))).unwrap_or(0)
}

/// The id of the medium that jobs of this name are about.
pub fn medium(name: u8) -> ObjectId {
    ObjectId::from_bytes([name; 12])
}

/// The key of jobs of this name.
pub fn key(name: u8) -> String {
    format!("scan_virus:{}", medium(name))
}
