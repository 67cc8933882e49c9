//! Objects that are written here: a local file with some of its bytes changed.

use std::path::Path;

use jobs::ports::{Assembled, Edits, LocalFile, PortError, Spooled};
use tokio_util::sync::CancellationToken;

use super::{
    Body, S3,
    error::{away, fault},
    large::{self, Source},
    transfer::base64,
};
use crate::edited;

/// See [`jobs::ports::Objects::put_edited`].
pub(super) async fn put(
    s3: &S3,
    key: &str,
    (file, edits): (&LocalFile, &Edits),
    content_type: &str,
) -> Result<Assembled, PortError> {
    let Spooled { file, bytes, sha256 } = write(s3, file, edits).await?;
    if bytes > s3.place.copy_bytes {
        large::make(s3, key, content_type, bytes, Source::File(file.path())).await?;
    } else {
        whole(s3, key, content_type, file.path(), &sha256).await?;
    }
    Ok(Assembled { bytes, sha256 })
}

/// The new file, here.
async fn write(s3: &S3, file: &LocalFile, edits: &Edits) -> Result<Spooled, PortError> {
    let (file, edits, folder) = (file.clone(), edits.clone(), s3.copies.folder().to_owned());
    let gone = CancellationToken::new();
    // Set off when the caller is gone: gigabytes that nobody waits for are not written.
    let _waiting = gone.clone().drop_guard();
    let writing = move || edited::write(&file, &edits, &folder, &gone);
    let written = tokio::task::spawn_blocking(writing).await.map_err(std::io::Error::other);
    written.flatten().map_err(|error| away(&error, "writing an edited file"))
}

async fn whole(
    s3: &S3,
    key: &str,
    content_type: &str,
    path: &Path,
    sha256: &str,
) -> Result<(), PortError> {
    let body = Body::from_path(path).await;
    let body =
        body.map_err(|error| PortError::Unavailable(format!("reading an edited file: {error}")))?;
    let sum = s3.place.checksums.then(|| base64(sha256)).transpose()?;
    let put = s3.patient.put_object().bucket(&s3.place.bucket).key(key);
    let put = put.content_type(content_type).set_checksum_sha256(sum).body(body);
    put.send().await.map(drop).map_err(|error| fault(key, error))
}
