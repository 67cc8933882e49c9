//! Where bytes live: parts that arrive, and objects under keys.

use std::{fs::File, ops::Range, pin::Pin, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;

use super::PortError;
use crate::progress::Progress;

/// Bytes on their way; an error ends them.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>> + Send>>;

/// What must be true of a part before it is kept.
#[derive(Debug, Clone)]
pub struct Expected {
    /// How long it is.
    pub length: Length,
    /// Its SHA-256 in lower-case hex, where the sender said.
    pub sha256: Option<String>,
}

/// How long something must be, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// This and nothing else.
    Exactly(u64),
    /// The length is not known before; this is the limit.
    AtMost(u64),
}

impl Length {
    /// The most bytes that are read.
    pub fn most(self) -> u64 {
        match self {
            Self::Exactly(bytes) | Self::AtMost(bytes) => bytes,
        }
    }

    /// Whether a body of `bytes` bytes is as long as it must be.
    pub fn fits(self, bytes: u64) -> bool {
        match self {
            Self::Exactly(wanted) => bytes == wanted,
            Self::AtMost(most) => bytes <= most,
        }
    }
}

/// A part that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: u32,
    /// The store's name for exactly these bytes.
    pub etag: String,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// An object that was made of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of the whole in lower-case hex, measured on what is stored.
    pub sha256: String,
}

/// What the store knows of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its length.
    pub bytes: u64,
    /// The type it is served as.
    pub content_type: String,
    /// The store's name for exactly these bytes.
    pub etag: String,
}

/// An object as a file of this machine, open for reading; the name is gone or may go at any time.
#[derive(Debug, Clone)]
pub struct LocalFile {
    /// The descriptor. Readers share its position: read at offsets, or clone and rewind.
    pub file: Arc<File>,
    /// Its length.
    pub bytes: u64,
}

/// A store of objects. Every call may be repeated with the same outcome.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Keeps part `number` of `upload`, or keeps nothing.
    ///
    /// Refused with `chunk_size` (not the expected length) or `digest_mismatch`. Parts with other
    /// bytes of the same number may lie side by side; [`Objects::assemble`] says which one counts.
    async fn put_part(
        &self,
        upload: &str,
        number: u32,
        expected: Expected,
        body: ByteStream,
    ) -> Result<Part, PortError>;

    /// Removes one kept part, such as the loser of two with the same number.
    async fn drop_part(&self, upload: &str, part: &Part) -> Result<(), PortError>;

    /// Makes one object of `parts` in their order, and says how far it is. What is there already
    /// with the same length is taken as done; the parts stay until [`Objects::abort`].
    async fn assemble(
        &self,
        upload: &str,
        parts: &[Part],
        key: &str,
        content_type: &str,
        progress: &Arc<Progress>,
    ) -> Result<Assembled, PortError>;

    /// Forgets all parts of `upload`.
    async fn abort(&self, upload: &str) -> Result<(), PortError>;

    /// Uploads whose parts are all older than `older_than_seconds`, in the order of their names
    /// from behind `after` on; at most `limit`.
    async fn stale_uploads(
        &self,
        older_than_seconds: u64,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, PortError>;

    /// Writes a small object whole, replacing what was there.
    async fn put(&self, key: &str, bytes: Bytes, content_type: &str) -> Result<(), PortError>;

    /// What is known of an object; `Missing` without one.
    async fn info(&self, key: &str) -> Result<ObjectInfo, PortError>;

    /// The object as a local file; `Missing` without one.
    async fn fetch(&self, key: &str) -> Result<LocalFile, PortError>;

    /// The object's bytes, or a part of them, as a stream; `Missing` without one.
    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<ByteStream, PortError>;

    /// Puts the object of `from` also under `to`, served as `content_type`, on the store's side.
    async fn copy(&self, from: &str, to: &str, content_type: &str) -> Result<(), PortError>;

    /// Removes an object; one that is not there is removed already.
    async fn delete(&self, key: &str) -> Result<(), PortError>;

    /// Whether the store answers and takes writes.
    async fn ping(&self) -> Result<(), PortError>;

    /// The bucket's name and region, for `s3Info`.
    fn place(&self) -> (String, String);
}
