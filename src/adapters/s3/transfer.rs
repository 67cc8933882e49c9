//! Uploads on their way: multipart uploads of S3.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_sdk_s3::{
    operation::upload_part::builders::UploadPartFluentBuilder,
    presigning::PresigningConfig,
    primitives::ByteStream as Body,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jobs::{
    keys,
    ports::{
        Arrived, Assembled, ByteStream, Expected, Invitation, KeptPart, Length, Part, PortError,
        Spooled, Transfer,
    },
    progress::Progress,
};

use super::{
    S3,
    body::passing,
    error::{absent, fault},
    length, plain, safe,
};
use crate::spool::gather;

/// S3's own name of the transfer.
fn id(transfer: &Transfer) -> Result<&str, PortError> {
    let missing = || {
        let upload = &transfer.upload;
        PortError::Missing(format!("the upload {upload} was begun on another object store"))
    };
    transfer.id.as_deref().ok_or_else(missing)
}

/// See [`jobs::ports::Objects::begin`].
pub(super) async fn begin(
    s3: &S3,
    upload: &str,
    kind: &str,
    is_checked: bool,
) -> Result<Transfer, PortError> {
    let key = keys::private(upload);
    let create = s3.client.create_multipart_upload().bucket(&s3.place.bucket).key(safe(&key)?);
    let is_checked = is_checked && s3.place.checksums;
    let algorithm = is_checked.then_some(ChecksumAlgorithm::Sha256);
    let create = create.content_type(kind).set_checksum_algorithm(algorithm);
    let created = create.send().await.map_err(|error| fault(&key, error))?;
    let none = || PortError::Unavailable(format!("the object store gave {key} no upload id"));
    let id = created.upload_id.ok_or_else(none)?;
    Ok(Transfer { upload: upload.to_owned(), id: Some(id), is_checked })
}

/// See [`jobs::ports::Objects::put_part`].
pub(super) async fn put_part(
    s3: &S3,
    transfer: &Transfer,
    number: u32,
    expected: Expected,
    body: ByteStream,
) -> Result<Part, PortError> {
    let Length::Exactly(bytes) = expected.length else {
        // A request has to say its length first.
        let whole = gather(s3.copies.folder(), number, &expected, body).await?;
        return put_file(s3, transfer, number, whole).await;
    };
    let promised = expected.sha256.clone();
    let (body, verdict) = passing(number, expected, bytes, body);
    let answer = put(s3, transfer, number, bytes, promised.as_deref())?.body(body).send().await;
    let sha256 = match (verdict.take(), &answer) {
        (Some(verdict), _) => verdict?,
        (None, Ok(_)) => {
            let message = format!("the object store did not read chunk {number} to its end");
            return Err(PortError::Unavailable(message));
        }
        (None, Err(_)) => String::new(),
    };
    let kept = answer.map_err(|error| absent(&of(transfer), error))?;
    let etag = plain(&kept.e_tag.unwrap_or_default());
    Ok(Part { number, etag, sha256: Some(sha256), bytes })
}

/// See [`jobs::ports::Objects::put_file`].
pub(super) async fn put_file(
    s3: &S3,
    transfer: &Transfer,
    number: u32,
    Spooled { file, bytes, sha256 }: Spooled,
) -> Result<Part, PortError> {
    let body = Body::from_path(file.path()).await;
    let body =
        body.map_err(|error| PortError::Unavailable(format!("reading a gathered body: {error}")))?;
    let answer = put(s3, transfer, number, bytes, Some(&sha256))?.body(body).send().await;
    let kept = answer.map_err(|error| absent(&of(transfer), error))?;
    let etag = plain(&kept.e_tag.unwrap_or_default());
    Ok(Part { number, etag, sha256: Some(sha256), bytes })
}

fn of(transfer: &Transfer) -> String {
    format!("the upload of {}", transfer.key())
}

/// A request that puts part `number`, without its body.
fn put(
    s3: &S3,
    transfer: &Transfer,
    number: u32,
    bytes: u64,
    sha256: Option<&str>,
) -> Result<UploadPartFluentBuilder, PortError> {
    let put = s3.patient.upload_part().bucket(&s3.place.bucket).key(transfer.key());
    let put = put.upload_id(id(transfer)?).part_number(i32::try_from(number).unwrap_or(i32::MAX));
    let put = put.content_length(i64::try_from(bytes).unwrap_or(i64::MAX));
    Ok(match sha256 {
        // Parts have to be as the upload was begun.
        _ if !(s3.place.checksums && transfer.is_checked) => put,
        Some(sha256) => put.checksum_sha256(base64(sha256)?),
        // Reckoned on the way, sent behind the body.
        None => put.checksum_algorithm(ChecksumAlgorithm::Sha256),
    })
}

