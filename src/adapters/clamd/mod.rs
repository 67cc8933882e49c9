//! Asks clamd about a file, and believes its OK only where it is known to have looked.

mod answer;
mod archive;
mod canary;
mod connection;
mod suspects;

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use jobs::ports::{LocalFile, PortError, Scan, Scanner, Verdict};

use self::{
    answer::{Answer, Version, unscannable, waiting},
    archive::Bounds,
    canary::Fitness,
    connection::{Address, Connection, Silence},
    suspects::Suspects,
};

/// For commands that clamd answers at once.
const QUICK: Duration = Duration::from_secs(5);
/// The version changes when signatures are brought, a few times a day.
const VERSION_KEPT: Duration = Duration::from_secs(60);

/// How large a file may be, and how long a scan may take.
#[derive(Debug, Clone, Copy)]
pub struct ScanLimits {
    /// A larger file is not handed to clamd; at most clamd's own `MaxFileSize`.
    pub max_file_bytes: u64,
    /// Longer than clamd's own `MaxScanTime`, whose answer says more.
    pub timeout: Duration,
}

/// The port `Scanner` fulfilled by a clamd on a unix socket or on TCP.
#[derive(Debug, Clone)]
pub struct Clamd {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    address: Address,
    limits: ScanLimits,
    fitness: Mutex<Fitness>,
    /// Only one trial at a time; photos do not wait for the one with the largest file.
    small_trial: Mutex<()>,
    large_trial: Mutex<()>,
    version: Mutex<Option<(Version, Instant)>>,
    suspects: Suspects,
}

impl Clamd {
    /// A scanner at `unix:/path`, `/path` or `host:port`; nothing is asked yet.
    pub fn new(address: &str, limits: ScanLimits) -> Result<Self, PortError> {
        let address = Address::parse(address).ok_or_else(|| {
            let message = format!("clamd's address {address:?} is not unix:/path or host:port");
            PortError::refused("bad_clamd_address", message)
        })?;
        let inner = Inner {
            address,
            limits,
            fitness: Mutex::new(Fitness::Unknown),
            small_trial: Mutex::new(()),
            large_trial: Mutex::new(()),
            version: Mutex::new(None),
            suspects: Suspects::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Scans take seconds of waiting on a socket: they have threads of their own.
    async fn apart<T, F>(&self, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Inner) -> Result<T, PortError> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner))
            .await
            .unwrap_or_else(|error| Err(PortError::Unavailable(format!("the scan broke: {error}"))))
    }
}

#[async_trait]
impl Scanner for Clamd {
    async fn scan(&self, file: &LocalFile) -> Result<Scan, PortError> {
        let (file, began) = (file.clone(), Instant::now());
        let answer = self.apart(move |inner| inner.scan(&file)).await;
        metrics::histogram!("scan_seconds").record(began.elapsed());
        answer
    }

    async fn check(&self) -> Result<(String, String), PortError> {
        self.apart(|inner| {
            let version = inner.version()?;
            // What photos need comes first: they go on while the largest size is tried.
            inner.fit(0)?;
            inner.fit(inner.limits.max_file_bytes)?;
            Ok((version.engine, version.signatures))
        })
        .await
    }
}

impl Inner {
    fn scan(&self, file: &LocalFile) -> Result<Scan, PortError> {
        let version = self.version()?;
        let verdict = self.verdict(file)?;
        Ok(Scan { verdict, engine: version.engine, signatures: version.signatures })
    }

    fn verdict(&self, file: &LocalFile) -> Result<Verdict, PortError> {
        if file.bytes > self.limits.max_file_bytes {
            return Ok(unscannable("too_large"));
        }
        let until = Instant::now() + self.limits.timeout;
        let proven = self.fit(file.bytes)?;
        let connection = self.open(self.limits.timeout)?;
        if connection.process() != proven {
            return Err(self.lost("clamd was started anew: its settings are tried first"));
        }
        let unreadable = |error| PortError::Unavailable(Silence::File(error).to_string());
        let handed_over = self.suspects.hand_over(&file.file).map_err(unreadable)?;
        match connection.scan(&file.file, file.bytes) {
            Ok(line) => {
                handed_over.answered();
                self.believe(&line, file, until)
            }
            Err(Silence::Late) => self.late(),
            Err(Silence::Away(_)) if handed_over.broke() => Ok(unscannable("scanner_broke")),
            Err(Silence::Away(error)) => Err(self.lost(&Silence::Away(error).to_string())),
            Err(error) => Err(PortError::Unavailable(error.to_string())),
        }
    }

