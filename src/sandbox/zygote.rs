//! A process that forks: it has the libraries loaded, one thread, and no secrets.

use std::{
    collections::HashMap,
    fs::File,
    io::Write,
    mem::MaybeUninit,
    os::fd::{BorrowedFd, FromRawFd, OwnedFd},
};

use rustix::event::{PollFd, PollFlags, poll};

use super::{
    cell, descriptors,
    frame::{Kin, Word},
    locks::{self, Base},
};
use crate::decoder::work::Refusal;

/// A cell under way.
struct Cell {
    pid: libc::pid_t,
    /// Where its end is said.
    end: File,
}

/// What all cells are born with.
struct Origin {
    base: Base,
    /// Why they could do nothing.
    lack: Option<Refusal>,
}

impl Origin {
    fn new(kin: Kin) -> Self {
        let opened = if kin == Kin::Films { decode::open_ffmpeg() } else { Ok(()) };
        Self { base: locks::base(), lack: opened.err().map(Refusal::from) }
    }

    /// Looks again for what was not there.
    fn look_again(&mut self, kin: Kin) {
        if self.lack.is_some() {
            *self = Self::new(kin);
        }
    }
}

/// Serves the process at standard input until it is gone; then ends itself and all cells.
pub fn serve(kin: Kin) -> ! {
    // SAFETY: it copies the name that operators see.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"iven-decoder".as_ptr()) };
    // SAFETY: standard input is the socket that this process was started with.
    let control = unsafe { BorrowedFd::borrow_raw(0) };
    let deaths = deaths();
    let mut origin = Origin::new(kin);
    let mut cells = HashMap::new();
    loop {
        let mut watched =
            [PollFd::new(&control, PollFlags::IN), PollFd::new(&deaths, PollFlags::IN)];
        if poll(&mut watched, None).is_err() {
            continue;
        }
        let [word, death] = watched.map(|fd| !fd.revents().is_empty());
        if death {
            drain(&deaths);
            bury(&mut cells);
        }
        if word {
            origin.look_again(kin);
        }
        if word && !hear(control, &mut cells, &origin) {
            for Cell { pid, .. } in cells.values() {
                kill(*pid);
            }
            std::process::exit(0);
        }
    }
}

/// A descriptor that can be read when a child has ended.
fn deaths() -> OwnedFd {
    // SAFETY: plain calls with a set of signals of their own; the descriptor is nobody else's.
    unsafe {
        let mut signals = MaybeUninit::uninit();
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGCHLD);
        let signals = signals.assume_init();
        libc::sigprocmask(libc::SIG_BLOCK, &raw const signals, std::ptr::null_mut());
        let fd = libc::signalfd(-1, &raw const signals, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        assert!(fd >= 0, "the kernel has signalfd");
        OwnedFd::from_raw_fd(fd)
    }
}

fn drain(deaths: &OwnedFd) {
    let mut told = [0u8; 128];
    while rustix::io::read(deaths, &mut told).is_ok_and(|read| read > 0) {}
}

/// Says of each cell that has ended how it did.
fn bury(cells: &mut HashMap<u64, Cell>) {
    loop {
        let mut status = 0;
        // SAFETY: it writes one number.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
        if pid <= 0 {
            return;
        }
        let ended = cells.iter().find(|(_, cell)| cell.pid == pid).map(|(id, _)| *id);
        if let Some(Cell { mut end, .. }) = ended.and_then(|id| cells.remove(&id)) {
            // Whoever waited may be gone.
            drop(end.write_all(&i32::to_le_bytes(status)));
        }
    }
}

/// Does what the next word says; whether there will be others.
fn hear(control: BorrowedFd<'_>, cells: &mut HashMap<u64, Cell>, origin: &Origin) -> bool {
    let mut bytes = [0; Word::BYTES];
    let files = match descriptors::receive(control, &mut bytes) {
        Ok((0, _)) => return false,
        Ok((_, files)) => files,
        Err(_) => return true,
    };
    match (Word::of(&bytes), <[OwnedFd; 3]>::try_from(files)) {
        (Some(Word { kind: Word::RUN, cell }), Ok([file, socket, end])) => {
            let end = File::from(end);
            match fork(origin, file, socket) {
                Some(pid) => drop(cells.insert(cell, Cell { pid, end })),
                // Nobody says how it ended: it never was.
                None => drop(end),
            }
        }
        (Some(Word { kind: Word::KILL, cell }), _) => {
            if let Some(Cell { pid, .. }) = cells.get(&cell) {
                kill(*pid);
            }
        }
        _ => {}
    }
    true
}

/// The process of a cell; `None` where there is no room for one.
fn fork(origin: &Origin, file: OwnedFd, socket: OwnedFd) -> Option<libc::pid_t> {
    // SAFETY: this process has one thread, so that all of it is there in the child.
    match unsafe { libc::fork() } {
        0 => cell::live(&origin.base, origin.lack.as_ref(), file, socket),
        pid => (pid > 0).then_some(pid),
    }
}

fn kill(pid: libc::pid_t) {
    // SAFETY: the child was not waited for, so that its number is nobody else's.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}
