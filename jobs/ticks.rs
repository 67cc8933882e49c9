//! When a schedule is due: cron expressions in their zone, and what is done about late ticks. Pure.
//!
//! The zones' rules are in the program, so that all processes of one version agree. Where the clock
//! is put forward or back, one fixed time a day (`30 2 * * *`) runs once on that day: a time that
//! the clock skips, at the first moment after the gap; a time that it shows twice, the first time.
//! Lists, steps and `*` in the time of day follow the clock: what it skips does not run, what it
//! shows twice runs twice.

use std::time::Duration;

use bson::DateTime;
use croner::{
    Cron,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
};
use jiff::{Timestamp, Zoned, tz::TimeZone};

use crate::{
    model::{Misfire, Rule, Schedule},
    ports::{PortError, later},
};

/// A tick that is found within this time is on time: a restart with its drain takes less.
const ON_TIME: Duration = Duration::from_secs(60);
/// Older ticks are never made up for. The record of a tick's job is kept for as long at least, so
/// that a tick cannot come twice.
const CATCH_UP_LONGEST: Duration = Duration::from_secs(24 * 3600);
/// So many ticks are made up for in one go; those behind them are still due after it.
const BATCH: usize = 100;

/// What is to be done about a schedule now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The ticks whose jobs are to be put, oldest first.
    pub fire: Vec<DateTime>,
    /// The tick after them.
    pub next: DateTime,
}

/// What is to be done about `schedule` at `now`; `None` while its next tick is in the future.
///
/// Refused where the expression or the zone is none, or where the expression never comes true.
pub fn plan(schedule: &Schedule, now: DateTime) -> Result<Option<Plan>, PortError> {
    if schedule.next_at.is_some_and(|next| next > now) {
        return Ok(None);
    }
    let ticks = Ticks::of(&schedule.rule)?;
    let plan = match schedule.next_at {
        Some(first) if !schedule.paused => ticks.late(&schedule.rule, first, now)?,
        _ => Plan { fire: Vec::new(), next: ticks.after(now)? },
    };
    Ok(Some(plan))
}

/// The times at which a rule is due.
pub struct Ticks {
    cron: Cron,
    zone: TimeZone,
    text: String,
}

impl Ticks {
    /// The ticks of `rule`. Refused: `bad_cron`, `bad_time_zone`.
    pub fn of(rule: &Rule) -> Result<Self, PortError> {
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed);
        let cron =
            parser.build().parse(&rule.cron).map_err(|error| bad_cron(&rule.cron, &error))?;
        let zone = TimeZone::get(&rule.time_zone).map_err(|_| {
            let message = format!("{:?} is no time zone such as Europe/Paris", rule.time_zone);
            PortError::refused("bad_time_zone", message)
        })?;
        Ok(Self { cron, zone, text: rule.cron.clone() })
    }

    /// The first tick after `at`. Refused where there is none.
    pub fn after(&self, at: DateTime) -> Result<DateTime, PortError> {
        self.found(self.cron.find_next_occurrence(&self.local(at)?, false))
    }

    /// The last tick at or before `at`.
    fn until(&self, at: DateTime) -> Result<DateTime, PortError> {
        self.found(self.cron.find_previous_occurrence(&self.local(at)?, true))
    }

    /// The plan where `first` was the next tick and `now` is not before it.
    fn late(&self, rule: &Rule, first: DateTime, now: DateTime) -> Result<Plan, PortError> {
        let on_time = earlier(now, ON_TIME);
        let window = Duration::from_secs(rule.catch_up_seconds.into());
        let oldest = on_time.min(earlier(now, window.min(CATCH_UP_LONGEST)));
        if rule.misfire == Misfire::All {
            return self.between(first, oldest, now);
        }
        let mut plan = self.between(first, on_time, now)?;
        if plan.fire.is_empty() && rule.misfire == Misfire::FireOnce {
            let latest = self.until(now)?.max(first);
            plan.fire.extend((latest >= oldest).then_some(latest));
        }
        Ok(plan)
    }

    /// Fires the ticks from `first` to `now` that are not before `oldest`.
    fn between(&self, first: DateTime, oldest: DateTime, now: DateTime) -> Result<Plan, PortError> {
        let before = DateTime::from_millis(oldest.timestamp_millis().saturating_sub(1));
        let mut next = if first >= oldest { first } else { self.after(before)? };
        let mut fire = Vec::new();
        while next <= now && fire.len() < BATCH {
            fire.push(next);
            next = self.after(next)?;
        }
        Ok(Plan { fire, next })
    }

    fn local(&self, at: DateTime) -> Result<Zoned, PortError> {
        let at = Timestamp::from_millisecond(at.timestamp_millis())
            .map_err(|error| PortError::refused("bad_cron", error.to_string()))?;
        Ok(at.to_zoned(self.zone.clone()))
    }

    fn found(&self, found: Result<Zoned, CronError>) -> Result<DateTime, PortError> {
        match found {
            Ok(at) => Ok(DateTime::from_millis(at.timestamp().as_millisecond())),
            Err(CronError::TimeSearchLimitExceeded) => {
                let message = format!("the expression {:?} never comes true", self.text);
                Err(PortError::refused("bad_cron", message))
            }
            Err(error) => Err(bad_cron(&self.text, &error)),
        }
    }
}

fn bad_cron(text: &str, error: &CronError) -> PortError {
    PortError::refused("bad_cron", format!("the expression {text:?} is not understood: {error}"))
}

fn earlier(at: DateTime, by: Duration) -> DateTime {
    let by = later(DateTime::from_millis(0), by).timestamp_millis();
    DateTime::from_millis(at.timestamp_millis().saturating_sub(by))
}

#[cfg(test)]
mod tests;
