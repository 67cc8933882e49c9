//! What time it is: the store's time, so that all workers agree on what is due.

use bson::DateTime;

/// A clock; tests move it by hand.
pub trait Clock: Send + Sync {
    /// Now, in whole milliseconds.
    fn now(&self) -> DateTime;
}

/// How long it is from `now` until `at`; nothing if that has passed.
pub fn until(now: DateTime, at: DateTime) -> std::time::Duration {
    let millis = at.timestamp_millis().saturating_sub(now.timestamp_millis());
    std::time::Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

/// `at` and `after` it, saturating.
pub fn later(at: DateTime, after: std::time::Duration) -> DateTime {
    let millis = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(at.timestamp_millis().saturating_add(millis))
}
