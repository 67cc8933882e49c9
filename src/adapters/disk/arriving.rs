//! A part on its way to the disk.

use futures_util::StreamExt;
use jobs::ports::{ByteStream, Expected, Part, PortError, Spooled, interrupted};

use super::{Disk, apart, away, durable, parts};
use crate::spool::Spool;

/// See [`jobs::ports::Objects::put_part`]. The bytes are hashed on their way to the disk.
pub async fn keep(
    disk: &Disk,
    upload: &str,
    number: u32,
    expected: Expected,
    mut body: ByteStream,
) -> Result<Part, PortError> {
    let failed = |error: std::io::Error| away(&error, "writing a part");
    let mut spool = Spool::open(disk.spare.path()).await.map_err(failed)?;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| interrupted(&error))?;
        expected.goes_on(spool.bytes() + piece.len() as u64)?;
        spool.write(piece).await.map_err(failed)?;
    }
    let whole = spool.end().await.map_err(failed)?;
    expected.holds(number, whole.bytes, &whole.sha256)?;
    take_over(disk, upload, number, whole).await
}

/// The file becomes the part. The same bytes again are the last that came, too.
pub async fn take_over(
    disk: &Disk,
    upload: &str,
    number: u32,
    Spooled { file, bytes, sha256 }: Spooled,
) -> Result<Part, PortError> {
    let part = Part { number, etag: sha256.clone(), sha256: Some(sha256), bytes };
    let (path, disk) = (parts::path(disk, upload, &part)?, disk.clone());
    apart(move || durable::take_over(&disk, file, &path)).await?;
    Ok(part)
}
