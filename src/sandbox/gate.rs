//! This process's side: starts the zygotes, hands them files, and knows how their cells ended.

use std::{
    fs::File,
    io::{self, PipeReader, Read},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jobs::ports::PortError;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::{
    WORD, descriptors,
    frame::{self, Drill, Kin, Locks, Order, Said, Task, Word},
};
use crate::{
    decoder::{
        DecodeLimits,
        work::{Answer, Refusal, Work},
    },
    memory,
};

/// A cell looks at its deadline itself; one that does not is killed so much later.
const GRACE: Duration = Duration::from_secs(1);

/// A cell that does safe work does it for so many files, none of which is larger and took longer:
/// it is to have no memory that it does not need, and its time counts together.
const SHARED_FILES: u32 = 64;
const SHARED_BYTES: u64 = 32 << 20;
const SHARED_TIME: Duration = Duration::from_millis(100);
/// The kernel counts the time of all its files together, so there is much less of it for all that
/// were than for the one that comes.
const SHARED_SPENT: Duration = Duration::from_secs(1);
/// So many wait, and for so long.
const IDLE: usize = 4;
const IDLE_TIME: Duration = Duration::from_secs(60);

/// How glibc gives memory to a cell, which asks for some tens of MB once, and gives none back: in
/// large pages, and what was freed again. Of three pictures of a photo that is a third of the
/// kernel's time (6.5 ms instead of 21, of 62 ms in all; two processors).
const MEMORY: &str = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:\
    glibc.malloc.trim_threshold=1073741824:glibc.malloc.top_pad=4194304";

/// The way to the zygotes.
#[derive(Debug)]
pub struct Gate {
    program: PathBuf,
    /// What each file may cost.
    limits: DecodeLimits,
    pictures: Mutex<Option<Zygote>>,
    /// Started for the first film.
    films: Mutex<Option<Zygote>>,
    /// Cells that wait for a file.
    idle: Mutex<Vec<Line>>,
    cells: AtomicU64,
}

/// The way to a cell.
#[derive(Debug)]
struct Line {
    cell: u64,
    kin: Kin,
    socket: UnixStream,
    /// Where the zygote says how it ended.
    end: PipeReader,
    /// Files that it has done, and the time it took for them.
    files: u32,
    spent: Duration,
    /// Since when it waits.
    since: Instant,
}

#[derive(Debug)]
struct Zygote {
    child: Child,
    control: OwnedFd,
}

/// Why there is no answer of a cell.
enum Silence {
    /// It was at work beyond its time, and was killed.
    TooLong,
    /// It ended without one.
    Ended(ExitStatus),
    /// It was not there.
    Away(io::Error),
}

impl Zygote {
    fn start(program: &Path, kin: Kin) -> io::Result<Self> {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        // Nothing of what this process knows (keys, passwords) is there to be read.
        let child = Command::new(program)
            .args([WORD, kin.word()])
            .env_clear()
            .env("GLIBC_TUNABLES", MEMORY)
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self { child, control: ours })
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        // It ends by itself when it hears nobody any more; it is not left to be waited for.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

impl Gate {
    /// Starts a zygote of this program, for pictures.
    pub fn start(program: &Path, limits: DecodeLimits) -> io::Result<Self> {
        let pictures = Mutex::new(Some(Zygote::start(program, Kin::Pictures)?));
        let films = Mutex::new(None);
        let (program, idle, cells) = (program.to_owned(), Mutex::default(), AtomicU64::new(0));
        Ok(Self { program, limits, pictures, films, idle, cells })
    }

    /// Does work with a file in a cell.
    pub fn decode(&self, file: &File, work: Work) -> Result<Answer, PortError> {
        // What is large may leave much memory behind.
        let stays = work.is_safe() && file.metadata().is_ok_and(|of| of.len() <= SHARED_BYTES);
        let (task, limits) = (Task::Decode(work), self.limits);
        match self.ask(file, &Order { task, limits, stays })? {
            Said::Answer(answer) => Ok(answer),
            Said::Locks(_) => Err(crashed("it answered what it was not asked")),
        }
    }

    /// Lets a cell do this.
    pub fn drill(&self, drill: Drill) -> Result<Locks, PortError> {
        let nothing = File::open("/dev/null").map_err(|error| away(&error))?;
        let (task, limits) = (Task::Drill(drill), self.limits);
        match self.ask(&nothing, &Order { task, limits, stays: false })? {
            Said::Locks(locks) => Ok(locks),
            Said::Answer(_) => Err(crashed("it answered what it was not asked")),
        }
    }

    fn ask(&self, file: &File, order: &Order) -> Result<Said, PortError> {
        // A description of its own: the cell can neither write nor move what others read.
        let own = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let own = own.map_err(|error| away(&error))?;
        let said = match self.ask_idle(&own, order) {
            // There was none, or it went while nobody looked.
            Err(Silence::Away(_)) => self
                .born(&own, order)
                .map_err(Silence::from)
                .and_then(|cell| self.hear(cell, order)),
            answer => answer,
        };
        match said {
            Ok(said) => Ok(said?),
            Err(silence) => Err(silence.meaning(self.limits)),
        }
    }

    /// Asks a cell that waits for a file.
    fn ask_idle(&self, file: &File, order: &Order) -> Result<Result<Said, Refusal>, Silence> {
        let idle = order.stays.then(|| lock(&self.idle).pop()).flatten();
        let line = idle.ok_or(io::ErrorKind::NotFound).map_err(io::Error::from)?;
        frame::send_file(&line.socket, file.as_fd())?;
        self.hear(line, order)
    }

    /// Lets the zygote make a cell for this file.
    fn born(&self, file: &File, order: &Order) -> io::Result<Line> {
        let (socket, theirs) = UnixStream::pair()?;
        let (end, end_of_cell) = io::pipe()?;
        let cell = self.cells.fetch_add(1, Ordering::Relaxed);
        let (kin, run) = (order.task.kin(), Word { kind: Word::RUN, cell });
        self.tell(kin, run, &[file.as_fd(), theirs.as_fd(), end_of_cell.as_fd()])?;
        let (spent, since) = (Duration::ZERO, Instant::now());
        Ok(Line { cell, kin, socket, end, files: 0, spent, since })
    }

    /// Gives a cell that has its file the order, and hears what it says.
    fn hear(&self, mut line: Line, order: &Order) -> Result<Result<Said, Refusal>, Silence> {
        let began = Instant::now();
        let until = began + self.limits.time + GRACE;
        let heard = frame::write(&mut line.socket, order)
            .and_then(|()| frame::hear(&mut Patient { socket: &line.socket, until }));
        match heard {
            Ok(said) => {
                let took = began.elapsed();
                if order.stays && said.is_ok() && took < SHARED_TIME {
                    self.keep(line, took);
                }
                Ok(said)
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.tell(line.kin, Word { kind: Word::KILL, cell: line.cell }, &[])?;
                Err(Silence::TooLong)
            }
            // Its end says more.
            Err(_) => {
                let Line { socket, mut end, .. } = line;
                drop(socket);
                let mut status = [0; 4];
                end.read_exact(&mut status)?;
                Err(Silence::Ended(ExitStatus::from_raw(i32::from_le_bytes(status))))
            }
        }
    }

    /// Lets a cell wait for its next file. One that is not kept ends, as nobody speaks to it.
    fn keep(&self, mut line: Line, took: Duration) {
        line.files += 1;
        line.spent += took;
        let is_fresh = line.files < SHARED_FILES && line.spent < SHARED_SPENT;
        let mut idle = lock(&self.idle);
        idle.retain(|line| line.since.elapsed() < IDLE_TIME);
        line.since = Instant::now();
        if is_fresh && idle.len() < IDLE {
            idle.push(line);
        }
    }

    /// Says this to a zygote; if that is gone, to a new one.
    fn tell(&self, kin: Kin, word: Word, files: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut zygote = self.zygote(kin);
        if let Some(running) = &*zygote {
            if descriptors::send(&running.control, &word.bytes(), files).is_ok() {
                return Ok(());
            }
            tracing::error!("the process that starts decoders is gone, another one is started");
        }
        let fresh = zygote.insert(Zygote::start(&self.program, kin)?);
        Ok(descriptors::send(&fresh.control, &word.bytes(), files)?)
    }

    fn zygote(&self, kin: Kin) -> MutexGuard<'_, Option<Zygote>> {
        let zygote = match kin {
            Kin::Pictures => &self.pictures,
            Kin::Films => &self.films,
        };
        lock(zygote)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket that is read until a certain time.
struct Patient<'a> {
    socket: &'a UnixStream,
    until: Instant,
}

impl Read for Patient<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        (&mut &*self.socket).read(into).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
            _ => error,
        })
    }
}

