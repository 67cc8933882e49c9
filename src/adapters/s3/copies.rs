//! Local copies of objects: what is scanned, hashed and decoded is fetched once.

use std::{
    collections::VecDeque,
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jobs::{
    ports::{LocalFile, PortError},
    progress::Progress,
};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use super::{
    S3,
    error::{absent, away},
    length, plain,
};
use crate::spare::Spare;

/// So many objects are fetched at the same time; two callers for one object never.
const AT_ONCE: usize = 16;

/// The copies of one process.
#[derive(Debug)]
pub(super) struct Copies {
    spare: Spare,
    most_bytes: u64,
    kept: Mutex<VecDeque<Kept>>,
    fetching: [tokio::sync::Mutex<()>; AT_ONCE],
}

#[derive(Debug, Clone)]
struct Kept {
    key: String,
    etag: String,
    sha256: String,
    bytes: u64,
    file: Arc<NamedTempFile>,
}

/// An object here.
pub(super) struct Copy {
    pub(super) file: LocalFile,
    pub(super) sha256: String,
}

impl Kept {
    /// Opened anew: readers have positions of their own.
    fn open(&self) -> Result<Copy, PortError> {
        let file = self.file.reopen().map_err(|error| away(&error, "opening a copy"))?;
        let file = LocalFile { file: Arc::new(file), bytes: self.bytes };
        Ok(Copy { file, sha256: self.sha256.clone() })
    }
}

impl Copies {
    /// Copies under `folder`, of `most_bytes` together; they go with this process.
    pub(super) fn open(folder: &Path, most_bytes: u64) -> Result<Self, PortError> {
        let spare = Spare::open(folder).map_err(|error| away(&error, "opening the copies"))?;
        Ok(Self { spare, most_bytes, kept: Mutex::default(), fetching: Default::default() })
    }

    /// A new file that vanishes with its value.
    pub(super) fn file(&self) -> Result<NamedTempFile, PortError> {
        NamedTempFile::new_in(self.spare.path()).map_err(|error| away(&error, "making a file"))
    }

    /// A folder for files that vanish with their values.
    pub(super) fn folder(&self) -> &Path {
        self.spare.path()
    }

    /// The copy of an object with this content, if there is one; the store is not asked.
    pub(super) fn here(&self, key: &str, sha256: &str) -> Option<Result<Copy, PortError>> {
        let kept = self.known(key).filter(|kept| kept.sha256 == sha256)?;
        Some(kept.open())
    }

    /// The object as it is in the store now, or a copy of it with the content `sha256`, where that
    /// is said; `progress` hears how far it is.
    pub(super) async fn fetch(
        &self,
        s3: &S3,
        key: &str,
        sha256: Option<&str>,
        progress: &Arc<Progress>,
    ) -> Result<Copy, PortError> {
        let mut which = DefaultHasher::new();
        key.hash(&mut which);
        let which = usize::try_from(which.finish() % AT_ONCE as u64).unwrap_or(0);
        let _only = match self.fetching.get(which) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        };
        // Whoever had the lock before may have fetched it.
        if let Some(copy) = sha256.and_then(|sha256| self.here(key, sha256)) {
            return copy;
        }
        let known = self.known(key);
        let get = s3.client.get_object().bucket(&s3.place.bucket).key(key);
        let get = get.set_if_none_match(known.as_ref().map(|kept| format!("\"{}\"", kept.etag)));
        let got = match (get.send().await, known) {
            (Ok(got), _) => got,
            (Err(error), Some(kept)) if is_unchanged(&error) => return kept.open(),
            (Err(error), _) => return Err(absent(key, error)),
        };
        let (etag, all) = (plain(got.e_tag.as_deref().unwrap_or_default()), got.content_length);
        let file = self.file()?;
        let (bytes, sha256) = fill(&file, got.body, length(all), progress).await?;
        if all.is_some() && bytes != length(all) {
            return Err(PortError::Unavailable(format!("the answer with {key} broke off")));
        }
        let (key, file) = (key.to_owned(), Arc::new(file));
        let kept = Kept { key, etag, sha256, bytes, file };
        let copy = kept.open();
        self.keep(kept);
        copy
    }

    /// The object is gone or another one by now.
    pub(super) fn forget(&self, key: &str) {
        self.all().retain(|kept| kept.key != key);
    }

    fn known(&self, key: &str) -> Option<Kept> {
        let mut all = self.all();
        let at = all.iter().position(|kept| kept.key == key)?;
        // Used last, given up last.
        let kept = all.remove(at)?;
        all.push_back(kept.clone());
        Some(kept)
    }

    fn keep(&self, kept: Kept) {
        let mut all = self.all();
        all.retain(|other| other.key != kept.key);
        all.push_back(kept);
        // The newest stays, however large: what follows in its job needs it again.
        while all.len() > 1 && all.iter().map(|kept| kept.bytes).sum::<u64>() > self.most_bytes {
            all.pop_front();
        }
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_unchanged<E>(
    error: &aws_sdk_s3::error::SdkError<
        E,
        aws_smithy_runtime_api::client::orchestrator::HttpResponse,
    >,
) -> bool {
    error.raw_response().is_some_and(|response| response.status().as_u16() == 304)
}

/// Writes the answer to the file; how many bytes, and their SHA-256.
async fn fill(
    file: &NamedTempFile,
    mut body: aws_sdk_s3::primitives::ByteStream,
    all: u64,
    progress: &Progress,
) -> Result<(u64, String), PortError> {
    let doing = "writing a copy";
    let open: File = file.reopen().map_err(|error| away(&error, doing))?;
    let (mut to, mut hash, mut bytes) = (tokio::fs::File::from_std(open), Sha256::new(), 0);
    loop {
        let piece = body.try_next().await;
        let piece = piece.map_err(|e| PortError::Unavailable(format!("an answer broke off: {e}")));
        let Some(piece) = piece? else { break };
        hash.update(&piece);
        bytes += piece.len() as u64;
        to.write_all(&piece).await.map_err(|error| away(&error, doing))?;
        progress.report_of(bytes, all, "the file is read once");
    }
    to.flush().await.map_err(|error| away(&error, doing))?;
    Ok((bytes, hex::encode(hash.finalize())))
}
