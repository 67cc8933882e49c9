//! Bytes on disk for the time of a request.

use std::{io::Seek, path::Path};

use bytes::Bytes;
use futures_util::TryStreamExt;
use jobs::ports::{ByteStream, PortError};
use tokio::{fs::File, io::AsyncWriteExt};
use tokio_util::io::ReaderStream;

use super::problem::Problem;

/// One read.
const PIECE_BYTES: usize = 256 << 10;

/// A file without a name.
pub struct Spool {
    file: File,
    bytes: u64,
}

impl Spool {
    /// An empty one in this folder.
    pub fn open(folder: &Path) -> Result<Self, Problem> {
        let file = tempfile::tempfile_in(folder).map_err(|error| away(&error))?;
        Ok(Self { file: File::from_std(file), bytes: 0 })
    }

    /// How much is in it.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds these.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), Problem> {
        self.bytes += piece.len() as u64;
        self.file.write_all(&piece).await.map_err(|error| away(&error))
    }

    /// All of it, from the beginning.
    pub async fn read(mut self) -> Result<ByteStream, Problem> {
        self.file.flush().await.map_err(|error| away(&error))?;
        let mut file = self.file.into_std().await;
        file.rewind().map_err(|error| away(&error))?;
        let pieces = ReaderStream::with_capacity(File::from_std(file), PIECE_BYTES);
        Ok(Box::pin(pieces.into_stream()))
    }
}

fn away(error: &std::io::Error) -> Problem {
    PortError::Unavailable(format!("the folder for bytes on their way: {error}")).into()
}
