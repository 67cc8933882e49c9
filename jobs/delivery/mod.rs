//! How a notification reaches a person: what each channel does, and what is written down of it.

mod arrive;
mod compose;
pub mod decide;
mod digest;
mod draft;
mod email;
mod explain;
mod outcome;
mod push;
pub mod receipts;
mod record;
mod report;
mod sms;
pub mod tickets;
mod wishes;

use std::time::Duration;

use crate::{
    job::{JobError, Outcome},
    links::Links,
    model::{
        Channel, Delivery, DeliveryError, DeliveryState, Notification, NotificationId, Preferences,
        StepError, User,
    },
    ports::{
        Carriers, Clock, Contacts, JobQueue, Live, Notifications, PortError, Templates, Users,
    },
    seals::Seals,
};

use decide::{Case, Decision, decide};

pub use arrive::{check, take_in};
pub use draft::{Draft, create};
pub use explain::{Language, explain};
pub use record::change;
pub use report::{Report, Reported, report};
pub use wishes::check as check_wishes;

crate::needs! {
    clock: dyn Clock,
    notifications: dyn Notifications,
    contacts: dyn Contacts,
    users: dyn Users,
    queue: dyn JobQueue,
    carriers: Carriers,
    templates: dyn Templates,
    links: Links,
    seals: Seals,
    app: App,
    live: dyn Live,
}

/// How messages speak of the product.
#[derive(Debug, Clone)]
pub struct App {
    /// Its name, for people.
    pub name: String,
    /// Scheme and host of its pages, without a slash at the end: what an `actionUrl` such as
    /// `/events/1` is added to. Empty: such links are left out.
    pub url: String,
    /// A mail server that reports what arrives is waited for so long after a crash, before the same
    /// mail is sent again.
    pub report_wait: Duration,
}

/// One delivery as its turn comes.
struct Turn<'a> {
    needs: &'a Needs,
    notification: Notification,
    channel: Channel,
    user: Option<User>,
}

/// Does what is to be done now about a notification on one channel.
pub async fn deliver(
    needs: &Needs,
    id: NotificationId,
    channel: Channel,
) -> Result<Outcome, JobError> {
    let notification = match needs.notifications.notification(id).await {
        Err(PortError::Missing(_)) => return Ok(Outcome::Noted("it is gone".to_owned())),
        found => found?,
    };
    let user = needs.users.user(notification.user_id).await?;
    let preferences = needs.contacts.preferences(notification.user_id).await?;
    let decision = {
        let wishes = preferences.as_ref().map(|Preferences { wishes, .. }| wishes);
        let (user, now) = (user.as_ref(), needs.clock.now());
        decide(Case { notification: &notification, channel, user, wishes, now })
    };
    let turn = Turn { needs, notification, channel, user };
    match turn.act(decision).await {
        // The store has removed it meanwhile: it has expired.
        Err(JobError::Fail { code, .. }) if code == "missing" => {
            Ok(Outcome::Noted("it is gone".to_owned()))
        }
        ended => ended,
    }
}

impl Turn<'_> {
    async fn act(self, decision: Decision) -> Result<Outcome, JobError> {
        let turn = self;
        match decision {
            Decision::Nothing => Ok(Outcome::Done),
            Decision::Wait(at, reason) => turn.wait(at, reason).await,
            Decision::Gather(seconds) => digest::gather(turn, seconds).await,
            Decision::Gathered => digest::follow(turn).await,
            Decision::Skip(reason) => turn.end(DeliveryState::Skipped, Some(reason)).await,
            Decision::Expire => turn.end(DeliveryState::Expired, None).await,
            Decision::Send => turn.send().await,
            Decision::Unknown => turn.after_a_crash().await,
        }
    }

    /// The delivery as it was read.
    fn delivery(&self) -> Option<&Delivery> {
        self.notification.deliveries.as_ref()?.get(self.channel)
    }

    fn seen(&self) -> (DeliveryState, u32) {
        let seen = self.delivery().map(|delivery| (delivery.state, delivery.attempts));
        seen.unwrap_or_default()
    }

    /// Changes the delivery, unless somebody else has since it was read; whether that was done.
    async fn write(
        &self,
        mut compute: impl FnMut(&mut Delivery, bson::DateTime),
    ) -> Result<Option<Notification>, PortError> {
        let (seen, mut is_written) = (self.seen(), false);
        let written =
            record::deliver(self.needs, self.notification.id, self.channel, |delivery, now| {
                is_written = (delivery.state, delivery.attempts) == seen;
                if is_written {
                    compute(delivery, now);
                }
                is_written
            });
        let written = written.await?;
        Ok(is_written.then_some(written))
    }

    async fn wait(
        &self,
        at: bson::DateTime,
        reason: Option<&'static str>,
    ) -> Result<Outcome, JobError> {
        if let Some(reason) = reason {
            let wait = |delivery: &mut Delivery, _| {
                delivery.state = DeliveryState::Deferred;
                delivery.next_attempt_at = Some(at);
                delivery.skip_reason = Some(reason.to_owned());
            };
            self.write(wait).await?;
        }
        outcome::waits(self.needs, self.notification.id, at).await
    }

    async fn end(
        &self,
        state: DeliveryState,
        reason: Option<&'static str>,
    ) -> Result<Outcome, JobError> {
        self.write(|delivery, _| delivery.end(state, reason)).await?;
        let word = reason.unwrap_or("expired");
        Ok(Outcome::Noted(format!("{} not sent: {word}", self.channel.as_str())))
    }

    async fn send(self) -> Result<Outcome, JobError> {
        match self.channel {
            Channel::Email => email::send(self).await,
            Channel::Push => push::send(self).await,
            Channel::Sms => sms::send(self).await,
            // The document itself is the message.
            Channel::InApp => {
                let sent = |delivery: &mut Delivery, now| {
                    delivery.attempts += 1;
                    outcome::sent(delivery, None, now);
                };
                self.write(sent).await?;
                Ok(Outcome::Done)
            }
        }
    }

    /// The process died while it sent, or the connection broke: what is done depends on whether a
    /// second copy does harm.
    async fn after_a_crash(self) -> Result<Outcome, JobError> {
        match self.channel {
            Channel::Email => email::send_again(self).await,
            Channel::Sms => sms::give_up(self).await,
            // The copy replaces the first.
            Channel::Push | Channel::InApp => self.send().await,
        }
    }
}

/// Says that a delivery will never come to its end.
pub async fn give_up(
    needs: &Needs,
    id: NotificationId,
    channel: Channel,
    error: &StepError,
) -> Result<(), PortError> {
    let StepError { class, code, message } = error.clone();
    let error = DeliveryError { class, code, message };
    let failed = record::deliver(needs, id, channel, |delivery, _| {
        let is_open = delivery.state.is_open();
        if is_open {
            record::fail(delivery, error.clone());
        }
        is_open
    });
    gone_is_fine(failed.await)
}

/// Opens a delivery again that has failed, at an operator's wish.
pub async fn revive(needs: &Needs, id: NotificationId, channel: Channel) -> Result<(), PortError> {
    let opened = record::deliver(needs, id, channel, |delivery, _| {
        let has_failed = delivery.state == DeliveryState::Failed;
        if has_failed {
            delivery.state = DeliveryState::Queued;
            delivery.attempts = 0;
        }
        has_failed
    });
    opened.await.map(drop)
}

/// The store removes what has expired, whoever is still at work on it.
fn gone_is_fine(written: Result<Notification, PortError>) -> Result<(), PortError> {
    match written {
        Ok(_) | Err(PortError::Missing(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
