//! One attempt at one job: run it, then write how it ended.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use jobs::{
    job::{Job, JobError, Outcome},
    model::{ErrorClass, StepError},
    ports::{Clock, Ending, Leased, Leases, PortError, Workers, later, until},
    progress::Progress,
    tools::Tools,
    trace,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, field::Empty};

use super::{LEASE, kinds::Kinds, lanes::Slot, meters::Meters};
use crate::telemetry::traces;

/// The first retry comes after at most this long; each further one may take twice as long.
const BACK_OFF_FIRST: Duration = Duration::from_secs(1);
/// But at most this long.
const BACK_OFF_LONGEST: Duration = Duration::from_secs(300);
/// A job whose worker died so often is poison.
const CRASHES: u32 = 3;
/// A port that is away so long needs a person; shorter outages, over holidays too, heal by
/// themselves.
const AWAY_LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Who asks to be left alone for longer is asked again all the same: what is counted by the day is
/// free again the next one, and a mistaken header must not bury a job.
const ASKED_LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How often the store is told how far a job is.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Runs leased jobs.
#[derive(Clone)]
pub struct Engine {
    tools: Tools,
    pub(super) leases: Arc<dyn Leases>,
    pub(super) clock: Arc<dyn Clock>,
    kinds: Arc<dyn Kinds>,
    meters: Arc<Meters>,
    /// Set off when somebody wants the job to end.
    cancel: CancellationToken,
    /// Where the attempt has its place.
    pub(super) slot: Option<Arc<Slot>>,
}

/// How an attempt ended, for logs and for the lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Done, perhaps with a note.
    Done(Option<String>),
    /// It comes again; why, if something is wrong.
    Again(Option<String>),
    /// The port is away: the lane should rest.
    Away {
        /// One sentence.
        why: String,
        /// For at least so long, if the port said so.
        rest: Option<Duration>,
    },
    /// It needs a person.
    Dead(String),
    /// Somebody wanted it to end.
    Cancelled,
    /// The lease was lost meanwhile; somebody else has the job.
    Fenced,
}

impl Ended {
    /// All words for metrics.
    pub const NAMES: [&str; 6] = ["done", "again", "away", "dead", "cancelled", "fenced"];

    /// One word, for metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Again(_) => "again",
            Self::Away { .. } => "away",
            Self::Dead(_) => "dead",
            Self::Cancelled => "cancelled",
            Self::Fenced => "fenced",
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done(None) => f.write_str("done"),
            Self::Done(Some(note)) => write!(f, "done ({note})"),
            Self::Again(None) => f.write_str("again"),
            Self::Again(Some(why)) => write!(f, "again ({why})"),
            Self::Away { why, .. } => write!(f, "away ({why})"),
            Self::Dead(code) => write!(f, "dead ({code})"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Fenced => f.write_str("fenced"),
        }
    }
}

impl Engine {
    /// An engine for jobs of these kinds, which gets them these tools.
    pub fn new(tools: Tools, leases: Arc<dyn Leases>, kinds: Arc<dyn Kinds>) -> Self {
        let clock = tools.clock.clone();
        let (meters, cancel) = (Arc::new(Meters::new()), CancellationToken::new());
        Self { tools, leases, clock, kinds, meters, cancel, slot: None }
    }

    /// Where this process says that it is at work.
    pub fn workers(&self) -> Arc<dyn Workers> {
        self.tools.workers.clone()
    }

