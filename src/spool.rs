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
use futures_util::StreamExt;
use jobs::ports::{ByteStream, Expected, PortError, Spooled, interrupted};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::task::JoinHandle;

/// So much is gathered before it is written, while what came before is being written: with 256 KiB
/// a tenth of the time went into hops between threads.
const MOST_BYTES: usize = 1 << 20;

/// So much is written as soon as nothing else is: a slow sender holds no more than this.
const LEAST_BYTES: usize = 128 << 10;

/// What has been written; it vanishes when it is dropped.
struct Written {
    file: NamedTempFile,
    hash: Sha256,
    /// Of the piece before, to be filled again.
    room: Vec<u8>,
}

/// A file that grows.
pub struct Spool {
    /// On a thread that may block, or waiting here.
    written: Option<Written>,
    at_work: Option<JoinHandle<io::Result<Written>>>,
    /// Copied out of what came: a small piece may be a window on a buffer of many times its size.
    gathered: Vec<u8>,
    bytes: u64,
}

impl Spool {
    /// An empty one in this folder.
    pub async fn open(folder: &Path) -> io::Result<Self> {
        let folder = folder.to_owned();
        let made = tokio::task::spawn_blocking(move || NamedTempFile::new_in(folder)).await;
        let file = made.map_err(io::Error::other)??;
        let written = Written { file, hash: Sha256::new(), room: Vec::new() };
        Ok(Self { written: Some(written), at_work: None, gathered: Vec::new(), bytes: 0 })
    }

    /// How much is in it.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds these.
    pub async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.bytes += piece.len() as u64;
        self.gathered.extend_from_slice(&piece);
        let is_idle = self.at_work.as_ref().is_none_or(JoinHandle::is_finished);
        let most = if is_idle { LEAST_BYTES } else { MOST_BYTES };
        if self.gathered.len() >= most {
            self.pass_on().await?;
        }
        Ok(())
    }

    /// All of it.
    pub async fn end(mut self) -> io::Result<Spooled> {
        self.pass_on().await?;
        let Written { file, hash, .. } = self.settle().await?;
        Ok(Spooled { file, bytes: self.bytes, sha256: hex::encode(hash.finalize()) })
    }

    /// Writes what is gathered, while more may come.
    async fn pass_on(&mut self) -> io::Result<()> {
        let mut written = self.settle().await?;
        let room = std::mem::take(&mut written.room);
        let mut piece = std::mem::replace(&mut self.gathered, room);
        self.at_work = Some(tokio::task::spawn_blocking(move || {
            written.hash.update(&piece);
            written.file.write_all(&piece)?;
            piece.clear();
            written.room = piece;
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

/// Reads the body of part `number` to its end, or until it is not what was expected.
pub async fn gather(
    folder: &Path,
    number: u32,
    expected: &Expected,
    mut body: ByteStream,
) -> Result<Spooled, PortError> {
    let away = |error| PortError::Unavailable(format!("writing a part failed: {error}"));
    let mut spool = Spool::open(folder).await.map_err(away)?;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| interrupted(&error))?;
        expected.goes_on(spool.bytes() + piece.len() as u64)?;
        spool.write(piece).await.map_err(away)?;
    }
    let whole = spool.end().await.map_err(away)?;
    expected.holds(number, whole.bytes, &whole.sha256)?;
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_of_one_byte_are_kept_without_the_buffers_that_they_came_in() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path()).await.unwrap();
        let (bytes, buffer) = (300_000, Bytes::from(vec![7; 8 << 10]));

        for n in 0..bytes {
            spool.write(Bytes::copy_from_slice(&buffer).slice(n % 8..n % 8 + 1)).await.unwrap();
            assert!(spool.gathered.capacity() <= 2 * MOST_BYTES);
        }

        let whole = spool.end().await.unwrap();
        let expected = vec![7; bytes];
        assert_eq!(whole.bytes, bytes as u64);
        assert_eq!(whole.sha256, hex::encode(Sha256::digest(&expected)));
        assert_eq!(std::fs::read(whole.file.path()).unwrap(), expected);
    }
}
