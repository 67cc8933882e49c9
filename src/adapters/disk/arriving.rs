//! A part on its way to the disk.
//!
//! A thread is held for one piece at a time and not for the whole body: phones on slow networks
//! would otherwise take all threads that blocking work has.

use std::io::Write;

use bytes::Bytes;
use futures_util::StreamExt;
use jobs::ports::{ByteStream, Expected, Part, PortError, interrupted};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{Disk, apart, away, durable, parts};

/// So much is gathered before it is written: few hops between threads, little memory a sender.
const PIECE_BYTES: usize = 256 << 10;

/// What has been written of a part; vanishes when it is dropped.
struct Arriving {
    file: NamedTempFile,
    hash: Sha256,
    bytes: u64,
}

/// See [`jobs::ports::Objects::put_part`]. The bytes are hashed on their way to the disk.
pub async fn keep(
    disk: &Disk,
    upload: &str,
    number: u32,
    expected: Expected,
    mut body: ByteStream,
) -> Result<Part, PortError> {
    let own = disk.clone();
    let mut part = apart(move || Arriving::begin(&own)).await?;
    let (mut pieces, mut gathered, mut bytes) = (Vec::new(), 0, 0);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| interrupted(&error))?;
        gathered += piece.len();
        bytes += piece.len() as u64;
        expected.goes_on(bytes)?;
        pieces.push(piece);
        if gathered >= PIECE_BYTES {
            gathered = 0;
            let pieces = std::mem::take(&mut pieces);
            part = apart(move || part.take(&pieces)).await?;
        }
    }
    let (disk, upload) = (disk.clone(), upload.to_owned());
    apart(move || part.take(&pieces)?.finish(&disk, &upload, number, &expected)).await
}

impl Arriving {
    fn begin(disk: &Disk) -> Result<Self, PortError> {
        Ok(Self { file: durable::temporary(disk)?, hash: Sha256::new(), bytes: 0 })
    }

    fn take(mut self, pieces: &[Bytes]) -> Result<Self, PortError> {
        for piece in pieces {
            self.hash.update(piece);
            self.bytes += piece.len() as u64;
            self.file.write_all(piece).map_err(|error| away(&error, "writing a part"))?;
        }
        Ok(self)
    }

    /// The part gets its name if it is what was promised.
    fn finish(
        self,
        disk: &Disk,
        upload: &str,
        number: u32,
        expected: &Expected,
    ) -> Result<Part, PortError> {
        let sha256 = hex::encode(self.hash.finalize());
        expected.holds(number, self.bytes, &sha256)?;
        let part = Part { number, etag: sha256.clone(), sha256: Some(sha256), bytes: self.bytes };
        let path = parts::path(disk, upload, &part)?;
        // The same bytes again are the last that came, too.
        durable::name(self.file, &path)?;
        Ok(part)
    }
}
