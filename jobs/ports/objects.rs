//! Where bytes live: parts that arrive, and objects under keys.

use std::{fs::File, ops::Range, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use tempfile::NamedTempFile;

use super::{Edits, PortError};
use crate::{keys, progress::Progress};

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

impl Expected {
    /// Refuses (`chunk_size`) a body of which `bytes` have come and more than was expected.
    pub fn goes_on(&self, bytes: u64) -> Result<(), PortError> {
        if bytes > self.length.most() { Err(self.wrong_length(bytes)) } else { Ok(()) }
    }

    /// Refuses (`chunk_size`, `digest_mismatch`) the whole body of part `number`, unless it is what
    /// was expected.
    pub fn holds(&self, number: u32, bytes: u64, sha256: &str) -> Result<(), PortError> {
        if !self.length.fits(bytes) {
            return Err(self.wrong_length(bytes));
        }
        if self.sha256.as_ref().is_some_and(|promised| promised != sha256) {
            let message = format!("the bytes of chunk {number} have the SHA-256 {sha256}");
            return Err(PortError::refused("digest_mismatch", message));
        }
        Ok(())
    }

    fn wrong_length(&self, bytes: u64) -> PortError {
        let message = match self.length {
            Length::Exactly(wanted) if bytes > wanted => {
                format!("the chunk has more than its {wanted} bytes")
            }
            Length::Exactly(wanted) => {
                format!("the chunk has {bytes} bytes, {wanted} were expected")
            }
            Length::AtMost(most) => format!("the body has more than {most} bytes"),
        };
        PortError::refused("chunk_size", message)
    }
}

/// The refusal of a body that ended before its end.
pub fn interrupted(why: &dyn std::fmt::Display) -> PortError {
    PortError::refused("body_interrupted", format!("the body ended early: {why}"))
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

/// An upload on its way, as the store of objects knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The upload's id.
    pub upload: String,
    /// The store's own name for it, where it has one.
    pub id: Option<String>,
    /// Whether the store is told the SHA-256 of each part.
    pub is_checked: bool,
}

impl Transfer {
    /// Where its parts become one object.
    pub fn key(&self) -> String {
        keys::private(&self.upload)
    }
}

/// A part as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPart {
    /// From 1.
    pub number: u32,
    /// The store's name for exactly these bytes.
    pub etag: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 in lower-case hex, where the store has checked it.
    pub sha256: Option<String>,
}

/// A part that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: u32,
    /// The store's name for exactly these bytes.
    pub etag: String,
    /// SHA-256 in lower-case hex; `None` where nobody has seen the bytes but the store.
    pub sha256: Option<String>,
    /// Its length.
    pub bytes: u64,
}

impl Part {
    /// Whether `kept` has the same bytes. Not every store names equal bytes alike (encryption by
    /// S3's key service does not): then their SHA-256 says it.
    pub fn is(&self, kept: &KeptPart) -> bool {
        let has_sum = self.sha256.is_some() && self.sha256 == kept.sha256;
        self.number == kept.number
            && self.bytes == kept.bytes
            && (self.etag == kept.etag || has_sum)
    }
}

/// An object that was made of parts, or of another file.
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

/// An object of bytes that are arriving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Where it is; it begins with [`keys::INCOMING`].
    pub key: String,
    /// Its length.
    pub bytes: u64,
}

/// A request that somebody else may make: `PUT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Where.
    pub url: String,
    /// The headers that have to come with it.
    pub headers: Vec<(String, String)>,
}

/// An object as a file of this machine, open for reading; the name is gone or may go at any time.
#[derive(Debug, Clone)]
pub struct LocalFile {
    /// The descriptor. Readers share its position: read at offsets, or clone and rewind.
    pub file: Arc<File>,
    /// Its length.
    pub bytes: u64,
}

/// Bytes in a file of this machine that nobody else has; it vanishes unless a store takes it over.
#[derive(Debug)]
pub struct Spooled {
    /// Its position is anywhere.
    pub file: NamedTempFile,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
}

