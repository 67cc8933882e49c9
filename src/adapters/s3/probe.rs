//! What a store that speaks S3's language does otherwise than S3.

use aws_sdk_s3::{
    primitives::ByteStream as Body,
    types::{ChecksumAlgorithm, MetadataDirective},
};
use bytes::Bytes;
use jobs::ports::{Objects, PortError};

use super::{
    S3,
    error::{absent, fault},
    source,
};

/// Where it is tried; nothing of it stays.
const UNDER: &str = "doctor/";

/// A SHA-256 of other bytes than those that are sent, in base64.
const OTHER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Writes, reads and removes an object and a part; a sentence for each difference that matters.
pub(super) async fn probe(s3: &S3) -> Result<Vec<String>, PortError> {
    let key = format!("{UNDER}{}", uuid::Uuid::new_v4().simple());
    let copy = format!("{key}-copy");
    let found = differences(s3, &key, &copy).await;
    for key in [&key, &copy] {
        s3.delete(key).await?;
    }
    found
}

async fn differences(s3: &S3, key: &str, copy: &str) -> Result<Vec<String>, PortError> {
    let mut found = Vec::new();
    s3.put(key, Bytes::from_static(b"doctor"), "text/plain").await?;
    let info = s3.info(key).await?;
    if info.bytes != 6 {
        found.push(format!("says that 6 bytes are {}", info.bytes));
    }
    if info.content_type != "text/plain" {
        found.push("does not keep the types of objects: readers may get another one".to_owned());
    }
    if copies_whatever_it_is(s3, key, copy).await? {
        let so = "ignores conditions on copies: what changes while it is published is published";
        found.push(so.to_owned());
    }
    found.extend(of_parts(s3, key).await?);
    Ok(found)
}

async fn copies_whatever_it_is(s3: &S3, from: &str, to: &str) -> Result<bool, PortError> {
    let copying = s3.client.copy_object().bucket(&s3.place.bucket).key(to);
    let copying = copying
        .copy_source(source(&s3.place.bucket, from))
        .copy_source_if_match("\"00000000000000000000000000000000\"")
        .metadata_directive(MetadataDirective::Replace);
    match copying.send().await.map_err(|error| fault(from, error)) {
        Ok(_) => Ok(true),
        Err(PortError::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn of_parts(s3: &S3, key: &str) -> Result<Vec<String>, PortError> {
    let algorithm = s3.place.checksums.then_some(ChecksumAlgorithm::Sha256);
    let create = s3.client.create_multipart_upload().bucket(&s3.place.bucket).key(key);
    let created = create.set_checksum_algorithm(algorithm).send().await;
    let id = created.map_err(|error| fault(key, error))?.upload_id.unwrap_or_default();
    let mut found = Vec::new();
    if s3.place.checksums {
        let put = s3.client.upload_part().bucket(&s3.place.bucket).key(key).upload_id(&id);
        let put = put.part_number(1).checksum_sha256(OTHER).body(Body::from_static(b"doctor"));
        if put.send().await.is_ok() {
            found.push("does not check the SHA-256 of parts: s3.checksums may be false".to_owned());
        }
    }
    let list = s3.client.list_multipart_uploads().bucket(&s3.place.bucket).prefix(UNDER);
    let listed = list.send().await.map_err(|error| fault("its uploads", error))?;
    let uploads = listed.uploads.unwrap_or_default();
    if !uploads.iter().any(|upload| upload.upload_id.as_deref() == Some(id.as_str())) {
        let so = "lists unfinished uploads only by their own key: parts that nobody knows of are \
                  left to its own clean-up";
        found.push(so.to_owned());
    }
    let abort = s3.client.abort_multipart_upload().bucket(&s3.place.bucket).key(key);
    abort.upload_id(&id).send().await.map_err(|error| absent(key, error))?;
    Ok(found)
}
