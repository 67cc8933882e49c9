//! The tickets of notifications: one for each channel that is due, and one for the next look.

use bson::DateTime;

use crate::{
    model::{Channel, Notification},
    ports::{PortError, Ticket},
    route,
};

/// Looks at the due ones fall on multiples of this, in milliseconds, so that many notifications
/// share one; none of them is later than that.
const TOGETHER: i64 = 250;

/// What comes first where a notification does not say so: people wait for an invitation, nobody for
/// a reminder, of which there are many.
fn priority(notification: &Notification) -> u8 {
    notification.priority.map_or(
        match notification.kind.as_str() {
            "reminder" => 6,
            "event_invite" | "message" | "task_assigned" => 2,
            _ => 4,
        },
        |said| said.min(9),
    )
}

/// The tickets of these channels.
pub fn of_channels(
    notification: &Notification,
    channels: &[Channel],
) -> Result<Vec<Ticket>, PortError> {
    let ticket = |channel: &Channel| {
        let ticket = route::delivery(notification.id, *channel)?;
        Ok(Ticket { priority: priority(notification), ..ticket })
    };
    channels.iter().map(ticket).collect()
}

/// All that a notification needs now: tickets of what is due, and of the next look if there is one.
pub fn all(notification: &Notification, now: DateTime) -> Result<Vec<Ticket>, PortError> {
    let mut tickets = of_channels(notification, &notification.due(now))?;
    tickets.extend(look(notification, now)?);
    Ok(tickets)
}

/// The ticket of the next look at what is due, if something of the notification waits for its time.
/// What is under way has a ticket of its own, and is looked after by the minute.
pub fn look(notification: &Notification, now: DateTime) -> Result<Option<Ticket>, PortError> {
    let Some(next) = notification.next_wait(now) else { return Ok(None) };
    let millis = next.timestamp_millis();
    let at = millis.saturating_add((TOGETHER - millis.rem_euclid(TOGETHER)) % TOGETHER);
    let ticket = route::look()?;
    let unique_key = format!("{}:{at}", ticket.unique_key);
    let run_at = Some(DateTime::from_millis(at));
    Ok(Some(Ticket { unique_key, run_at, ..ticket }))
}
