//! A part on its way to the disk.

use jobs::ports::{ByteStream, Expected, Part, PortError, Spooled};

use super::{Disk, apart, durable, parts};
use crate::spool::gather;

/// See [`jobs::ports::Objects::put_part`]. The bytes are hashed on their way to the disk.
pub async fn keep(
    disk: &Disk,
    upload: &str,
    number: u32,
    expected: Expected,
    body: ByteStream,
) -> Result<Part, PortError> {
    let whole = gather(disk.spare.path(), number, &expected, body).await?;
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