impl From<io::Error> for Silence {
    fn from(error: io::Error) -> Self {
        Self::Away(error)
    }
}

impl From<rustix::io::Errno> for Silence {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Away(error.into())
    }
}

impl Silence {
    /// What it says of the file.
    fn meaning(self, limits: DecodeLimits) -> PortError {
        let too_long = || {
            let message = format!("decoding took longer than {} s", limits.time.as_secs());
            PortError::refused("decode_timeout", message)
        };
        let status = match self {
            Self::Away(error) => return away(&error),
            Self::TooLong => return too_long(),
            Self::Ended(status) => status,
        };
        match (status.code(), status.signal()) {
            (Some(memory::SPENT), _) => {
                let most = limits.memory_bytes >> 20;
                let message = format!("decoding would have taken more than {most} MB");
                PortError::refused("decoder_out_of_memory", message)
            }
            (_, Some(libc::SIGSYS)) => {
                let message = "the decoder made a system call that it has no need of";
                PortError::refused("decoder_forbidden_call", message)
            }
            (_, Some(libc::SIGXCPU)) => too_long(),
            // Nobody here did that: the kernel, for want of memory, or an operator.
            (_, Some(libc::SIGKILL)) => {
                PortError::Unavailable("the decoder of this file was killed".to_owned())
            }
            (_, Some(signal)) => crashed(&format!("signal {signal}")),
            (code, None) => crashed(&format!("exit status {}", code.unwrap_or(-1))),
        }
    }
}

fn crashed(how: &str) -> PortError {
    PortError::refused("decoder_crashed", format!("the decoder crashed on this file ({how})"))
}

fn away(error: &io::Error) -> PortError {
    PortError::Unavailable(format!("the process of the decoder: {error}"))
}
