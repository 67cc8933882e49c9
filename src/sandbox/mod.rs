//! Each file is decoded in a process of its own, which can do nothing but that.
//!
//! Our own program, started with a hidden word and before it has threads, is a **zygote**: it has
//! the libraries loaded, and forks a **cell** for each file. There are two: FFmpeg's libraries,
//! which make a fork slow and large, are only in the one for films. A cell has the file (to read),
//! a socket to answer on, memory and time within limits, and almost no system calls; it ends with
//! its answer. Whatever a file does to its codec, nothing of it is there for the next one. What is
//! wholly done by safe Rust, which has no way to be taken over, is done by cells that stay: one
//! ends after an error, after 64 files, or after a slow one.
//!
//! This is the one place that forks.

mod cell;
mod descriptors;
mod frame;
mod gate;
mod locks;
mod zygote;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use jobs::ports::{LocalFile, PortError};

use crate::decoder::{
    DecodeLimits, Doing,
    work::{Answer, Work},
};
use frame::Kin;
pub use frame::{Drill, Locks};
use gate::Gate;

/// The hidden word that makes our program the zygote.
pub const WORD: &str = "decode-files-for-the-process-at-standard-input";

/// Does what the hidden word asks for, if it is there; then it does not return.
pub fn serve_if_asked() {
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == WORD) {
        let films = words.next().is_some_and(|word| word == Kin::Films.word());
        zygote::serve(if films { Kin::Films } else { Kin::Pictures });
    }
}

/// Decodes in processes of their own.
#[derive(Debug, Clone)]
pub struct Sandbox {
    gate: Arc<Gate>,
}

impl Sandbox {
    /// Starts a zygote of `program`, which is this program, for files that may cost `limits` each.
    pub fn start(program: &Path, limits: DecodeLimits) -> std::io::Result<Self> {
        Ok(Self { gate: Arc::new(Gate::start(program, limits)?) })
    }

    /// What protects this machine from its cells.
    pub async fn locks(&self) -> Result<Locks, PortError> {
        self.drill(Drill::Nothing).await
    }

    /// Lets a cell do what a hostile file would do, and says how it ended.
    pub async fn drill(&self, drill: Drill) -> Result<Locks, PortError> {
        let gate = self.gate.clone();
        apart(move || gate.drill(drill)).await
    }
}

#[async_trait]
impl Doing for Sandbox {
    async fn run(&self, file: &LocalFile, work: Work) -> Result<Answer, PortError> {
        let (gate, file, op) = (self.gate.clone(), file.file.clone(), work.name());
        let began = std::time::Instant::now();
        let answer = apart(move || gate.decode(&file, work)).await;
        metrics::histogram!("decode_seconds", "op" => op).record(began.elapsed());
        answer
    }
}

/// Runs `work` on a thread that may block.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PortError> + Send + 'static,
) -> Result<T, PortError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(PortError::Unavailable(format!("the decoder was stopped: {error}")))
    })
}
