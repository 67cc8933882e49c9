//! What follows from how the channels of a notification fare: its status, and when to look again.

use bson::DateTime;

use super::{
    Channel, Deliveries, Delivery, DeliveryState, Notification, NotificationStatus, Unless,
};

/// A delivery that is under way is looked after so much later, in milliseconds: its ticket may have
/// been lost with its process.
const LOOK_AFTER: i64 = 60_000;

impl DeliveryState {
    /// Whether something is still to be done.
    pub fn is_open(self) -> bool {
        use DeliveryState::{Claimed, Deferred, Queued, Retry, Sending};
        matches!(self, Queued | Deferred | Claimed | Sending | Retry)
    }

    /// Those in which nothing is left to do.
    pub const ENDED: [Self; 7] = [
        Self::Sent,
        Self::Delivered,
        Self::Read,
        Self::Failed,
        Self::Skipped,
        Self::Cancelled,
        Self::Expired,
    ];

    /// Its word in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Deferred => "deferred",
            Self::Claimed => "claimed",
            Self::Sending => "sending",
            Self::Retry => "retry",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// How far it has come, if anywhere.
    fn reached(self) -> Option<NotificationStatus> {
        match self {
            Self::Sent => Some(NotificationStatus::Sent),
            Self::Delivered => Some(NotificationStatus::Delivered),
            Self::Read => Some(NotificationStatus::Read),
            _ => None,
        }
    }
}

impl NotificationStatus {
    /// pending < sent < delivered < read; the ends without an arrival count as nothing.
    fn rank(self) -> u8 {
        match self {
            Self::Sent => 1,
            Self::Delivered => 2,
            Self::Read => 3,
            _ => 0,
        }
    }

    /// Its word in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

impl Deliveries {
    /// Those that there are.
    pub fn all(&self) -> impl Iterator<Item = (Channel, &Delivery)> {
        Channel::ALL.into_iter().filter_map(|channel| Some((channel, self.get(channel)?)))
    }

    /// Those that there are, to change.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Delivery> {
        let Self { push, email, in_app, sms } = self;
        [push, email, in_app, sms].into_iter().flatten()
    }
}

impl Notification {
    /// When it is to be sent, as far as its writer says.
    pub fn due_at(&self, now: DateTime) -> DateTime {
        self.scheduled_for.unwrap_or_else(|| self.created_at.unwrap_or(now).min(now))
    }

