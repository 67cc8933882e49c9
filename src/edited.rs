//! A file with some of its bytes changed, as a new file.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::Path,
};

use jobs::ports::{Edits, LocalFile, Spooled, With};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

/// So much is read, hashed and written at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Writes `file` with its edits to a new file in `folder`; ends early once the caller is gone.
pub fn write(
    file: &LocalFile,
    edits: &Edits,
    folder: &Path,
    gone: &CancellationToken,
) -> io::Result<Spooled> {
    let copy = NamedTempFile::new_in(folder)?;
    let mut made = Made { copy, hash: Sha256::new(), bytes: 0, piece: vec![0; PIECE_BYTES], gone };
    let mut at = 0;
    for edit in edits.list() {
        made.copy(&file.file, at, edit.at)?;
        match &edit.with {
            With::Bytes(bytes) => made.write(bytes)?,
            With::Fill(byte) => made.fill(*byte, edit.length)?,
        }
        at = edit.at + edit.length;
    }
    made.copy(&file.file, at, file.bytes)?;
    let Made { copy, hash, bytes, .. } = made;
    Ok(Spooled { file: copy, bytes, sha256: hex::encode(hash.finalize()) })
}

/// The new file while it grows.
struct Made<'a> {
    copy: NamedTempFile,
    hash: Sha256,
    bytes: u64,
    piece: Vec<u8>,
    gone: &'a CancellationToken,
}

impl Made<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.copy.write_all(bytes)
    }

    /// The bytes of `file` from `at` up to `end`.
    fn copy(&mut self, file: &File, mut at: u64, end: u64) -> io::Result<()> {
        self.pieces(end.saturating_sub(at), |piece| {
            file.read_exact_at(piece, at)?;
            at += piece.len() as u64;
            Ok(())
        })
    }

    fn fill(&mut self, byte: u8, length: u64) -> io::Result<()> {
        self.pieces(length, |piece| {
            piece.fill(byte);
            Ok(())
        })
    }

    /// So many bytes, each piece of them made by `make`.
    fn pieces(
        &mut self,
        mut length: u64,
        mut make: impl FnMut(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut room = std::mem::take(&mut self.piece);
        while length > 0 {
            if self.gone.is_cancelled() {
                return Err(io::Error::other("nobody waits for the file any more"));
            }
            let most = usize::try_from(length).unwrap_or(usize::MAX).min(room.len());
            let Some(piece) = room.get_mut(..most) else { break };
            make(piece)?;
            self.write(piece)?;
            length -= most as u64;
        }
        self.piece = room;
        Ok(())
    }
}
