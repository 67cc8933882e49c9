//! What came to the fakes, and how late.

use std::sync::{Mutex, PoisonError};

use bson::DateTime;
use serde_json::{Value, json};

/// So do titles begin whose first byte should have come at the millisecond that follows.
pub const DUE: &str = "due ";
pub const URGENT: &str = "urgent ";

/// All that came.
#[derive(Default)]
pub struct Seen(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    mails: usize,
    pushes: usize,
    sockets: usize,
    late: Vec<i64>,
    urgent: Vec<i64>,
    last: Option<DateTime>,
}

impl Seen {
    pub fn mail(&self, title: &str, at: DateTime) {
        self.note(title, at, |counted| counted.mails += 1);
    }

    pub fn push(&self, title: &str, at: DateTime) {
        self.note(title, at, |counted| counted.pushes += 1);
    }

    pub fn socket(&self) {
        self.with(|counted| counted.sockets += 1);
    }

    fn note(&self, title: &str, at: DateTime, count: impl Fn(&mut Counted)) {
        let late = |prefix| {
            let (_, after) = title.split_once(prefix)?;
            let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
            Some(at.timestamp_millis() - digits.parse::<i64>().ok()?)
        };
        self.with(|counted| {
            count(counted);
            counted.late.extend(late(DUE));
            counted.urgent.extend(late(URGENT));
            counted.last = Some(at);
        });
    }

    /// The counted values are whole at any time, whoever panics.
    fn with<T>(&self, look: impl FnOnce(&mut Counted) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What came so far; of the times, the middle, the tail and the end, in milliseconds.
    pub fn told(&self) -> Value {
        self.with(|counted| {
            json!({
                "mails": counted.mails,
                "pushes": counted.pushes,
                "sockets": counted.sockets,
                "late": spread(&mut counted.late),
                "urgent": spread(&mut counted.urgent),
                "lastAt": counted.last.map(DateTime::timestamp_millis),
            })
        })
    }
}

fn spread(millis: &mut [i64]) -> Value {
    millis.sort_unstable();
    let last = millis.len().saturating_sub(1);
    let at = |share: f64| millis.get((share * last as f64).round() as usize).copied();
    json!({ "count": millis.len(), "p50": at(0.5), "p99": at(0.99), "most": at(1.0) })
}
