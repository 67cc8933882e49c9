//! Copies of objects that are too large for one request: pieces of a multipart upload.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use jobs::ports::{ObjectInfo, PortError};

use super::{
    S3,
    error::{absent, fault},
    source,
};

/// Copies the object that has this `etag`, piece by piece on the store's side.
pub(super) async fn copy(
    s3: &S3,
    from: &str,
    to: &str,
    content_type: &str,
    info: &ObjectInfo,
    etag: &str,
) -> Result<(), PortError> {
    let create = s3.client.create_multipart_upload().bucket(&s3.place.bucket).key(to);
    let created = create.content_type(content_type).send().await;
    let id = created.map_err(|error| fault(to, error))?.upload_id.unwrap_or_default();
    let copied = pieces(s3, from, to, info, etag, &id).await;
    if copied.is_err() {
        let abort = s3.client.abort_multipart_upload().bucket(&s3.place.bucket).key(to);
        if let Err(error) = abort.upload_id(&id).send().await {
            let error = fault(to, error);
            tracing::warn!(%error, "the pieces of a copy that failed are still there");
        }
    }
    copied
}

async fn pieces(
    s3: &S3,
    from: &str,
    to: &str,
    info: &ObjectInfo,
    etag: &str,
    id: &str,
) -> Result<(), PortError> {
    let (mut parts, mut start, piece) = (Vec::new(), 0, s3.place.copy_part_bytes);
    while start < info.bytes {
        let (number, end) = (parts.len() + 1, info.bytes.min(start + piece));
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        let copy = s3.patient.upload_part_copy().bucket(&s3.place.bucket).key(to).upload_id(id);
        let copy = copy
            .part_number(number)
            .copy_source(source(&s3.place.bucket, from))
            .copy_source_if_match(etag)
            .copy_source_range(format!("bytes={start}-{}", end - 1));
        let copied = copy.send().await.map_err(|error| absent(from, error))?;
        let etag = copied.copy_part_result.and_then(|result| result.e_tag);
        let part = CompletedPart::builder().part_number(number).set_e_tag(etag);
        parts.push(part.build());
        start = end;
    }
    let whole = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = s3.patient.complete_multipart_upload().bucket(&s3.place.bucket).key(to);
    let complete = complete.upload_id(id).multipart_upload(whole).send().await;
    complete.map(drop).map_err(|error| fault(to, error))
}
