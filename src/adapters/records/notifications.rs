//! `notifications` over the document port.

use async_trait::async_trait;
use bson::{Bson, DateTime, Document};
use futures_util::future::try_join_all;
use jobs::{
    model::{
        Deliveries, DeliveryState, EventId, Notification, NotificationId, NotificationStatus,
        UserId,
    },
    ports::{Foreign, NotificationFilter, NotificationPage, Notifications, PortError, until},
};

use super::{Records, collections::NOTIFICATIONS, diff::diff, read, readable, write};
use crate::adapters::documents::{Change, Edge, Guard, Query, Test};

const WHAT: &str = "notifications";

#[async_trait]
impl Notifications for Records {
    async fn create(&self, new: &Notification) -> Result<(Notification, bool), PortError> {
        let Err(error) = self.store.insert(&NOTIFICATIONS, write(new, WHAT)?).await else {
            return Ok((new.clone(), true));
        };
        let PortError::Conflict(_) = error else { return Err(error) };
        let of_key = match &new.dedupe_key {
            Some(key) => {
                let query = Query::over("dedupeKey", 1).at(key.as_str());
                self.store.find(&NOTIFICATIONS, query).await?.into_iter().next()
            }
            None => None,
        };
        match of_key {
            Some(first) => Ok((read(first, WHAT)?, false)),
            None => Ok((self.notification(new.id).await?, false)),
        }
    }

    async fn create_all(&self, new: &[Notification]) -> Result<(), PortError> {
        // All at once: the embedded engine then keeps them in one commit.
        try_join_all(new.iter().map(|new| self.create(new))).await.map(drop)
    }

    async fn notification(&self, id: NotificationId) -> Result<Notification, PortError> {
        let found = self.store.get(&NOTIFICATIONS, &id.into()).await?;
        let missing = || PortError::Missing(format!("the notification {id} does not exist"));
        read(found.ok_or_else(missing)?, WHAT)
    }

    async fn update(
        &self,
        before: &Notification,
        mut after: Notification,
    ) -> Result<Notification, PortError> {
        after.rev = Some(before.rev.unwrap_or(0).saturating_add(1));
        let change = diff(&write(before, WHAT)?, &write(&after, WHAT)?);
        let guard = Guard::none().eq("rev", before.rev.map_or(Bson::Null, Bson::Int64));
        let written = self.store.patch(&NOTIFICATIONS, &before.id.into(), guard, change).await?;
        let lost =
            || PortError::Conflict(format!("the notification {} was written meanwhile", before.id));
        written.ok_or_else(lost)?;
        counted(before, &after, self.clock.now());
        Ok(after)
    }

    async fn foreign(&self, limit: u32) -> Result<Vec<Foreign>, PortError> {
        let query = Query::over("due", limit).at(Bson::Null).at(pending());
        Ok(foreign(self.store.find(&NOTIFICATIONS, query).await?))
    }

    async fn refuse(&self, id: &Bson, why: &str) -> Result<(), PortError> {
        let ids = std::slice::from_ref(id);
        let now = self.clock.now();
        let waits = Guard::none().eq("status", pending());
        let failed = Change::new()
            .set("status", NotificationStatus::Failed.as_str())
            .set("refusal", why)
            .set("updatedAt", now)
            .unset("nextActionAt");
        if self.store.patch_many(&NOTIFICATIONS, ids, waits, failed).await? == 0 {
            // Somebody else has given it another status, which stays.
            let left = Change::new().set("refusal", why).unset("nextActionAt");
            self.store.patch_many(&NOTIFICATIONS, ids, Guard::none(), left).await?;
        }
        Ok(())
    }

    async fn due(&self, now: DateTime, limit: u32) -> Result<Vec<Foreign>, PortError> {
        let from = Edge::Including(DateTime::from_millis(0).into());
        let query = Query { from, ..Query::over("due", limit).up_to(now) };
        Ok(foreign(self.store.find(&NOTIFICATIONS, query).await?))
    }

