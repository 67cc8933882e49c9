//! How an attempt's end becomes true: whoever watches is told, then the store.

use std::time::{Duration, Instant};

use jobs::{
    job::Job,
    model::StepError,
    ports::{Ending, Leased, PortError, later},
};

use super::{
    LEASE,
    handle::{Ended, Engine},
};

/// Whoever watches a job is told of its end within this time.
const TELLING: Duration = Duration::from_secs(60);
/// What has to be told is told again for so long while a port is away. Then the lease lapses, and
/// whoever gets the job tells it.
const TELLING_AGAIN: Duration = Duration::from_secs(120);
/// How long after the store's trouble an end is written again, and at most.
const AGAIN_FIRST: Duration = Duration::from_millis(100);
const AGAIN_LONGEST: Duration = Duration::from_secs(2);

/// Waits longer and longer.
struct Again(Duration);

impl Again {
    fn new() -> Self {
        Self(AGAIN_FIRST)
    }

    async fn wait(&mut self) {
        tokio::time::sleep(self.0.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.0 = (self.0 * 2).min(AGAIN_LONGEST);
    }
}

impl Engine {
    /// Whoever watches is told before the job is dead: dying in between repeats the telling.
    pub(super) async fn bury<J: Job>(
        &self,
        job: &J,
        needs: &J::Needs,
        leased: &Leased,
        error: StepError,
        ending: Ending,
    ) -> Result<Ended, PortError> {
        if self.tell_watchers(leased, || job.given_up(needs, &error)).await? {
            self.end(leased, ending).await
        } else {
            Ok(Ended::Fenced)
        }
    }

    /// Whether the job is still ours: only who has it may tell, the one who has it since may be
    /// doing well. What can never be told must not keep the job from its end, or it would come back
    /// for ever.
    pub(super) async fn tell_watchers<T>(
        &self,
        leased: &Leased,
        telling: impl Fn() -> T,
    ) -> Result<bool, PortError>
    where
        T: Future<Output = Result<(), PortError>>,
    {
        let (began, mut again) = (Instant::now(), Again::new());
        loop {
            let until = later(self.clock.now(), LEASE);
            let told = match self.leases.extend(&[leased.held()], until).await {
                Ok(0) => return Ok(false),
                Ok(_) => self.told(leased, telling()).await,
                Err(error) => Err(error),
            };
            match told {
                Ok(()) => return Ok(true),
                Err(error) if is_away(&error) && began.elapsed() < TELLING_AGAIN => {
                    tracing::warn!(%error, "nobody could be told of a job's end, trying again");
                }
                Err(error) => return Err(error),
            }
            again.wait().await;
        }
    }

    async fn told(
        &self,
        leased: &Leased,
        telling: impl Future<Output = Result<(), PortError>>,
    ) -> Result<(), PortError> {
        let told = self.in_time(TELLING, tokio::time::timeout(TELLING, telling)).await;
        let error = match told {
            Ok(Err(error @ (PortError::Missing(_) | PortError::Refused { .. }))) => error,
            Ok(told) => return told,
            Err(_) => PortError::Unavailable(format!("it takes longer than {TELLING:?}")),
        };
        let (id, kind) = (leased.id, &leased.kind);
        tracing::error!(job.id = %id, job.kind = %kind, %error, "nobody was told of a job's end");
        Ok(())
    }

    /// Writes the end; `Fenced` where somebody else has the job.
    pub(super) async fn end(&self, leased: &Leased, ending: Ending) -> Result<Ended, PortError> {
        let ended = match &ending {
            Ending::Done(note) => Ended::Done(note.clone()),
            Ending::Again { counted: false, error: Some(e), .. } => {
                Ended::Away { why: e.message.clone(), rest: None }
            }
            Ending::Again { error, .. } => Ended::Again(error.as_ref().map(|e| e.code.clone())),
            Ending::Dead(error) => Ended::Dead(error.code.clone()),
            Ending::Cancelled => Ended::Cancelled,
        };
        let kept = self.write_end(leased, ending).await?;
        Ok(if kept { ended } else { Ended::Fenced })
    }

    /// Writes the end as soon as the store takes it: while it is away the lease is kept, as far as
    /// that can be done, and nobody does the work again.
    async fn write_end(&self, leased: &Leased, ending: Ending) -> Result<bool, PortError> {
        let mut again = Again::new();
        loop {
            match self.leases.end(leased, ending.clone()).await {
                Err(error) if is_away(&error) => {
                    tracing::warn!(%error, "a job's end could not be written, trying again");
                }
                answer => return answer,
            }
            again.wait().await;
        }
    }
}

fn is_away(error: &PortError) -> bool {
    matches!(error, PortError::Unavailable(_) | PortError::Busy { .. })
}
