//! Parts of the service that do what a test says: late, busy, broken, away.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use std::time::Duration;

use async_trait::async_trait;
use bson::DateTime;
use jobs::{
    job::Queue,
    ports::{
        Decoder, Edits, Ending, Facts, Gone, Held, Leased, Leases, LocalFile, Picture, PictureSize,
        Pictures, PortError, Scan, Scanner, Sniffed,
    },
    progress::Report,
};
use tokio::sync::Notify;

/// What happens to the one file that gives trouble.
pub enum Trouble {
    /// The decoder dies of it.
    Panics,
    /// The decoder always wants to try again.
    TryAgain,
    /// The decoder is away for the first time.
    AwayOnce,
    /// The decoder says for the first time that it is away for so long.
    BusyOnce(Duration),
    /// The decoder works on it until it is let go.
    Long,
}

/// A decoder that has trouble with the pictures of files of one length.
pub struct Troubled {
    pub inner: Arc<dyn Decoder>,
    pub bytes: usize,
    pub trouble: Trouble,
    /// How often it was asked for pictures of that file.
    pub asked: AtomicU32,
    /// Rung when it begins with that file.
    pub begun: Notify,
    /// Lets a long work end.
    pub let_go: Notify,
}

impl Troubled {
    /// Over `inner`, with trouble at files of `bytes` bytes.
    pub fn new(inner: Arc<dyn Decoder>, bytes: usize, trouble: Trouble) -> Arc<Self> {
        let (asked, begun, let_go) = (AtomicU32::new(0), Notify::new(), Notify::new());
        Arc::new(Self { inner, bytes, trouble, asked, begun, let_go })
    }

    /// The trouble, at pictures of the file that gives it.
    async fn meet(&self, file: &LocalFile) -> Result<(), PortError> {
        if file.bytes != self.bytes as u64 {
            return Ok(());
        }
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        self.begun.notify_one();
        match self.trouble {
            Trouble::Panics => panic!("the decoder dies on purpose"),
            Trouble::TryAgain => return Err(PortError::Conflict("not now".into())),
            Trouble::AwayOnce if before == 0 => {
                return Err(PortError::Unavailable("the decoder is away".into()));
            }
            Trouble::BusyOnce(after) if before == 0 => {
                return Err(PortError::Busy { message: "the decoder is busy".into(), after });
            }
            Trouble::AwayOnce | Trouble::BusyOnce(_) => {}
            Trouble::Long => self.let_go.notified().await,
        }
        Ok(())
    }
}

#[async_trait]
impl Decoder for Troubled {
    async fn sniff(&self, file: &LocalFile) -> Result<Option<Sniffed>, PortError> {
        self.inner.sniff(file).await
    }

    async fn facts(&self, file: &LocalFile, mime_type: &str) -> Result<Facts, PortError> {
        self.inner.facts(file, mime_type).await
    }

    async fn pictures(
        &self,
        file: &LocalFile,
        mime_type: &str,
        sizes: &[PictureSize],
    ) -> Result<Pictures, PortError> {
        self.meet(file).await?;
        self.inner.pictures(file, mime_type, sizes).await
    }

    async fn preview(
        &self,
        file: &LocalFile,
        mime_type: &str,
        seconds: u32,
    ) -> Result<Option<Picture>, PortError> {
        self.meet(file).await?;
        self.inner.preview(file, mime_type, seconds).await
    }

    async fn strip(&self, file: &LocalFile, mime_type: &str) -> Result<Option<Edits>, PortError> {
        self.inner.strip(file, mime_type).await
    }
}

/// A scanner that can be away.
pub struct Switched {
    pub inner: Arc<dyn Scanner>,
    pub away: AtomicBool,
}

#[async_trait]
impl Scanner for Switched {
    async fn scan(&self, file: &LocalFile) -> Result<Scan, PortError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(PortError::Unavailable("the scanner is away".into()));
        }
        self.inner.scan(file).await
    }

    async fn check(&self) -> Result<(String, String), PortError> {
        self.inner.check().await
    }
}

/// A queue whose first claim that finds a job takes until it is let go.
pub struct SlowClaim {
    pub inner: Arc<dyn Leases>,
    first: AtomicBool,
    /// Rung when the job is claimed, of which the worker does not know yet.
    pub claimed: Notify,
    /// Lets the claim end.
    pub let_go: Notify,
    /// Rung when the pool gives back what it still has.
    pub released: Notify,
}

impl SlowClaim {
    /// Over `inner`.
    pub fn new(inner: Arc<dyn Leases>) -> Arc<Self> {
        let [claimed, let_go, released] = [(); 3].map(|()| Notify::new());
        Arc::new(Self { inner, first: AtomicBool::new(true), claimed, let_go, released })
    }
}

#[async_trait]
impl Leases for SlowClaim {
    async fn claim(
        &self,
        owner: &str,
        queue: Queue,
        slots: u32,
        until: DateTime,
    ) -> Result<Vec<Leased>, PortError> {
        let jobs = self.inner.claim(owner, queue, slots, until).await?;
        if !jobs.is_empty() && self.first.swap(false, Ordering::SeqCst) {
            self.claimed.notify_one();
            self.let_go.notified().await;
        }
        Ok(jobs)
    }

    async fn extend(&self, held: &[Held], until: DateTime) -> Result<u64, PortError> {
        self.inner.extend(held, until).await
    }

    async fn end(&self, job: &Leased, ending: Ending) -> Result<bool, PortError> {
        self.inner.end(job, ending).await
    }

    async fn any_ready(&self) -> Result<bool, PortError> {
        self.inner.any_ready().await
    }

    async fn next_due(&self) -> Result<Option<DateTime>, PortError> {
        self.inner.next_due().await
    }

    async fn promote(&self, limit: u32) -> Result<u64, PortError> {
        self.inner.promote(limit).await
    }

    async fn reap(&self, limit: u32) -> Result<u64, PortError> {
        self.inner.reap(limit).await
    }

    async fn inherit(&self, gone: &Gone, limit: u32) -> Result<u64, PortError> {
        self.inner.inherit(gone, limit).await
    }

    async fn cancelled(&self, held: &[Held]) -> Result<Vec<Held>, PortError> {
        self.inner.cancelled(held).await
    }

    async fn next_lapse(&self) -> Result<Option<DateTime>, PortError> {
        self.inner.next_lapse().await
    }

    async fn alone(&self, held: Held) -> Result<bool, PortError> {
        self.inner.alone(held).await
    }

    async fn report(&self, held: Held, report: Report) -> Result<bool, PortError> {
        self.inner.report(held, report).await
    }

    async fn woken(&self) {
        self.inner.woken().await;
    }

    fn is_told(&self) -> bool {
        self.inner.is_told()
    }

    fn ring(&self) {
        self.inner.ring();
    }

    async fn release(&self, held: &[Held]) -> Result<u64, PortError> {
        self.released.notify_one();
        self.inner.release(held).await
    }
}