/// See [`jobs::ports::Objects::parts`].
pub(super) async fn parts(s3: &S3, transfer: &Transfer) -> Result<Vec<KeptPart>, PortError> {
    let (key, id) = (transfer.key(), id(transfer)?);
    let (mut kept, mut after) = (Vec::new(), None);
    loop {
        let list = s3.client.list_parts().bucket(&s3.place.bucket).key(&key).upload_id(id);
        let listed = list.set_part_number_marker(after).send().await;
        // What a proxy says while the store is away is not that there are no parts.
        let page = match listed.map_err(|error| fault(&key, error)) {
            Err(PortError::Missing(_)) => return Ok(Vec::new()),
            page => page?,
        };
        kept.extend(page.parts.unwrap_or_default().into_iter().map(|part| KeptPart {
            number: part.part_number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0),
            etag: plain(&part.e_tag.unwrap_or_default()),
            bytes: length(part.size),
            sha256: part.checksum_sha256.and_then(|sum| {
                let bytes = BASE64_STANDARD.decode(sum).ok()?;
                Some(hex::encode(bytes))
            }),
        }));
        after = page.next_part_number_marker;
        if page.is_truncated != Some(true) || after.is_none() {
            return Ok(kept);
        }
    }
}

/// See [`jobs::ports::Objects::assemble`].
pub(super) async fn assemble(
    s3: &S3,
    transfer: &Transfer,
    parts: &[Part],
    progress: &Arc<Progress>,
) -> Result<Assembled, PortError> {
    let key = transfer.key();
    let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
    let is_there = async || match s3.head(&key).await {
        Ok((info, _)) => Ok(info.bytes == bytes),
        Err(PortError::Missing(_)) => Ok(false),
        Err(error) => Err(error),
    };
    if !is_there().await? {
        match complete(s3, transfer, parts).await {
            // The answer may have got lost, or somebody else was first.
            Err(error) => {
                if !is_there().await? {
                    return Err(error);
                }
            }
            Ok(()) => s3.copies.forget(&key),
        }
    }
    let copy = s3.copies.fetch(s3, &key, None, progress).await?;
    Ok(Assembled { bytes: copy.file.bytes, sha256: copy.sha256 })
}

async fn complete(s3: &S3, transfer: &Transfer, parts: &[Part]) -> Result<(), PortError> {
    // Not every store looks at the etags that it is told.
    let kept = self::parts(s3, transfer).await?;
    let is_checked = s3.place.checksums && transfer.is_checked;
    let completed = parts.iter().map(|part| {
        let Some(kept) = kept.iter().find(|kept| part.is(kept)) else {
            let message = format!("part {} of {} is not kept", part.number, transfer.upload);
            return Err(PortError::Missing(message));
        };
        let number = i32::try_from(part.number).unwrap_or(i32::MAX);
        let sum = part.sha256.as_deref().filter(|_| is_checked).map(base64).transpose()?;
        let completed = CompletedPart::builder().part_number(number).e_tag(&kept.etag);
        Ok(completed.set_checksum_sha256(sum).build())
    });
    let completed = completed.collect::<Result<Vec<_>, PortError>>()?;
    let (key, id) = (transfer.key(), id(transfer)?);
    let whole = CompletedMultipartUpload::builder().set_parts(Some(completed)).build();
    let complete = s3.patient.complete_multipart_upload().bucket(&s3.place.bucket).key(&key);
    let complete = complete.upload_id(id).multipart_upload(whole).send().await;
    complete.map(drop).map_err(|error| absent(&key, error))
}

/// See [`jobs::ports::Objects::abort`].
pub(super) async fn abort(s3: &S3, transfer: &Transfer) -> Result<(), PortError> {
    match &transfer.id {
        Some(id) => drop_parts(s3, &transfer.key(), id).await,
        None => Ok(()),
    }
}

/// Drops what came of the object with this key under S3's name of its transfer, if anything did.
pub(super) async fn drop_parts(s3: &S3, key: &str, id: &str) -> Result<(), PortError> {
    let abort = s3.client.abort_multipart_upload().bucket(&s3.place.bucket).key(key);
    match abort.upload_id(id).send().await.map_err(|error| absent(key, error)) {
        Err(PortError::Missing(_)) => Ok(()),
        answer => answer.map(drop),
    }
}

