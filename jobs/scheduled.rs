//! From a schedule to the tickets of its jobs.

use bson::{DateTime, oid::ObjectId};

use crate::{
    model::{Misfire, Schedule},
    ports::{PortError, Ticket},
    ticks::Ticks,
};

/// The ticket of one tick: whoever puts it again, from whatever process, puts nothing.
///
/// Refused: `unknown_kind`, `bad_args`.
pub fn ticket_of_tick(schedule: &Schedule, tick: DateTime) -> Result<Ticket, PortError> {
    let key = format!("cron:{}:{}", schedule.name, tick.timestamp_millis());
    let mut ticket = ticket(schedule, &key)?;
    if schedule.rule.misfire == Misfire::All {
        ticket.unique_key.clone_from(&key);
    }
    ticket.once_key = Some(key);
    ticket.run_at = Some(tick);
    Ok(ticket)
}

/// The ticket of a job that somebody wants beside the ticks; each call names another one.
pub fn ticket_of_wish(schedule: &Schedule) -> Result<Ticket, PortError> {
    let key = format!("cron:{}:wish:{}", schedule.name, ObjectId::new());
    let mut ticket = ticket(schedule, &key)?;
    ticket.unique_key = key;
    Ok(ticket)
}

fn ticket(schedule: &Schedule, key: &str) -> Result<Ticket, PortError> {
    let mut args = schedule.rule.args.clone();
    if let Some(name) = &schedule.rule.once_arg {
        args.insert(name, key);
    }
    Ticket::named(&schedule.rule.kind, args)
}

/// Why this version cannot follow a schedule, if it cannot.
pub fn fault(schedule: &Schedule) -> Option<PortError> {
    ticket(schedule, "cron").err().or_else(|| Ticks::of(&schedule.rule).err())
}
