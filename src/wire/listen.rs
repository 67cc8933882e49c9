//! Hints from the server of what other processes write.

use jobs::{model::NotificationStatus, ports::JobState};

use super::House;
use crate::adapters::{mongo::Mongo, records::collections};

impl House {
    /// Wakes the workers when another process puts a job or lets one come back, where the store
    /// tells; for as long as it is let.
    pub async fn listen(&self) {
        let Some(server) = &self.server else { return std::future::pending().await };
        tokio::join!(self.listen_for_jobs(server), self.listen_for_notifications(server));
    }

    /// Passes on to those who listen in this process what others announce; asks nothing of the
    /// store while nobody does. For as long as it is let.
    pub async fn pass_on(&self) {
        tokio::join!(self.live.keep(), self.listen_for_live());
    }

    async fn listen_for_live(&self) {
        let Some(server) = &self.server else { return std::future::pending().await };
        let open = |is_open| self.live.rung_for(is_open);
        loop {
            self.live.somebody().await;
            let heard = |_: &str| self.live.ring();
            tokio::select! {
                () = server.listen(&collections::LIVE_ROOMS, "changedAt", &[], heard, open) => {}
                () = self.live.nobody() => open(false),
            }
        }
    }

    async fn listen_for_notifications(&self, server: &Mongo) {
        let pending = NotificationStatus::Pending.as_str();
        let wake = |_: &str| self.notices.announce();
        let open = |is_open| self.notices.rung_for(is_open);
        server.listen(&collections::NOTIFICATIONS, "status", &[pending], wake, open).await;
    }

    async fn listen_for_jobs(&self, server: &Mongo) {
        let new = JobState::New.as_str();
        let states = [new, JobState::Ready.as_str(), JobState::Scheduled.as_str()];
        let wake = |state: &str| {
            if state == new { self.arrivals.announce() } else { self.leases.ring() }
        };
        let open = |is_open| self.arrivals.rung_for(is_open);
        server.listen(&collections::JOBS, "state", &states, wake, open).await;
    }
}