/// See [`jobs::ports::Objects::stale`].
pub(super) async fn stale(
    s3: &S3,
    seconds: u64,
    after: &str,
    limit: usize,
) -> Result<Vec<Transfer>, PortError> {
    let until = s3.clock.now().to_system_time() - Duration::from_secs(seconds);
    let (mut found, mut key) = (Vec::new(), keys::private(after));
    let (mut marker, mut same) = ((!after.is_empty()).then_some(key.clone()), None);
    loop {
        let list = s3.client.list_multipart_uploads().bucket(&s3.place.bucket);
        let list = list.prefix(keys::INCOMING).set_key_marker(marker).set_upload_id_marker(same);
        let page = list.send().await.map_err(|error| fault("its uploads", error))?;
        for upload in page.uploads.unwrap_or_default() {
            let (Some(name), Some(id)) = (upload.key, upload.upload_id) else { continue };
            let began = upload.initiated.and_then(|at| SystemTime::try_from(at).ok());
            // All transfers of one upload, or none: the next page begins behind its name.
            if found.len() >= limit && name != key {
                return Ok(found);
            }
            let Some((upload, false)) = keys::arriving(&name) else { continue };
            if upload <= after {
                continue;
            }
            if began.is_none_or(|began| began <= until) {
                found.push(Transfer { upload: upload.to_owned(), id: Some(id), is_checked: true });
                key = name;
            }
        }
        (marker, same) = (page.next_key_marker, page.next_upload_id_marker);
        if page.is_truncated != Some(true) || marker.is_none() {
            return Ok(found);
        }
    }
}

/// See [`jobs::ports::Objects::arrived`].
pub(super) async fn arrived(
    s3: &S3,
    seconds: u64,
    after: &str,
    limit: usize,
) -> Result<Vec<Arrived>, PortError> {
    let until = s3.clock.now().to_system_time() - Duration::from_secs(seconds);
    let (mut found, mut from) = (Vec::new(), after.to_owned());
    loop {
        let list = s3.client.list_objects_v2().bucket(&s3.place.bucket).prefix(keys::INCOMING);
        let list = list.set_start_after((!from.is_empty()).then_some(from)).send();
        let page = list.await.map_err(|error| fault("what arrived", error))?;
        let mut last = None;
        for object in page.contents.unwrap_or_default() {
            let Some(key) = object.key else { continue };
            let came = object.last_modified.and_then(|at| SystemTime::try_from(at).ok());
            if came.is_none_or(|came| came <= until) {
                found.push(Arrived { key: key.clone(), bytes: length(object.size) });
            }
            last = Some(key);
            if found.len() == limit {
                return Ok(found);
            }
        }
        match last {
            Some(last) if page.is_truncated == Some(true) => from = last,
            _ => return Ok(found),
        }
    }
}

/// See [`jobs::ports::Objects::invite`].
pub(super) async fn invite(
    s3: &S3,
    transfer: &Transfer,
    number: u32,
    expected: &Expected,
    time: PresigningConfig,
) -> Result<Invitation, PortError> {
    let key = transfer.key();
    let put = s3.client.upload_part().bucket(&s3.place.bucket).key(&key).upload_id(id(transfer)?);
    let put = put.part_number(i32::try_from(number).unwrap_or(i32::MAX));
    let put = match expected.length {
        Length::Exactly(bytes) => put.content_length(i64::try_from(bytes).unwrap_or(i64::MAX)),
        Length::AtMost(_) => put,
    };
    let is_checked = s3.place.checksums && transfer.is_checked;
    let sum = expected.sha256.as_deref().filter(|_| is_checked).map(base64).transpose()?;
    let signed = put.set_checksum_sha256(sum).presigned(time).await;
    let signed = signed.map_err(|error| fault(&key, error))?;
    let header = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    // Every client sends the length of what it sends, and browsers let nobody else say it.
    let headers = signed.headers().filter(|(name, _)| *name != "content-length");
    let headers = headers.map(header).collect();
    Ok(Invitation { url: signed.uri().to_owned(), headers })
}

/// A hash in hex as S3 writes it.
pub(super) fn base64(sha256: &str) -> Result<String, PortError> {
    let bytes = hex::decode(sha256)
        .map_err(|_| PortError::refused("bad_digest", format!("{sha256} is not a SHA-256")))?;
    Ok(BASE64_STANDARD.encode(bytes))
}
