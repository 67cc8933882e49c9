//! An attempt where it does no harm: on threads apart, and alone if it may end its worker.

use std::{sync::Arc, time::Duration};

use apalis::prelude::*;
use jobs::{
    job::Queue,
    ports::{JobBook, Leased, Leases, PortError, later},
};
use tokio::{runtime::Handle, sync::RwLock};

use super::{
    backend::Work,
    handle::{Ended, Engine},
    lanes::{Lanes, REST_ASKED_LONGEST, Slot},
    threads::Threads,
};

/// A job that has to run alone waits for the others so long, and all that come wait with it.
const ALONE_WITHIN: Duration = Duration::from_secs(30);

/// Other workers hear within 2 s that a lane rests: shorter rests are over by then.
const WORTH_TELLING: Duration = Duration::from_secs(2);

/// Then the others go on for so long.
const OTHERS_GO_ON: Duration = Duration::from_secs(120);

/// What apalis hands to each attempt.
pub struct Hands {
    engine: Engine,
    lanes: Lanes,
    leases: Arc<dyn Leases>,
    book: Arc<dyn JobBook>,
    /// Shared by those that run beside each other, whole for the one that runs alone.
    company: Arc<RwLock<()>>,
    threads: Handle,
}

impl Hands {
    /// Hands that work on these threads.
    pub fn new(
        engine: Engine,
        lanes: Lanes,
        leases: Arc<dyn Leases>,
        book: Arc<dyn JobBook>,
        threads: &Threads,
    ) -> Self {
        Self { engine, lanes, leases, book, company: Arc::default(), threads: threads.handle() }
    }

    async fn begin_and_end(self: Arc<Self>, work: Work) {
        let queue = work.job.queue;
        match self.run(&work.job, Arc::clone(&work.slot)).await {
            Ok(Ended::Away { rest, .. }) => {
                self.lanes.rest(queue, rest);
                self.tell_others(queue, rest).await;
            }
            Ok(Ended::Fenced) => {}
            Ok(_) => self.lanes.go_on(queue),
            // Its lease lapses and it comes back.
            Err(error) => tracing::warn!(job.id = %work.job.id, %error, "a job could not begin"),
        }
    }

    /// Who has asked to be left alone has asked all workers.
    async fn tell_others(&self, queue: Queue, asked: Option<Duration>) {
        let Some(asked) = asked.filter(|asked| *asked >= WORTH_TELLING) else { return };
        let until = later(self.engine.clock.now(), asked.min(REST_ASKED_LONGEST));
        if let Err(error) = self.book.rest(queue, until).await {
            tracing::warn!(%error, "other workers are not told that a lane rests");
        }
    }

    /// Runs the job beside others, or alone when it was there as a worker died.
    async fn run(&self, job: &Leased, slot: Arc<Slot>) -> Result<Ended, PortError> {
        let engine = self.engine.at(slot);
        if !job.runs_alone() {
            let _beside_others = self.company.read().await;
            return Ok(engine.attempt(job).await);
        }
        let Ok(_alone) = tokio::time::timeout(ALONE_WITHIN, self.company.write()).await else {
            // One of the others may hang, and those that come wait behind this one.
            tracing::warn!(job.id = %job.id, "others do not end: it is given back to run alone");
            // This process may well be the next to get it: those that came meanwhile go on first.
            tokio::time::sleep(OTHERS_GO_ON).await;
            self.leases.release(&[job.held()]).await?;
            return Ok(Ended::Fenced);
        };
        if self.leases.alone(job.held()).await? {
            tracing::info!(job.id = %job.id, job.kind = %job.kind, "runs alone after a crash");
            Ok(engine.attempt(job).await)
        } else {
            engine.lost();
            Ok(Ended::Fenced)
        }
    }
}

/// One attempt, and what its end means for the lane. Apalis polls all attempts in one task, which
/// only waits for them here.
pub async fn attempt(work: Work, hands: Data<Arc<Hands>>) -> Result<(), BoxDynError> {
    let (job, apart) = (work.job.id, Arc::clone(&hands).begin_and_end(work));
    if let Err(error) = hands.threads.spawn(apart).await {
        tracing::error!(job.id = %job, %error, "an attempt broke");
    }
    hands.leases.ring();
    Ok(())
}
