//! Objects that are too large for one request: pieces of a multipart upload.

use std::path::Path;

use aws_sdk_s3::{
    primitives::Length,
    types::{CompletedMultipartUpload, CompletedPart},
};
use jobs::ports::PortError;

use super::{
    Body, S3,
    error::{absent, fault},
    source,
    transfer::drop_parts,
};

/// Where the bytes come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// The object of this key that has this etag, on the store's side.
    Object(&'a str, &'a str),
    /// A file of this machine.
    File(&'a Path),
}

/// Makes an object of so many bytes, piece by piece.
pub(super) async fn make(
    s3: &S3,
    to: &str,
    content_type: &str,
    bytes: u64,
    from: Source<'_>,
) -> Result<(), PortError> {
    forget_others(s3, to).await?;
    let create = s3.client.create_multipart_upload().bucket(&s3.place.bucket).key(to);
    let created = create.content_type(content_type).send().await;
    let id = created.map_err(|error| fault(to, error))?.upload_id.unwrap_or_default();
    let made = pieces(s3, to, bytes, from, &id).await;
    if made.is_err()
        && let Err(error) = drop_parts(s3, to, &id).await
    {
        tracing::warn!(%error, "the pieces of an object that failed are still there");
    }
    made
}

/// Whoever began to make this object died: its pieces would stay, and cost, for ever.
async fn forget_others(s3: &S3, key: &str) -> Result<(), PortError> {
    let list = s3.client.list_multipart_uploads().bucket(&s3.place.bucket).prefix(key);
    let page = list.send().await.map_err(|error| fault(key, error))?;
    for upload in page.uploads.unwrap_or_default() {
        let is_of_it = upload.key.as_deref() == Some(key);
        if let Some(id) = upload.upload_id.filter(|_| is_of_it) {
            drop_parts(s3, key, &id).await?;
        }
    }
    Ok(())
}

async fn pieces(
    s3: &S3,
    to: &str,
    bytes: u64,
    from: Source<'_>,
    id: &str,
) -> Result<(), PortError> {
    let (mut parts, mut start, piece) = (Vec::new(), 0, s3.place.copy_part_bytes);
    while start < bytes {
        let (number, end) = (parts.len() + 1, bytes.min(start + piece));
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        let etag = match from {
            Source::Object(from, etag) => {
                copied(s3, to, id, number, (from, etag, start, end)).await
            }
            Source::File(path) => sent(s3, to, id, number, (path, start, end)).await,
        }?;
        parts.push(CompletedPart::builder().part_number(number).set_e_tag(etag).build());
        start = end;
    }
    let whole = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = s3.patient.complete_multipart_upload().bucket(&s3.place.bucket).key(to);
    let complete = complete.upload_id(id).multipart_upload(whole).send().await;
    complete.map(drop).map_err(|error| fault(to, error))
}

async fn copied(
    s3: &S3,
    to: &str,
    id: &str,
    number: i32,
    (from, etag, start, end): (&str, &str, u64, u64),
) -> Result<Option<String>, PortError> {
    let copy = s3.patient.upload_part_copy().bucket(&s3.place.bucket).key(to).upload_id(id);
    let copy = copy
        .part_number(number)
        .copy_source(source(&s3.place.bucket, from))
        .copy_source_if_match(etag)
        .copy_source_range(format!("bytes={start}-{}", end - 1));
    let copied = copy.send().await.map_err(|error| absent(from, error))?;
    Ok(copied.copy_part_result.and_then(|result| result.e_tag))
}

async fn sent(
    s3: &S3,
    to: &str,
    id: &str,
    number: i32,
    (path, start, end): (&Path, u64, u64),
) -> Result<Option<String>, PortError> {
    let body = Body::read_from().path(path).offset(start).length(Length::Exact(end - start));
    let body = body.build().await;
    let body =
        body.map_err(|error| PortError::Unavailable(format!("reading an edited file: {error}")))?;
    let put = s3.patient.upload_part().bucket(&s3.place.bucket).key(to).upload_id(id);
    let put = put.part_number(number).body(body);
    Ok(put.send().await.map_err(|error| absent(to, error))?.e_tag)
}
