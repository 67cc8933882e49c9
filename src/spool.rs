//! Bytes that are written to a file as they come, and hashed on the way.
//!
//! A thread is held for one piece at a time and not for the whole body: phones on slow networks
//! would otherwise take all threads that blocking work has. While one piece is hashed and written
//! the next one comes.

use std::{
    io::{self, Write},
    path::Path,
};

use bytes::Bytes;
use jobs::ports::Spooled;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::task::JoinHandle;

/// So much is gathered before it is written: with 256 KiB a tenth of the time went into hops
/// between threads; a sender has up to two of them in memory.
const PIECE_BYTES: usize = 1 << 20;

/// What has been written; it vanishes when it is dropped.
struct Written {
    file: NamedTempFile,
    hash: Sha256,
}

/// A file that grows.
pub struct Spool {
    /// On a thread that may block, or waiting here.
    written: Option<Written>,
    at_work: Option<JoinHandle<io::Result<Written>>>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    bytes: u64,
}

impl Spool {
    /// An empty one in this folder.
    pub async fn open(folder: &Path) -> io::Result<Self> {
        let folder = folder.to_owned();
        let made = tokio::task::spawn_blocking(move || NamedTempFile::new_in(folder)).await;
        let written = Written { file: made.map_err(io::Error::other)??, hash: Sha256::new() };
        Ok(Self {
            written: Some(written),
            at_work: None,
            gathered: Vec::new(),
            gathered_bytes: 0,
            bytes: 0,
        })
    }

    /// How much is in it.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds these.
    pub async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.bytes += piece.len() as u64;
        self.gathered_bytes += piece.len();
        self.gathered.push(piece);
        if self.gathered_bytes >= PIECE_BYTES {
            self.pass_on().await?;
        }
        Ok(())
    }

    /// All of it.
    pub async fn end(mut self) -> io::Result<Spooled> {
        self.pass_on().await?;
        let Written { file, hash } = self.settle().await?;
        Ok(Spooled { file, bytes: self.bytes, sha256: hex::encode(hash.finalize()) })
    }

    /// Writes what is gathered, while more may come.
    async fn pass_on(&mut self) -> io::Result<()> {
        let mut written = self.settle().await?;
        self.gathered_bytes = 0;
        let pieces = std::mem::take(&mut self.gathered);
        self.at_work = Some(tokio::task::spawn_blocking(move || {
            for piece in pieces {
                written.hash.update(&piece);
                written.file.write_all(&piece)?;
            }
            Ok(written)
        }));
        Ok(())
    }

    /// Waits for what is being written.
    async fn settle(&mut self) -> io::Result<Written> {
        if let Some(at_work) = self.at_work.take() {
            return at_work.await.map_err(io::Error::other)?;
        }
        self.written.take().ok_or_else(|| io::Error::other("a write before this one failed"))
    }
}