    /// Every answer but OK stands; OK stands for all of the file, or is none.
    fn believe(&self, line: &str, file: &LocalFile, until: Instant) -> Result<Verdict, PortError> {
        match Answer::read(line) {
            Answer::Trouble(sentence) => Err(PortError::Unavailable(sentence)),
            Answer::Says(Verdict::Clean) => {
                let bounds = Bounds { member_bytes: self.limits.max_file_bytes, until };
                // A panic over a hostile file is about the file, not about clamd.
                let look = AssertUnwindSafe(|| archive::look(file, bounds));
                match std::panic::catch_unwind(look) {
                    // A member counts like a file of its size: a small zip may hold a large one.
                    Ok(Ok(Ok(largest))) => self.fit(largest).map(|_| Verdict::Clean),
                    Ok(Ok(Err(objection))) => Ok(unscannable(objection)),
                    Ok(Err(error)) => Err(PortError::Unavailable(Silence::File(error).to_string())),
                    Err(_) => Ok(unscannable(archive::DAMAGED)),
                }
            }
            Answer::Says(verdict) => Ok(verdict),
        }
    }

    /// A scan without an end: the file's fault when clamd is there and has nothing else to do.
    fn late(&self) -> Result<Verdict, PortError> {
        let stats = self.ask("STATS")?;
        if waiting(&stats) > 0 {
            return Err(PortError::Unavailable("clamd has more to scan than it can".into()));
        }
        Ok(unscannable("timeout"))
    }

    /// Makes sure that clamd finds the test file at this size, and says which process that is.
    fn fit(&self, bytes: u64) -> Result<Option<i32>, PortError> {
        let process = self.open(QUICK)?.process();
        let bytes = bytes.max(lock(&self.fitness).missed());
        for step in canary::steps(bytes, self.limits.max_file_bytes) {
            self.prove(step, process)?;
        }
        Ok(process)
    }

    fn prove(&self, bytes: u64, process: Option<i32>) -> Result<(), PortError> {
        let small = bytes <= canary::SMALL;
        let _turn = lock(if small { &self.small_trial } else { &self.large_trial });
        if lock(&self.fitness).covers(bytes, process).map_err(PortError::Unavailable)? {
            return Ok(());
        }
        match self.misses(bytes)? {
            None => lock(&self.fitness).grow(bytes, process),
            Some(sentence) => {
                tracing::error!(bytes, "{sentence}");
                lock(&self.fitness).fail(bytes, &sentence);
                return Err(PortError::Unavailable(sentence));
            }
        }
        Ok(())
    }

    /// Lets clamd look at a canary; a sentence when it is not found.
    fn misses(&self, bytes: u64) -> Result<Option<String>, PortError> {
        let away = |error: Silence| PortError::Unavailable(error.to_string());
        let file = canary::canary(bytes).map_err(|error| away(Silence::File(error)))?;
        let line = self.open(self.limits.timeout)?.scan(&file, bytes).map_err(away)?;
        Ok(match Answer::read(&line) {
            Answer::Says(Verdict::Infected { .. }) => None,
            _ => Some(format!(
                "clamd does not find the test file at {bytes} bytes, it says {line:?}: \
                 see MaxFileSize, MaxScanSize and StreamMaxLength in clamd.conf"
            )),
        })
    }

    fn version(&self) -> Result<Version, PortError> {
        let mut kept = lock(&self.version);
        if let Some((version, since)) = &*kept
            && since.elapsed() < VERSION_KEPT
        {
            return Ok(version.clone());
        }
        let version = Version::read(&self.ask("VERSION")?);
        if kept.as_ref().is_some_and(|(old, _)| *old != version) {
            *lock(&self.fitness) = Fitness::Unknown;
        }
        *kept = Some((version.clone(), Instant::now()));
        Ok(version)
    }

    fn ask(&self, command: &str) -> Result<String, PortError> {
        self.open(QUICK)?.ask(command).map_err(|error| self.lost(&error.to_string()))
    }

    fn open(&self, time: Duration) -> Result<Connection, PortError> {
        Connection::open(&self.address, time).map_err(|error| self.lost(&error.to_string()))
    }

    /// Who comes back after this may be another clamd: what is known is forgotten.
    fn lost(&self, sentence: &str) -> PortError {
        *lock(&self.fitness) = Fitness::Unknown;
        PortError::Unavailable(sentence.into())
    }
}

/// What these locks guard is replaced whole, so a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