    /// The same engine for one attempt, which ends when `cancel` is set off.
    pub fn until(&self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self.clone() }
    }

    /// The same engine for the attempt that has this place.
    pub fn at(&self, slot: Arc<Slot>) -> Self {
        Self { cancel: slot.cancel(), slot: Some(slot), ..self.clone() }
    }

    /// Ends a job whose kind nobody here knows.
    pub async fn unknown(&self, leased: &Leased) -> Result<Ended, PortError> {
        let message = format!("this version knows no job {}", leased.kind);
        self.end(leased, Ending::Dead(permanent("unknown_kind", message))).await
    }

    /// Runs one attempt and writes its end. The end is written before this returns, so the lease is
    /// kept until the store knows. Jobs that the attempt puts belong to the same walk.
    pub async fn attempt(&self, job: &Leased) -> Ended {
        self.meters.began(job, until(job.run_at, self.clock.now()));
        let span = tracing::info_span!(
            parent: None,
            "job",
            trace.id = Empty,
            job.id = %job.id,
            job.kind = job.kind,
            job.attempt = job.attempt,
        );
        let here = traces::begin(&span, format_args!("{}", job.kind), job.trace);
        trace::within(here, self.timed(job)).instrument(span).await
    }

    /// Another worker had the job before an attempt could begin.
    pub fn lost(&self) {
        self.meters.lost();
    }

    async fn timed(&self, job: &Leased) -> Ended {
        let began = std::time::Instant::now();
        let ended = match self.kinds.run(self, job).await {
            Ok(ended) => ended,
            Err(error) => {
                // The lease lapses and the job comes back: nothing is lost, only time.
                tracing::warn!(%error, "a job's end got lost");
                Ended::Away { why: error.to_string(), rest: None }
            }
        };
        let took = began.elapsed();
        self.meters.ended(job, &ended, took);
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(duration_ms, "{} {ended}", job.kind);
        ended
    }

    /// One attempt at a job of the type `J`.
    pub async fn run<J: Job>(&self, leased: &Leased) -> Result<Ended, PortError> {
        let progress = Arc::new(Progress::default());
        let tools = self.tools.reporting(progress.clone());
        let needs = J::Needs::from(&tools);
        let job: J = match bson::deserialize_from_document(leased.args.clone()) {
            Ok(job) => job,
            Err(error) => {
                let message = format!("the arguments are not those of {}: {error}", J::KIND);
                return self.end(leased, Ending::Dead(permanent("bad_args", message))).await;
            }
        };
        // Only who crashed alone in the last attempt comes here for one more than is allowed.
        let is_over = leased.attempt > leased.max_attempts;
        if is_over || leased.crashes >= CRASHES.min(leased.max_attempts) {
            let message = format!("{} workers died with this job", leased.crashes);
            let error = permanent("worker_crashed", message);
            let ending = Ending::Dead(error.clone());
            return self.bury(&job, &needs, leased, error, ending).await;
        }
        // What is handed through layers is a pointer, not the work with all that it holds.
        let work = Box::pin(job.run(&needs));
        let ended = tokio::select! {
            biased;
            () = self.cancelled(leased) => None,
            ended = self.in_time(leased.timeout, limited(leased.timeout, work)) => {
                Some(ended)
            }
            never = self.tell(leased, &progress) => match never {},
        };
        let Some(ended) = ended else {
            return self.drop_at_wish(&job, &needs, leased).await;
        };
        match ended {
            Ok(Outcome::Done) => self.done(leased, None).await,
            Ok(Outcome::Noted(note)) => self.done(leased, Some(note)).await,
            Ok(Outcome::NotYet(after)) => {
                let at = later(self.clock.now(), after);
                self.end(leased, Ending::Again { at, counted: false, error: None }).await
            }
            Err(error) => self.failed(&job, &needs, leased, error).await,
        }
    }

    /// The work is done: its place is free while its end is written, so that the store can take
    /// the ends of some jobs and the claim of the next together.
    async fn done(&self, leased: &Leased, note: Option<String>) -> Result<Ended, PortError> {
        if let Some(slot) = &self.slot {
            slot.leave();
            self.leases.ring();
        }
        self.end(leased, Ending::Done(note)).await
    }

    /// Writes down how far the job is for as long as it is let. That nobody can be told is no
    /// fault of the job.
    async fn tell(&self, leased: &Leased, progress: &Progress) -> Infallible {
        loop {
            tokio::time::sleep(REPORT_EVERY).await;
            let Some(report) = progress.news() else { continue };
            if let Err(error) = self.leases.report(leased.held(), report).await {
                tracing::debug!(job.id = %leased.id, %error, "nobody was told how far it is");
            }
        }
    }

    /// Returns when somebody wants the job to end.
    async fn cancelled(&self, leased: &Leased) {
        if !leased.cancel_requested {
            self.cancel.cancelled().await;
        }
    }

    async fn drop_at_wish<J: Job>(
        &self,
        job: &J,
        needs: &J::Needs,
        leased: &Leased,
    ) -> Result<Ended, PortError> {
        let error = permanent("cancelled", "somebody cancelled the job".to_owned());
        self.bury(job, needs, leased, error, Ending::Cancelled).await
    }

    async fn failed<J: Job>(
        &self,
        job: &J,
        needs: &J::Needs,
        leased: &Leased,
        error: JobError,
    ) -> Result<Ended, PortError> {
        let written = error.for_document();
        let waited = later(leased.due_at, AWAY_LONGEST);
        let now = self.clock.now();
        let (counted, over, after) = match error {
            JobError::Fail { .. } => (true, true, None),
            JobError::Retry { after, .. } => (true, leased.attempt >= leased.max_attempts, after),
            JobError::Unavailable { after, .. } => (false, now > waited, after),
        };
        if over {
            let ending = Ending::Dead(written.clone());
            return self.bury(job, needs, leased, written, ending).await;
        }
        let asked = after.unwrap_or_default().min(ASKED_LONGEST);
        let at = later(now, back_off(if counted { leased.attempt } else { 1 }).max(asked));
        let postponed = || job.postponed(needs, &written, at);
        if !self.tell_watchers(leased, postponed).await? {
            return Ok(Ended::Fenced);
        }
        let ended = self.end(leased, Ending::Again { at, counted, error: Some(written) }).await?;
        Ok(match ended {
            Ended::Away { why, .. } => Ended::Away { why, rest: after },
            ended => ended,
        })
    }

    /// Keeps the lease while the work lasts, but not long after it should have ended: a job that
    /// blocks its thread hears of no time-out.
    pub(super) async fn in_time<T>(&self, limit: Duration, work: impl Future<Output = T>) -> T {
        let due_in = |time| self.slot.iter().for_each(|slot| slot.is_due_in(time));
        due_in(Some(limit.saturating_add(LEASE)));
        let done = work.await;
        due_in(None);
        done
    }
}

/// The job's answer, or an error if it takes too long or panics.
async fn limited(
    limit: Duration,
    run: impl Future<Output = Result<Outcome, JobError>>,
) -> Result<Outcome, JobError> {
    match tokio::time::timeout(limit, AssertUnwindSafe(run).catch_unwind()).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => {
            let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
            let message = format!("the job panicked: {}", said.unwrap_or_default());
            Err(JobError::Retry { code: "panicked".to_owned(), message, after: None })
        }
        Err(_) => {
            let message = format!("the job took longer than {} s", limit.as_secs());
            Err(JobError::Retry { code: "timeout".to_owned(), message, after: None })
        }
    }
}

/// Exponential, with full jitter, so that jobs that failed together do not come back together.
fn back_off(attempt: u32) -> Duration {
    let doubled = BACK_OFF_FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    let longest = doubled.min(BACK_OFF_LONGEST);
    Duration::from_millis(fastrand::u64(1..=u64::try_from(longest.as_millis()).unwrap_or(1)))
}

fn permanent(code: &str, message: String) -> StepError {
    StepError { class: ErrorClass::Permanent, code: code.to_owned(), message }
}
