//! What a store that speaks S3's language does otherwise than S3.

use std::time::Duration;

use aws_sdk_s3::{primitives::ByteStream as Body, types::MetadataDirective};
use bytes::Bytes;
use jobs::{
    keys,
    ports::{Expected, Invitation, Length, Objects, PortError, Transfer},
};
use sha2::{Digest, Sha256};

use super::{S3, error::fault, source, transfer, until};

/// What is put there.
const DOCTOR: &[u8] = b"doctor";

/// A signed address is good for so long, and its answer is waited for.
const GOOD_FOR: Duration = Duration::from_secs(30);

/// A SHA-256 of other bytes than those that are sent, in base64.
const OTHER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Writes, reads and removes an object and a part; a sentence for each difference that matters.
pub(super) async fn probe(s3: &S3) -> Result<Vec<String>, PortError> {
    let key = keys::private(&format!("{}{}", keys::DOCTOR, uuid::Uuid::new_v4().simple()));
    let copy = format!("{key}-copy");
    let found = differences(s3, &key, &copy).await;
    for key in [&key, &copy] {
        s3.delete(key).await?;
    }
    found
}

async fn differences(s3: &S3, key: &str, copy: &str) -> Result<Vec<String>, PortError> {
    let mut found = Vec::new();
    s3.put(key, Bytes::from_static(DOCTOR), "text/plain").await?;
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
    found.extend(of_parts(s3).await?);
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

/// Tries an upload in parts, which goes in any case.
async fn of_parts(s3: &S3) -> Result<Vec<String>, PortError> {
    let upload = format!("{}{}", keys::DOCTOR, uuid::Uuid::new_v4().simple());
    let transfer = transfer::begin(s3, &upload, "text/plain", true).await?;
    let found = of_transfer(s3, &transfer).await;
    transfer::abort(s3, &transfer).await?;
    found
}

async fn of_transfer(s3: &S3, transfer: &Transfer) -> Result<Vec<String>, PortError> {
    let mut found = Vec::new();
    if s3.place.checksums {
        found.extend(checks_nothing(s3, transfer).await);
        found.extend(of_trailers(s3, transfer).await?);
    }
    found.extend(of_invitations(s3, transfer).await?);
    let list = s3.client.list_multipart_uploads().bucket(&s3.place.bucket);
    // Some list only what is asked for by its whole key, others nothing at all.
    let listed = list.prefix(keys::private(keys::DOCTOR)).send().await.map(|listed| listed.uploads);
    let uploads = listed.unwrap_or_default().unwrap_or_default();
    if !uploads.iter().any(|upload| upload.upload_id == transfer.id) {
        let so = "does not list unfinished uploads: parts that nobody knows of are left to its own \
                  clean-up";
        found.push(so.to_owned());
    }
    Ok(found)
}

async fn checks_nothing(s3: &S3, transfer: &Transfer) -> Option<String> {
    let put = s3.client.upload_part().bucket(&s3.place.bucket).key(transfer.key());
    let put = put.set_upload_id(transfer.id.clone()).part_number(1).checksum_sha256(OTHER);
    let put = put.body(Body::from_static(DOCTOR)).send().await;
    put.is_ok().then(|| "does not check the SHA-256 of parts: s3.checksums may be false".to_owned())
}

/// A part whose SHA-256 comes behind it, as chunks go of which nobody said one; and whether the
/// store knows it afterwards.
async fn of_trailers(s3: &S3, transfer: &Transfer) -> Result<Option<String>, PortError> {
    let body = Box::pin(futures_util::stream::iter([Ok(Bytes::from_static(DOCTOR))]));
    let put = transfer::put_part(s3, transfer, 2, doctor(None), body).await;
    if let Err(error) = put {
        let so =
            "does not take parts whose SHA-256 comes behind them: s3.checksums has to be false";
        return Ok(Some(format!("{so} ({error})")));
    }
    let kept = transfer::parts(s3, transfer).await?;
    let kept = kept.iter().find(|part| part.number == 2);
    let is_said = kept.is_some_and(|part| part.sha256 == Some(sha256()));
    let so =
        "does not say the SHA-256 of the parts that it has: they are known by their etags alone";
    Ok((!is_said).then(|| so.to_owned()))
}

/// A part that a stranger puts.
async fn of_invitations(s3: &S3, transfer: &Transfer) -> Result<Option<String>, PortError> {
    let (expected, time) = (doctor(Some(sha256())), until(GOOD_FOR)?);
    let Invitation { url, headers } = transfer::invite(s3, transfer, 3, &expected, time).await?;
    if !url.starts_with("http://") {
        // This process has no other client that speaks TLS than the SDK, which does not take it.
        return Ok(None);
    }
    let put = reqwest::Client::new().put(url).timeout(GOOD_FOR).body(DOCTOR);
    let put = headers.into_iter().fold(put, |put, (name, value)| put.header(name, value));
    let so = match put.send().await {
        Ok(answer) if answer.status().is_success() => return Ok(None),
        Ok(answer) => answer.status().to_string(),
        Err(error) => error.without_url().to_string(),
    };
    Ok(Some(format!("does not take parts by signed addresses ({so}): no `transport: presigned`")))
}

fn doctor(sha256: Option<String>) -> Expected {
    Expected { length: Length::Exactly(DOCTOR.len() as u64), sha256 }
}

fn sha256() -> String {
    hex::encode(Sha256::digest(DOCTOR))
}
