//! Files over which clamd broke: an outage is nobody's fault, the third over one file is.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    sync::{Mutex, PoisonError},
};

/// So often clamd may break over a file before the file is at fault.
const BREAKS: u32 = 3;
/// More files than this are not remembered: somebody breaks clamd faster than it starts.
const MOST: usize = 1000;

/// What clamd has of us, and what it broke over.
#[derive(Debug, Default)]
pub(super) struct Suspects(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Files that clamd has of us right now.
    handed_over: u32,
    /// By device and number.
    breaks: HashMap<(u64, u64), u32>,
}

/// A file in clamd's hands.
#[derive(Debug)]
pub(super) struct HandedOver<'s> {
    suspects: &'s Suspects,
    file: (u64, u64),
}

impl Suspects {
    /// Notes that clamd gets `file`, for as long as the answer lives.
    pub(super) fn hand_over(&self, file: &File) -> io::Result<HandedOver<'_>> {
        let about = file.metadata()?;
        self.change(|state| state.handed_over += 1);
        Ok(HandedOver { suspects: self, file: (about.dev(), about.ino()) })
    }

    /// What the lock guards is plain numbers, so a panic elsewhere leaves nothing half done.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HandedOver<'_> {
    /// clamd was gone before it answered; whether that is the file's fault by now. With others
    /// beside it, it may be any of them; a lane that rests lets them in one by one.
    pub(super) fn broke(&self) -> bool {
        self.suspects.change(|state| {
            if state.handed_over > 1 {
                return false;
            }
            if state.breaks.len() >= MOST {
                state.breaks.clear();
            }
            let breaks = state.breaks.entry(self.file).or_default();
            *breaks += 1;
            *breaks >= BREAKS
        })
    }

    /// clamd got through it.
    pub(super) fn answered(&self) {
        self.suspects.change(|state| state.breaks.remove(&self.file));
    }
}

impl Drop for HandedOver<'_> {
    fn drop(&mut self) {
        self.suspects.change(|state| state.handed_over = state.handed_over.saturating_sub(1));
    }
}