/// A store of objects. Every call may be repeated with the same outcome.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Makes room for the parts of a new upload, each of which comes with its SHA-256 if it
    /// `is_checked`. Whoever asks twice has two, and has to abort one.
    async fn begin(
        &self,
        upload: &str,
        content_type: &str,
        is_checked: bool,
    ) -> Result<Transfer, PortError>;

    /// Keeps part `number`, or keeps nothing.
    ///
    /// Refused with `chunk_size` (not the expected length) or `digest_mismatch`. Of parts with the
    /// same number and other bytes, both are kept or the last: [`Objects::parts`] says it.
    async fn put_part(
        &self,
        transfer: &Transfer,
        number: u32,
        expected: Expected,
        body: ByteStream,
    ) -> Result<Part, PortError>;

    /// Keeps these bytes as part `number`. Like [`Objects::put_part`], of bytes that are all there.
    async fn put_file(
        &self,
        transfer: &Transfer,
        number: u32,
        file: Spooled,
    ) -> Result<Part, PortError>;

    /// The parts that are kept, by their numbers, of several with one number the last that came
    /// first; none where nothing is known of the transfer.
    async fn parts(&self, transfer: &Transfer) -> Result<Vec<KeptPart>, PortError>;

    /// Removes one kept part, such as the loser of two with the same number; where a later one
    /// takes its place anyway, nothing is done.
    async fn drop_part(&self, transfer: &Transfer, part: &Part) -> Result<(), PortError>;

    /// Makes one object of `parts` in their order under the transfer's key, and says how far it is.
    /// What is there already with the same length is taken as done; where parts outlive it, they
    /// stay until [`Objects::abort`]. `Missing` if one of them is not kept.
    async fn assemble(
        &self,
        transfer: &Transfer,
        parts: &[Part],
        content_type: &str,
        progress: &Arc<Progress>,
    ) -> Result<Assembled, PortError>;

    /// Forgets all parts, and takes no more.
    async fn abort(&self, transfer: &Transfer) -> Result<(), PortError>;

    /// Transfers of which nothing is younger than `older_than_seconds`, in the order of their
    /// uploads' names from behind the name `after` on; at most about `limit`.
    async fn stale(
        &self,
        older_than_seconds: u64,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Transfer>, PortError>;

    /// Objects of arriving bytes that are not younger than `older_than_seconds`, in the order of
    /// their keys from behind the key `after` on; at most `limit`.
    async fn arrived(
        &self,
        older_than_seconds: u64,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Arrived>, PortError>;

    /// Writes a small object whole, replacing what was there.
    async fn put(&self, key: &str, bytes: Bytes, content_type: &str) -> Result<(), PortError>;

    /// Writes `file` with its edits whole under `key`, replacing what was there; the new length and
    /// hash.
    async fn put_edited(
        &self,
        key: &str,
        file: &LocalFile,
        edits: &Edits,
        content_type: &str,
    ) -> Result<Assembled, PortError>;

    /// What is known of an object; `Missing` without one.
    async fn info(&self, key: &str) -> Result<ObjectInfo, PortError>;

    /// The object as a local file; `Missing` without one.
    async fn fetch(&self, key: &str) -> Result<LocalFile, PortError>;

    /// The same of an object whose SHA-256 (lower-case hex) is known: a copy that is here already
    /// serves, without asking whether the object is still there.
    async fn fetch_known(&self, key: &str, _sha256: &str) -> Result<LocalFile, PortError> {
        self.fetch(key).await
    }

    /// The object's bytes, or a part of them, as a stream; `Missing` without one.
    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<ByteStream, PortError>;

    /// An address where everybody can read the object for so long; `None` where the store has
    /// none to give, and whoever serves its bytes has to make one.
    async fn share(&self, key: &str, time: Duration) -> Result<Option<String>, PortError>;

    /// An address where everybody can put exactly this part for so long; `None` as above.
    async fn invite(
        &self,
        transfer: &Transfer,
        number: u32,
        expected: &Expected,
        time: Duration,
    ) -> Result<Option<Invitation>, PortError>;

    /// Puts the object of `from` also under `to`, served as `content_type`, on the store's side.
    async fn copy(&self, from: &str, to: &str, content_type: &str) -> Result<(), PortError>;

    /// Removes an object; one that is not there is removed already.
    async fn delete(&self, key: &str) -> Result<(), PortError>;

    /// Whether the store answers and takes writes.
    async fn ping(&self) -> Result<(), PortError>;

    /// Tries what is leant on, and leaves nothing behind; a sentence for each thing that the store
    /// does otherwise than it should and that can be lived with.
    async fn probe(&self) -> Result<Vec<String>, PortError>;

    /// The bucket's name and region, for `s3Info`.
    fn place(&self) -> (String, String);
}