    async fn looked(
        &self,
        seen: &[NotificationId],
        now: DateTime,
        again: DateTime,
    ) -> Result<(), PortError> {
        let ids: Vec<Bson> = seen.iter().map(|id| (*id).into()).collect();
        // Whoever has written meanwhile knows better.
        let still_due = Guard::none().and("nextActionAt", Test::Lte(now.into()));
        let change = Change::new().set("nextActionAt", again);
        self.store.patch_many(&NOTIFICATIONS, &ids, still_due, change).await.map(drop)
    }

    async fn of_user(&self, filter: &NotificationFilter) -> Result<NotificationPage, PortError> {
        let mut guard = Guard::none();
        if let Some(status) = filter.status {
            guard = guard.eq("status", status.as_str());
        }
        let (index, time) = match filter.since {
            Some(_) => ("userId_updated", "updatedAt"),
            None => ("userId_page", "createdAt"),
        };
        let newest = |limit| Query::over(index, limit).at(filter.user_id);
        let from = filter.since.map_or(Edge::Open, |since| Edge::Including(since.into()));
        let (mut found, mut rest) = (Vec::new(), Query { from, ..newest(filter.limit) });
        if let Some((at, id)) = filter.after {
            // First those of the very same millisecond, in the order of their ids.
            let same = newest(filter.limit).at(at).below(id);
            found = self.store.find(&NOTIFICATIONS, same.such_that(guard.clone())).await?;
            rest = rest.below(at);
        }
        rest.limit = rest.limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        if rest.limit > 0 {
            found.extend(self.store.find(&NOTIFICATIONS, rest.such_that(guard)).await?);
        }
        let last = found.last().filter(|_| found.len() >= filter.limit as usize);
        let next = last.and_then(|last| {
            let id = NotificationId(last.get_object_id("_id").ok()?);
            Some((*last.get_datetime(time).ok()?, id))
        });
        Ok(NotificationPage { notifications: all(found), next })
    }

    async fn open_of(&self, event: EventId, limit: u32) -> Result<Vec<Notification>, PortError> {
        Ok(all(self
            .store
            .find(&NOTIFICATIONS, Query::over("eventId_open", limit).at(event))
            .await?))
    }

    async fn gathered(
        &self,
        user: UserId,
        key: &str,
        limit: u32,
    ) -> Result<Vec<Notification>, PortError> {
        // Those of which nothing is open have no time at which somebody has to look at them.
        let from = Edge::Including(DateTime::from_millis(0).into());
        let query = Query { from, ..Query::over("digest", limit).at(user).at(key) };
        Ok(all(self.store.find(&NOTIFICATIONS, query).await?))
    }
}

fn foreign(found: Vec<Document>) -> Vec<Foreign> {
    let foreign = |document: Document| {
        let id = document.get("_id").cloned()?;
        let read = read(document, WHAT).map_err(|error| error.to_string());
        Some(Foreign { id, read })
    };
    found.into_iter().filter_map(foreign).collect()
}

/// Counts the deliveries that have ended so by this write, and those that were begun by it.
fn counted(before: &Notification, after: &Notification, now: DateTime) {
    let was = |channel| before.deliveries.as_ref().and_then(|all| all.get(channel));
    for (channel, delivery) in after.deliveries.iter().flat_map(Deliveries::all) {
        let (state, attempts) =
            was(channel).map_or((DeliveryState::Queued, 0), |was| (was.state, was.attempts));
        let channel = channel.as_str();
        if attempts == 0 && delivery.attempts == 1 {
            let lag = until(after.due_at(now), now);
            metrics::histogram!("notification_lag_seconds", "channel" => channel).record(lag);
        }
        if delivery.state != state && !delivery.state.is_open() {
            let outcome = delivery.state.as_str();
            metrics::counter!("notifications_total", "channel" => channel, "outcome" => outcome)
                .increment(1);
        }
    }
}

fn pending() -> &'static str {
    NotificationStatus::Pending.as_str()
}

fn all(found: Vec<Document>) -> Vec<Notification> {
    found.into_iter().filter_map(|document| readable(document, WHAT)).collect()
}
