//! Cron without a leader: each tick is a ticket that only one process can put.
//!
//! Whoever finds a tick due puts its ticket, whose key nobody can put twice, and only then moves
//! the schedule on. Any number of processes may do so at once, and one that dies in between leaves
//! a schedule that is still due.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bson::DateTime;
use jobs::{
    job::Job,
    model::{Rule, Schedule, ScheduleName},
    ports::{Clock, JobQueue, PortError, Schedules, Ticket, later},
    release_due::ReleaseDue,
    scheduled::ticket_of_tick,
    sweep::Sweep,
    ticks::plan,
};
use tokio_util::sync::CancellationToken;

use super::POLL_SLOWEST;

/// So many schedules are looked at in one go; they come by their next tick.
const BATCH: u32 = 100;
/// The longest time between two looks, each of which is one read: what others have put or changed
/// is found by then.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The names of the schedules that the program brings along.
const SWEEP: &str = "sweep";
const RELEASE_DUE: &str = "release_due";
/// The names of all that it brings along.
pub const BUILT_IN: [&str; 2] = [SWEEP, RELEASE_DUE];

/// What the program itself does again and again.
fn built_in() -> [(ScheduleName, Rule); BUILT_IN.len()] {
    [(SWEEP, Sweep::KIND), (RELEASE_DUE, ReleaseDue::KIND)]
        .map(|(name, kind)| (ScheduleName(name.to_owned()), Rule::new(kind, "* * * * *")))
}

/// Puts the jobs of schedules when they are due.
pub struct Scheduler {
    schedules: Arc<dyn Schedules>,
    queue: Arc<dyn JobQueue>,
    clock: Arc<dyn Clock>,
    /// Rules that this version cannot follow: said once, and not tried again until they change.
    odd: RwLock<HashMap<ScheduleName, Rule>>,
}

impl Scheduler {
    /// A scheduler over these; any number may work side by side.
    pub fn new(
        schedules: Arc<dyn Schedules>,
        queue: Arc<dyn JobQueue>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { schedules, queue, clock, odd: RwLock::default() }
    }

    /// Works until `stop`; the store's troubles are logged and waited for, never passed on.
    pub async fn run(self, stop: CancellationToken) {
        let mut is_defined = false;
        loop {
            let round = async {
                if !is_defined {
                    self.define().await?;
                    is_defined = true;
                }
                self.round().await
            };
            let pause = round.await.unwrap_or_else(|error| {
                tracing::warn!(%error, "schedules could not be looked at, trying again");
                POLL_SLOWEST
            });
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Keeps the schedules that the program brings along.
    pub async fn define(&self) -> Result<(), PortError> {
        for (name, rule) in built_in() {
            self.schedules.define(&name, &rule).await?;
        }
        Ok(())
    }

    /// Puts the jobs of all ticks that are due; how long until it is worth to look again.
    pub async fn round(&self) -> Result<Duration, PortError> {
        let mut pause = LOOK_EVERY;
        // Odd ones are not moved on: they must not stand before the others.
        for schedule in self.schedules.soonest(BATCH.saturating_add(self.odd_ones())).await? {
            if self.is_odd(&schedule) {
                continue;
            }
            let next = match self.tick(&schedule).await {
                Ok(next) => next,
                Err(error @ (PortError::Missing(_) | PortError::Refused { .. })) => {
                    self.give_up(schedule, &error);
                    // It kept another one out of this look.
                    pause = Duration::ZERO;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let now = self.clock.now().timestamp_millis();
            let millis = next.timestamp_millis().saturating_sub(now).max(0);
            pause = pause.min(Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
        }
        Ok(pause)
    }

    /// Puts the jobs of one schedule's ticks that are due, then moves it on; its next tick.
    async fn tick(&self, schedule: &Schedule) -> Result<DateTime, PortError> {
        let now = self.clock.now();
        let Some(plan) = plan(schedule, now)? else {
            return Ok(schedule.next_at.unwrap_or(now));
        };
        let tickets = plan.fire.iter().map(|tick| self.ticket(schedule, *tick));
        let tickets = tickets.collect::<Result<Vec<_>, _>>()?;
        if !tickets.is_empty() {
            self.queue.push(&tickets).await?;
        }
        let last = plan.fire.last().copied();
        // Somebody else may have been first, with the same jobs and the same next tick.
        if self.schedules.move_on(schedule, plan.next, last).await? {
            for tick in &plan.fire {
                let lag = now.timestamp_millis().saturating_sub(tick.timestamp_millis());
                let lag = Duration::from_millis(u64::try_from(lag).unwrap_or(0));
                let name = schedule.name.0.clone();
                metrics::histogram!("schedule_lag_seconds", "schedule" => name).record(lag);
            }
        }
        Ok(plan.next)
    }

    fn ticket(&self, schedule: &Schedule, tick: DateTime) -> Result<Ticket, PortError> {
        let mut ticket = ticket_of_tick(schedule, tick)?;
        let jitter = Duration::from_secs(schedule.rule.jitter_seconds.into());
        ticket.run_at = Some(later(tick, jitter.mul_f64(fastrand::f64())));
        Ok(ticket)
    }

    fn odd_ones(&self) -> u32 {
        let odd = self.odd.read().unwrap_or_else(PoisonError::into_inner);
        u32::try_from(odd.len()).unwrap_or(u32::MAX)
    }

    fn is_odd(&self, schedule: &Schedule) -> bool {
        let odd = self.odd.read().unwrap_or_else(PoisonError::into_inner);
        odd.get(&schedule.name) == Some(&schedule.rule)
    }

    /// The others go on; another version of the program may know what to do.
    fn give_up(&self, schedule: Schedule, error: &PortError) {
        tracing::error!(schedule = %schedule.name, %error, "a schedule cannot be followed");
        let mut odd = self.odd.write().unwrap_or_else(PoisonError::into_inner);
        odd.insert(schedule.name, schedule.rule);
    }
}
