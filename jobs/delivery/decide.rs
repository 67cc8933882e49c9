//! Whether a notification goes out by a channel now. Pure.

use bson::DateTime;

use crate::{
    model::{Channel, Delivery, DeliveryState, Notification, User, Wishes},
    quiet_hours,
};

/// What is known as a delivery's turn comes.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The notification.
    pub notification: &'a Notification,
    /// The channel.
    pub channel: Channel,
    /// Whom it is for, if anybody has told us of this user.
    pub user: Option<&'a User>,
    /// What that user wishes, if anything was said.
    pub wishes: Option<&'a Wishes>,
    /// When it is.
    pub now: DateTime,
}

/// What becomes of a delivery now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is left to do.
    Nothing,
    /// It goes out.
    Send,
    /// An attempt was begun and nobody knows what became of it.
    Unknown,
    /// Its words go out with those of another notification.
    Gathered,
    /// Not before then, for this reason if it is a new one.
    Wait(DateTime, Option<&'static str>),
    /// It is gathered with others for so many seconds.
    Gather(u32),
    /// A rule says that it is not sent.
    Skip(&'static str),
    /// Its time is over.
    Expire,
}

/// Why a delivery waits or was not sent; the words stand in `skipReason`.
pub mod reason {
    #![expect(missing_docs, reason = "README.md lists and explains them")]
    pub const READ: &str = "read";
    pub const FALLBACK: &str = "fallback";
    pub const NOT_NEEDED: &str = "not_needed";
    pub const UNKNOWN_USER: &str = "unknown_user";
    pub const INACTIVE_USER: &str = "inactive_user";
    pub const PREFERENCES: &str = "preferences";
    pub const QUIET_HOURS: &str = "quiet_hours";
    pub const DIGEST: &str = "digest";
    pub const NO_ADDRESS: &str = "no_address";
    pub const NO_DEVICE: &str = "no_device";
    pub const SUPPRESSED: &str = "suppressed";
    pub const CHANNEL_OFF: &str = "channel_off";
    pub const CANCELLED: &str = "cancelled";
    pub const EVENT_CANCELLED: &str = "event_cancelled";
}

/// Decides.
pub fn decide(case: Case<'_>) -> Decision {
    let Case { notification, channel, now, .. } = case;
    let deliveries = notification.deliveries.as_ref();
    let Some(delivery) = deliveries.and_then(|all| all.get(channel)) else {
        return Decision::Nothing;
    };
    if !delivery.state.is_open() {
        return Decision::Nothing;
    }
    if delivery.state == DeliveryState::Claimed {
        return Decision::Gathered;
    }
    let at = delivery.next_attempt_at.unwrap_or_else(|| notification.due_at(now));
    if at > now {
        return Decision::Wait(at, None);
    }
    if notification.has_expired(now) {
        return Decision::Expire;
    }
    match skipped(case) {
        Some(reason) => Decision::Skip(reason),
        None if delivery.state == DeliveryState::Sending => Decision::Unknown,
        None => waits(case, delivery).unwrap_or(Decision::Send),
    }
}

/// Why it is not sent at all.
fn skipped(case: Case<'_>) -> Option<&'static str> {
    let Case { notification, channel, user, wishes, .. } = case;
    if notification.is_read() {
        return Some(reason::READ);
    }
    let fallback = notification.fallback_of(channel);
    if fallback.is_some_and(|fallback| notification.is_needless(fallback.unless)) {
        return Some(reason::NOT_NEEDED);
    }
    if user.is_some_and(|user| user.active == Some(false)) {
        return Some(reason::INACTIVE_USER);
    }
    // Its list of notifications needs no address, and devices are registered without a profile.
    if user.is_none() && matches!(channel, Channel::Email | Channel::Sms) {
        return Some(reason::UNKNOWN_USER);
    }
    let is_allowed = wishes.is_none_or(|wishes| wishes.allows(&notification.kind, channel));
    (!is_allowed).then_some(reason::PREFERENCES)
}

/// Why it is not sent yet.
fn waits(case: Case<'_>, delivery: &Delivery) -> Option<Decision> {
    let Case { notification, channel, user, wishes, now } = case;
    let quiet = wishes.and_then(|wishes| wishes.quiet_hours.as_ref());
    if let Some(quiet) = quiet.filter(|quiet| {
        quiet.channels.contains(&channel) && !quiet.except.contains(&notification.kind)
    }) {
        let zone = user.and_then(|user| user.time_zone.as_deref());
        if let Some(end) = quiet_hours::end(quiet, zone, now) {
            let at = quiet_hours::spread(end, notification.id);
            return Some(Decision::Wait(at, Some(reason::QUIET_HOURS)));
        }
    }
    // The list of notifications shows each of them; what has been tried is not put off again.
    let is_begun = delivery.attempts > 0 || delivery.state == DeliveryState::Retry;
    if channel == Channel::InApp || is_begun || delivery.gathered {
        return None;
    }
    let said = notification.digest.as_ref().filter(|digest| digest.is_of(channel));
    let said = said.map(|digest| digest.window_seconds);
    let wished = || wishes.and_then(|wishes| wishes.gathers(&notification.kind, channel));
    said.or_else(wished).map(Decision::Gather)
}
