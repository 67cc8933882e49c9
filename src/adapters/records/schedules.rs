//! `schedules` over the document port.

use async_trait::async_trait;
use bson::{Bson, DateTime, Document};
use jobs::{
    model::{Rule, Schedule, ScheduleName},
    ports::{PortError, Schedules},
};

use super::{Records, collections::SCHEDULES, read, readable, write};
use crate::adapters::documents::{Change, Guard, Query};

const WHAT: &str = "schedules";
/// Where the rule stands as the program brought it along.
const BUILT_IN: &str = "builtIn";
/// Where these change, the next tick is another one.
const TIMES: [&str; 2] = ["cron", "timeZone"];
/// So often a definition is tried again when somebody else writes at the same time.
const TRIES: u32 = 4;

#[async_trait]
impl Schedules for Records {
    async fn define(&self, name: &ScheduleName, rule: &Rule) -> Result<(), PortError> {
        let rule = write(rule, WHAT)?;
        for _ in 0..TRIES {
            let Some(found) = self.store.get(&SCHEDULES, &name.into()).await? else {
                let mut schedule = rule.clone();
                schedule.insert("_id", Bson::from(name));
                schedule.insert("paused", false);
                schedule.insert(BUILT_IN, rule.clone());
                match self.store.insert(&SCHEDULES, schedule).await {
                    Err(PortError::Conflict(_)) => continue,
                    answer => return answer,
                }
            };
            let Some((guard, change)) = redefined(&found, &rule) else { return Ok(()) };
            if self.store.patch(&SCHEDULES, &name.into(), guard, change).await?.is_some() {
                return Ok(());
            }
        }
        Err(PortError::Conflict(format!("the schedule {name} is written by too many at once")))
    }

    async fn put(&self, name: &ScheduleName, rule: &Rule) -> Result<(), PortError> {
        let rule = write(rule, WHAT)?;
        for _ in 0..TRIES {
            let Some(found) = self.store.get(&SCHEDULES, &name.into()).await? else {
                let mut schedule = rule.clone();
                schedule.insert("_id", Bson::from(name));
                schedule.insert("paused", false);
                match self.store.insert(&SCHEDULES, schedule).await {
                    Err(PortError::Conflict(_)) => continue,
                    answer => return answer,
                }
            };
            let is_moved = TIMES.iter().any(|field| found.get(field) != rule.get(field));
            let change = rule.iter().fold(Change::new(), |change, (field, value)| {
                change.set(field.clone(), value.clone())
            });
            let change = if is_moved { change.unset("nextAt") } else { change };
            if self.store.patch(&SCHEDULES, &name.into(), Guard::none(), change).await?.is_some() {
                return Ok(());
            }
        }
        Err(PortError::Conflict(format!("the schedule {name} is written by too many at once")))
    }

    async fn remove(&self, name: &ScheduleName) -> Result<bool, PortError> {
        self.store.delete(&SCHEDULES, &name.into(), Guard::none()).await
    }

    async fn soonest(&self, limit: u32) -> Result<Vec<Schedule>, PortError> {
        let found = self.store.find(&SCHEDULES, Query::over("nextAt", limit)).await?;
        Ok(found.into_iter().filter_map(|schedule| readable(schedule, WHAT)).collect())
    }

    async fn move_on(
        &self,
        before: &Schedule,
        next: DateTime,
        last: Option<DateTime>,
    ) -> Result<bool, PortError> {
        let guard = Guard::none()
            .eq("nextAt", before.next_at.map_or(Bson::Null, Bson::DateTime))
            .eq("cron", before.rule.cron.as_str());
        let change = Change::new().set("nextAt", next);
        let change = last.into_iter().fold(change, |change, last| change.set("lastAt", last));
        let written = self.store.patch(&SCHEDULES, &(&before.name).into(), guard, change).await?;
        Ok(written.is_some())
    }

    async fn schedule(&self, name: &ScheduleName) -> Result<Schedule, PortError> {
        let found = self.store.get(&SCHEDULES, &name.into()).await?;
        let missing = || PortError::Missing(format!("there is no schedule {name}"));
        read(found.ok_or_else(missing)?, WHAT)
    }
}

/// What has to be written so that `found`, which the program defined earlier, follows `rule` where
/// nobody else has changed it; `None` if it does.
fn redefined(found: &Document, rule: &Document) -> Option<(Guard, Change)> {
    let earlier = found.get_document(BUILT_IN).ok();
    if earlier == Some(rule) {
        return None;
    }
    let (mut guard, mut change) = (Guard::none(), Change::new().set(BUILT_IN, rule.clone()));
    let mut is_moved = false;
    for (field, value) in rule {
        let said = earlier.and_then(|earlier| earlier.get(field));
        let stands = found.get(field);
        if stands == said && stands != Some(value) {
            guard = guard.eq(field.clone(), stands.cloned().unwrap_or(Bson::Null));
            change = change.set(field.clone(), value.clone());
            is_moved |= TIMES.contains(&field.as_str());
        }
    }
    Some((guard, if is_moved { change.unset("nextAt") } else { change }))
}