    /// Whether its time has passed.
    pub fn has_expired(&self, now: DateTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether the user has read it, by whatever way.
    pub fn is_read(&self) -> bool {
        self.read_at.is_some() || self.status == NotificationStatus::Read
    }

    /// Gives each channel its delivery: from here on it is ours to send.
    pub fn take_in(&mut self, now: DateTime) {
        let due = self.due_at(now);
        let mut deliveries = Deliveries::default();
        for fallback in &self.fallback {
            let wait = i64::from(fallback.after_seconds) * 1_000;
            let at = DateTime::from_millis(due.timestamp_millis().saturating_add(wait));
            *deliveries.get_mut(fallback.channel) = Some(Delivery {
                state: DeliveryState::Deferred,
                next_attempt_at: Some(at),
                skip_reason: Some("fallback".to_owned()),
                ..Delivery::default()
            });
        }
        for channel in &self.channels {
            *deliveries.get_mut(*channel) = Some(Delivery::default());
        }
        self.deliveries = Some(deliveries);
        self.created_at.get_or_insert(now);
        self.settle(now);
    }

    /// Computes what follows from the deliveries: `status`, its times, and `nextActionAt`. Status
    /// never goes back.
    pub fn settle(&mut self, now: DateTime) {
        self.wake_fallbacks(now);
        let deliveries = self.deliveries.clone().unwrap_or_default();
        let reached = deliveries.all().flat_map(|(_, delivery)| delivery.reached());
        let read = self.is_read().then_some(NotificationStatus::Read);
        let furthest = reached.chain(read).max_by_key(|status| status.rank());
        let is_open = deliveries.all().any(|(_, delivery)| delivery.state.is_open());
        self.status = match furthest {
            Some(furthest) if furthest.rank() > self.status.rank() => furthest,
            _ if self.status.rank() > 0 => self.status,
            _ if is_open => NotificationStatus::Pending,
            _ => end_of(&deliveries),
        };
        let rank = self.status.rank();
        for (time, needed) in [(&mut self.sent_at, 1), (&mut self.read_at, 3)] {
            if rank >= needed {
                time.get_or_insert(now);
            }
        }
        if rank >= 2 {
            self.delivered_at.get_or_insert(now);
        }
        self.next_action_at = self.next_look(now);
        self.updated_at = Some(now);
    }

    /// The channels whose time has come.
    pub fn due(&self, now: DateTime) -> Vec<Channel> {
        let Some(deliveries) = &self.deliveries else { return Vec::new() };
        let due = |(_, delivery): &(Channel, &Delivery)| {
            delivery.state.is_open() && self.time_of(delivery, now) <= now
        };
        deliveries.all().filter(due).map(|(channel, _)| channel).collect()
    }

    /// Ends all that has not begun; whether that was anything.
    pub fn end_open(&mut self, state: DeliveryState, reason: Option<&str>) -> bool {
        let mut is_changed = false;
        for delivery in self.deliveries.iter_mut().flat_map(Deliveries::all_mut) {
            if delivery.may_end() {
                delivery.end(state, reason);
                is_changed = true;
            }
        }
        is_changed
    }

    /// Whether something of it may still be ended before it is sent.
    pub fn has_to_come(&self) -> bool {
        self.deliveries.iter().flat_map(Deliveries::all).any(|(_, delivery)| delivery.may_end())
    }

    /// The fallback rule of this channel, if it is one.
    pub fn fallback_of(&self, channel: Channel) -> Option<&super::Fallback> {
        let is_first = self.channels.contains(&channel);
        self.fallback.iter().find(|fallback| fallback.channel == channel && !is_first)
    }

    /// Whether what makes this fallback needless has come true.
    pub fn is_needless(&self, unless: Unless) -> bool {
        match unless {
            Unless::Read => self.is_read(),
            Unless::Delivered => self.status.rank() >= 2,
        }
    }

    fn time_of(&self, delivery: &Delivery, now: DateTime) -> DateTime {
        delivery.next_attempt_at.unwrap_or_else(|| self.due_at(now))
    }

    /// The first time that something of it waits for.
    pub fn next_wait(&self, now: DateTime) -> Option<DateTime> {
        self.open_times(now).filter(|at| *at > now).min()
    }

    /// When somebody has to look at it next; nobody, where nothing is open.
    fn next_look(&self, now: DateTime) -> Option<DateTime> {
        let after = DateTime::from_millis(now.timestamp_millis().saturating_add(LOOK_AFTER));
        self.open_times(now).map(|at| if at > now { at } else { after }).min()
    }

    /// The times of all that is open.
    fn open_times(&self, now: DateTime) -> impl Iterator<Item = DateTime> {
        let all = self.deliveries.iter().flat_map(Deliveries::all);
        let open = all.filter(|(_, each)| each.state.is_open());
        open.map(move |(_, delivery)| self.time_of(delivery, now))
    }

    /// Where the channels that were asked for have all ended badly, the fallbacks are due.
    fn wake_fallbacks(&mut self, now: DateTime) {
        let channels = self.channels.clone();
        let Some(deliveries) = &mut self.deliveries else { return };
        let failed = |delivery: &Delivery| {
            matches!(delivery.state, DeliveryState::Failed | DeliveryState::Skipped)
        };
        let first = channels.iter().filter_map(|channel| deliveries.get(*channel));
        if self.fallback.is_empty() || !first.into_iter().all(failed) {
            return;
        }
        for fallback in self.fallback.iter().filter(|each| !channels.contains(&each.channel)) {
            let Some(delivery) = deliveries.get_mut(fallback.channel) else { continue };
            let waits = delivery.skip_reason.as_deref() == Some("fallback");
            if waits && delivery.state == DeliveryState::Deferred {
                let at = delivery.next_attempt_at.unwrap_or(now).min(now);
                delivery.next_attempt_at = Some(at);
            }
        }
    }
}

impl Delivery {
    /// Whether it may be ended from outside: what is being sent now, by itself or with the words of
    /// others, may arrive.
    fn may_end(&self) -> bool {
        match self.state {
            DeliveryState::Sending => self.next_attempt_at.is_some(),
            DeliveryState::Claimed => false,
            state => state.is_open(),
        }
    }

    /// How far it, and each of its devices, has come.
    fn reached(&self) -> impl Iterator<Item = NotificationStatus> {
        let states = self.targets.iter().map(|target| target.state).chain([self.state]);
        states.filter_map(DeliveryState::reached)
    }

    /// Nothing more is done.
    pub fn end(&mut self, state: DeliveryState, reason: Option<&str>) {
        self.state = state;
        self.next_attempt_at = None;
        self.skip_reason = reason.map(str::to_owned);
    }
}

/// The status of a notification that nobody got and nobody will.
fn end_of(deliveries: &Deliveries) -> NotificationStatus {
    let any = |state| deliveries.all().any(|(_, delivery)| delivery.state == state);
    if any(DeliveryState::Failed) {
        NotificationStatus::Failed
    } else if any(DeliveryState::Expired) {
        NotificationStatus::Expired
    } else if any(DeliveryState::Cancelled) {
        NotificationStatus::Cancelled
    } else {
        NotificationStatus::Failed
    }
}
