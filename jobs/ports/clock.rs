//! What time it is: the store's time, so that all workers agree on what is due.

use bson::DateTime;

/// A clock; tests move it by hand.
pub trait Clock: Send + Sync {
    /// Now, in whole milliseconds.
    fn now(&self) -> DateTime;
}

/// `at` and `after` it, saturating.
pub fn later(at: DateTime, after: std::time::Duration) -> DateTime {
    let millis = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(at.timestamp_millis().saturating_add(millis))
}
