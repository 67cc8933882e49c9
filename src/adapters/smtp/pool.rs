//! A bounded number of conversations; those between two mails are kept for the next one.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};
use tokio_util::task::TaskTracker;

use super::session::Session;

/// A good-bye takes no longer.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// The conversations.
pub(super) struct Pool {
    turns: Semaphore,
    idle: Arc<Idle>,
    keepers: TaskTracker,
}

struct Idle {
    waiting: Mutex<Waiting>,
    /// So long one waits before it is ended.
    longest: Duration,
}

#[derive(Default)]
struct Waiting {
    /// The one that was used last comes first, so that those that are not needed grow old.
    sessions: Vec<(Session, Instant)>,
    is_kept: bool,
}

impl Pool {
    pub(super) fn new(most: u32, longest: Duration) -> Self {
        Self {
            turns: Semaphore::new(usize::try_from(most.max(1)).unwrap_or(1)),
            idle: Arc::new(Idle { waiting: Mutex::default(), longest }),
            keepers: TaskTracker::new(),
        }
    }

    /// Waits until one more may talk. Who waits has handed over nothing and may go away.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// A conversation that somebody else has left.
    pub(super) fn take(&self) -> Option<Session> {
        self.idle.lock().sessions.pop().map(|(session, _)| session)
    }

    /// Leaves one for others.
    pub(super) fn keep(&self, session: Session) {
        let mut waiting = self.idle.lock();
        waiting.sessions.push((session, Instant::now()));
        if !waiting.is_kept {
            waiting.is_kept = true;
            self.keepers.spawn(Arc::clone(&self.idle).tidy());
        }
    }
}

impl Idle {
    /// What the lock guards is whole at any time, so a panic elsewhere leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says good-bye to the old ones until none is left.
    async fn tidy(self: Arc<Self>) {
        while let Some(oldest) = self.oldest() {
            tokio::time::sleep_until(oldest + self.longest).await;
            for session in self.old() {
                let _gone = timeout(GOOD_BYE, session.quit()).await;
            }
        }
    }

    fn oldest(&self) -> Option<Instant> {
        let mut waiting = self.lock();
        let oldest = waiting.sessions.first().map(|(_, since)| *since);
        waiting.is_kept = oldest.is_some();
        oldest
    }

    fn old(&self) -> Vec<Session> {
        let mut waiting = self.lock();
        let young = waiting.sessions.iter().position(|(_, since)| since.elapsed() < self.longest);
        let old = young.unwrap_or(waiting.sessions.len());
        waiting.sessions.drain(..old).map(|(session, _)| session).collect()
    }
}
