//! Objects in a bucket of S3 or of a store that speaks its language.
//!
//! An upload is a multipart upload, its chunk n is part n, and its assembly moves no byte. What has
//! to be read here (for the whole's SHA-256, the scan, the pictures) is fetched once, into a local
//! copy.

mod body;
mod client;
mod copies;
mod edited;
mod error;
mod large;
mod probe;
mod transfer;

use std::{ops::Range, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_s3::{
    Client, presigning::PresigningConfig, primitives::ByteStream as Body, types::MetadataDirective,
};
use bytes::Bytes;
use futures_util::TryStreamExt;
use jobs::{
    ports::{
        Arrived, Assembled, ByteStream, Clock, Edits, Expected, Invitation, KeptPart, LocalFile,
        ObjectInfo, Objects, Part, PortError, Spooled, Transfer,
    },
    progress::Progress,
};

pub use client::Place;
use copies::Copies;
use error::{absent, fault};

/// Objects in one bucket.
#[derive(Clone)]
pub struct S3 {
    client: Client,
    /// For calls that take long.
    patient: Client,
    place: Arc<Place>,
    clock: Arc<dyn Clock>,
    copies: Arc<Copies>,
}

impl S3 {
    /// The bucket at `place`, with local copies under `folder`. The store is not asked yet.
    pub async fn open(
        place: Place,
        folder: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PortError> {
        let copies = Copies::open(folder, place.copies_bytes)?;
        let (client, patient) = client::clients(&place).await;
        Ok(Self { client, patient, place: Arc::new(place), clock, copies: Arc::new(copies) })
    }

    /// What is known of an object, with the etag as S3 writes it.
    async fn head(&self, key: &str) -> Result<(ObjectInfo, String), PortError> {
        let asked = self.client.head_object().bucket(&self.place.bucket).key(key);
        let head = asked.send().await.map_err(|error| absent(key, error))?;
        let quoted = head.e_tag.unwrap_or_default();
        let info = ObjectInfo {
            bytes: length(head.content_length),
            content_type: head.content_type.unwrap_or_default(),
            etag: plain(&quoted),
        };
        Ok((info, quoted))
    }
}

/// S3 writes etags in quotes.
fn plain(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

fn length(said: Option<i64>) -> u64 {
    said.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0)
}

/// Keys that are plain paths: nothing that a server or a proxy on the way may take for another.
fn safe(key: &str) -> Result<&str, PortError> {
    let plain = key.split('/').all(|name| !matches!(name, "" | "." | ".."));
    if plain && !key.contains(|c: char| c.is_control()) {
        return Ok(key);
    }
    Err(PortError::refused("bad_key", format!("{key:?} is no key")))
}

/// Counts a call and its time.
async fn counted<T>(op: &'static str, call: impl Future<Output = T>) -> T {
    metrics::counter!("object_requests_total", "op" => op).increment(1);
    let began = std::time::Instant::now();
    let answer = call.await;
    metrics::histogram!("object_op_seconds", "op" => op).record(began.elapsed());
    answer
}

#[async_trait]
impl Objects for S3 {
    async fn begin(
        &self,
        upload: &str,
        content_type: &str,
        is_checked: bool,
    ) -> Result<Transfer, PortError> {
        counted("begin", transfer::begin(self, upload, content_type, is_checked)).await
    }

    async fn put_part(
        &self,
        transfer: &Transfer,
        number: u32,
        expected: Expected,
        body: ByteStream,
    ) -> Result<Part, PortError> {
        counted("put_part", transfer::put_part(self, transfer, number, expected, body)).await
    }

    async fn put_file(
        &self,
        transfer: &Transfer,
        number: u32,
        file: Spooled,
    ) -> Result<Part, PortError> {
        counted("put_part", transfer::put_file(self, transfer, number, file)).await
    }

    async fn parts(&self, transfer: &Transfer) -> Result<Vec<KeptPart>, PortError> {
        counted("list_parts", transfer::parts(self, transfer)).await
    }

    async fn drop_part(&self, _transfer: &Transfer, _part: &Part) -> Result<(), PortError> {
        // A later part of the same number takes its place, an abort all others.
        Ok(())
    }

    async fn assemble(
        &self,
        transfer: &Transfer,
        parts: &[Part],
        _content_type: &str,
        progress: &Arc<Progress>,
    ) -> Result<Assembled, PortError> {
        counted("assemble", transfer::assemble(self, transfer, parts, progress)).await
    }

    async fn abort(&self, transfer: &Transfer) -> Result<(), PortError> {
        counted("abort", transfer::abort(self, transfer)).await
    }

    async fn stale(
        &self,
        older_than_seconds: u64,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Transfer>, PortError> {
        counted("list_uploads", transfer::stale(self, older_than_seconds, after, limit)).await
    }

    async fn arrived(
        &self,
        older_than_seconds: u64,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Arrived>, PortError> {
        counted("list", transfer::arrived(self, older_than_seconds, after, limit)).await
    }

    async fn put(&self, key: &str, bytes: Bytes, content_type: &str) -> Result<(), PortError> {
        let put = self.client.put_object().bucket(&self.place.bucket).key(safe(key)?);
        let put = put.content_type(content_type).body(Body::from(bytes));
        counted("put", put.send()).await.map(drop).map_err(|error| fault(key, error))
    }

    async fn put_edited(
        &self,
        key: &str,
        file: &LocalFile,
        edits: &Edits,
        content_type: &str,
    ) -> Result<Assembled, PortError> {
        counted("put_edited", edited::put(self, safe(key)?, (file, edits), content_type)).await
    }

    async fn info(&self, key: &str) -> Result<ObjectInfo, PortError> {
        counted("info", self.head(safe(key)?)).await.map(|(info, _)| info)
    }

    async fn fetch(&self, key: &str) -> Result<LocalFile, PortError> {
        let progress = Arc::default();
        let copy = self.copies.fetch(self, safe(key)?, None, &progress);
        counted("fetch", copy).await.map(|copy| copy.file)
    }

    async fn fetch_known(&self, key: &str, sha256: &str) -> Result<LocalFile, PortError> {
        if let Some(copy) = self.copies.here(key, sha256) {
            return copy.map(|copy| copy.file);
        }
        let progress = Arc::default();
        let copy = self.copies.fetch(self, safe(key)?, Some(sha256), &progress);
        counted("fetch", copy).await.map(|copy| copy.file)
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<ByteStream, PortError> {
        let get = self.client.get_object().bucket(&self.place.bucket).key(safe(key)?);
        let get = match range {
            // No range of HTTP is empty.
            Some(range) if range.is_empty() => {
                return Ok(Box::pin(futures_util::stream::empty()));
            }
            Some(range) => {
                get.range(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)))
            }
            None => get,
        };
        let got = counted("read", get.send()).await.map_err(|error| absent(key, error))?;
        Ok(pieces(got.body))
    }

    async fn share(&self, key: &str, time: Duration) -> Result<Option<String>, PortError> {
        let get = self.client.get_object().bucket(&self.place.bucket).key(safe(key)?);
        let signed = get.presigned(until(time)?).await.map_err(|error| fault(key, error))?;
        Ok(Some(signed.uri().to_owned()))
    }

    async fn invite(
        &self,
        transfer: &Transfer,
        number: u32,
        expected: &Expected,
        time: Duration,
    ) -> Result<Option<Invitation>, PortError> {
        transfer::invite(self, transfer, number, expected, until(time)?).await.map(Some)
    }

    async fn copy(&self, from: &str, to: &str, content_type: &str) -> Result<(), PortError> {
        let copying = async {
            let (info, etag) = self.head(safe(from)?).await?;
            if info.bytes > self.place.copy_bytes {
                let source = large::Source::Object(from, &etag);
                return large::make(self, safe(to)?, content_type, info.bytes, source).await;
            }
            let copy = self.patient.copy_object().bucket(&self.place.bucket).key(safe(to)?);
            let copy = copy
                .copy_source(source(&self.place.bucket, from))
                // What was looked at is what is copied.
                .copy_source_if_match(etag)
                .content_type(content_type)
                .metadata_directive(MetadataDirective::Replace);
            copy.send().await.map(drop).map_err(|error| absent(from, error))
        };
        counted("copy", copying).await
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        let delete = self.client.delete_object().bucket(&self.place.bucket).key(safe(key)?);
        self.copies.forget(key);
        match counted("delete", delete.send()).await.map_err(|error| absent(key, error)) {
            Err(PortError::Missing(_)) => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn ping(&self) -> Result<(), PortError> {
        let head = self.client.head_bucket().bucket(&self.place.bucket);
        let what = format!("the bucket {}", self.place.bucket);
        counted("ping", head.send()).await.map(drop).map_err(|error| absent(&what, error))
    }

    async fn probe(&self) -> Result<Vec<String>, PortError> {
        probe::probe(self).await
    }

    fn place(&self) -> (String, String) {
        (self.place.bucket.clone(), self.place.region.clone())
    }
}

fn until(time: Duration) -> Result<PresigningConfig, PortError> {
    PresigningConfig::expires_in(time)
        .map_err(|error| PortError::refused("bad_expiry", error.to_string()))
}

/// An object as the source of a copy: S3 wants it as it would stand in an address.
fn source(bucket: &str, key: &str) -> String {
    let mut source = format!("{bucket}/");
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            source.push(char::from(byte));
        } else {
            source.push_str(&format!("%{byte:02X}"));
        }
    }
    source
}

/// The bytes of an answer, as they come.
fn pieces(body: Body) -> ByteStream {
    let pieces = futures_util::stream::try_unfold(body, |mut body| async {
        let piece = body.try_next().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(piece.map(|piece| (piece, body)))
    });
    Box::pin(pieces.into_stream())
}
