//! Objects as files of this machine: parts, objects and a side-car of each, all durable.
//!
//! ```text
//! tmp/<process>/                what is being written; removed when the process is gone
//! parts/<upload>/<n>.<sha256>   the same bytes have the same name, so a repeat is no new part
//! objects/<key>                 the bytes; immutable, so copies are hard links
//! about/<key>.json              content type and hash; written before the bytes appear
//! ```

mod arriving;
mod durable;
mod objects;
mod parts;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use jobs::{
    ports::{
        Arrived, Assembled, ByteStream, Edits, Expected, Invitation, KeptPart, LocalFile,
        ObjectInfo, Objects, Part, PortError, Spooled, Transfer,
    },
    progress::Progress,
};
use tokio_util::sync::CancellationToken;

use crate::spare::Spare;

/// Objects under a folder.
#[derive(Debug, Clone)]
pub struct Disk {
    folder: PathBuf,
    spare: Arc<Spare>,
}

impl Disk {
    /// Objects under `folder`, which is made if it is not there. Several processes may have it.
    pub fn open(folder: &Path) -> Result<Self, PortError> {
        let prepare = || {
            for place in ["parts", "objects", "about"] {
                std::fs::create_dir_all(folder.join(place))?;
            }
            Spare::open(&folder.join("tmp"))
        };
        let spare = prepare().map_err(|error| away(&error, "opening the folder of objects"))?;
        Ok(Self { folder: folder.to_owned(), spare: Arc::new(spare) })
    }

    /// Runs `work` where blocking is allowed, and counts it.
    async fn run<T: Send + 'static>(
        &self,
        op: &'static str,
        work: impl FnOnce(&Self) -> Result<T, PortError> + Send + 'static,
    ) -> Result<T, PortError> {
        let disk = self.clone();
        counted(op, apart(move || work(&disk))).await
    }
}

/// Who waits for the work, hears how far it is, and may go away: a thread cannot be stopped from
/// outside.
struct Caller {
    gone: CancellationToken,
    progress: Arc<Progress>,
}

impl Caller {
    fn is_there(&self) -> Result<(), PortError> {
        if self.gone.is_cancelled() {
            return Err(PortError::Unavailable("nobody waits for the object any more".into()));
        }
        Ok(())
    }
}

/// Counts a call and its time.
async fn counted<T>(op: &'static str, call: impl Future<Output = T>) -> T {
    metrics::counter!("object_requests_total", "op" => op).increment(1);
    let began = std::time::Instant::now();
    let answer = call.await;
    metrics::histogram!("object_op_seconds", "op" => op).record(began.elapsed());
    answer
}

/// Runs `work` on a thread that may block.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PortError> + Send + 'static,
) -> Result<T, PortError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(PortError::Unavailable(format!("the object store stopped: {error}")))
    })
}

#[async_trait]
impl Objects for Disk {
    async fn begin(
        &self,
        upload: &str,
        _content_type: &str,
        is_checked: bool,
    ) -> Result<Transfer, PortError> {
        // Its folder comes with its first part.
        parts::folder(self, upload)?;
        Ok(Transfer { upload: upload.to_owned(), id: None, is_checked })
    }

    async fn put_part(
        &self,
        transfer: &Transfer,
        number: u32,
        expected: Expected,
        body: ByteStream,
    ) -> Result<Part, PortError> {
        let keeping = arriving::keep(self, &transfer.upload, number, expected, body);
        counted("put_part", keeping).await
    }

    async fn put_file(
        &self,
        transfer: &Transfer,
        number: u32,
        file: Spooled,
    ) -> Result<Part, PortError> {
        counted("put_part", arriving::take_over(self, &transfer.upload, number, file)).await
    }

    async fn parts(&self, transfer: &Transfer) -> Result<Vec<KeptPart>, PortError> {
        let folder = parts::folder(self, &transfer.upload)?;
        self.run("list_parts", move |_| parts::list(&folder)).await
    }

    async fn drop_part(&self, transfer: &Transfer, part: &Part) -> Result<(), PortError> {
        let path = parts::path(self, &transfer.upload, part)?;
        self.run("drop_part", move |_| durable::remove(&path)).await
    }

    async fn assemble(
        &self,
        transfer: &Transfer,
        parts: &[Part],
        content_type: &str,
        progress: &Arc<Progress>,
    ) -> Result<Assembled, PortError> {
        let (transfer, parts) = (transfer.clone(), parts.to_vec());
        let content_type = content_type.to_owned();
        let gone = CancellationToken::new();
        // Set off when the caller is gone: a copy of gigabytes that nobody waits for ends.
        let _waiting = gone.clone().drop_guard();
        let caller = Caller { gone, progress: progress.clone() };
        self.run("assemble", move |disk| {
            parts::assemble(disk, &transfer, &parts, &content_type, &caller)
        })
        .await
    }

    async fn abort(&self, transfer: &Transfer) -> Result<(), PortError> {
        let folder = parts::folder(self, &transfer.upload)?;
        self.run("abort", move |_| match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(away(&error, "removing the parts of an upload"))
            }
            _ => Ok(()),
        })
        .await
    }

    async fn stale(
        &self,
        older_than_seconds: u64,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Transfer>, PortError> {
        let after = after.to_owned();
        let list = move |disk: &Self| parts::stale(disk, older_than_seconds, &after, limit);
        self.run("list_uploads", list).await
    }

    async fn arrived(
        &self,
        older_than_seconds: u64,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Arrived>, PortError> {
        let after = after.to_owned();
        let list = move |disk: &Self| objects::arrived(disk, older_than_seconds, &after, limit);
        self.run("list", list).await
    }

    async fn put(&self, key: &str, bytes: Bytes, content_type: &str) -> Result<(), PortError> {
        let (key, content_type) = (key.to_owned(), content_type.to_owned());
        self.run("put", move |disk| objects::put(disk, &key, &bytes, &content_type)).await
    }

    async fn put_edited(
        &self,
        key: &str,
        file: &LocalFile,
        edits: &Edits,
        content_type: &str,
    ) -> Result<Assembled, PortError> {
        let (key, content_type) = (key.to_owned(), content_type.to_owned());
        let (file, edits) = (file.clone(), edits.clone());
        let gone = CancellationToken::new();
        let _waiting = gone.clone().drop_guard();
        self.run("put_edited", move |disk| {
            objects::put_edited(disk, &key, (&file, &edits), &content_type, &gone)
        })
        .await
    }

    async fn info(&self, key: &str) -> Result<ObjectInfo, PortError> {
        let key = key.to_owned();
        self.run("info", move |disk| objects::info(disk, &key)).await
    }

    async fn fetch(&self, key: &str) -> Result<LocalFile, PortError> {
        let key = key.to_owned();
        self.run("fetch", move |disk| objects::open(disk, &key)).await
    }

    async fn read(
        &self,
        key: &str,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<ByteStream, PortError> {
        let key = key.to_owned();
        let open = move |disk: &Self| objects::open_at(disk, &key, range.as_ref());
        let (file, length) = self.run("read", open).await?;
        use tokio::io::AsyncReadExt;
        let bounded = tokio::fs::File::from_std(file).take(length);
        // 64 KiB a piece: fewer hops to the blocking pool than the default 4 KiB.
        Ok(Box::pin(tokio_util::io::ReaderStream::with_capacity(bounded, 64 << 10)))
    }

    async fn share(&self, _key: &str, _time: Duration) -> Result<Option<String>, PortError> {
        Ok(None)
    }

    async fn invite(
        &self,
        _transfer: &Transfer,
        _number: u32,
        _expected: &Expected,
        _time: Duration,
    ) -> Result<Option<Invitation>, PortError> {
        Ok(None)
    }

    async fn copy(&self, from: &str, to: &str, content_type: &str) -> Result<(), PortError> {
        let (from, to, content_type) = (from.to_owned(), to.to_owned(), content_type.to_owned());
        self.run("copy", move |disk| objects::copy(disk, &from, &to, &content_type)).await
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        let key = key.to_owned();
        self.run("delete", move |disk| objects::delete(disk, &key)).await
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.run("ping", |disk| {
            let probe = tempfile::tempfile_in(disk.spare.path());
            probe.map(|_| ()).map_err(|error| away(&error, "writing to the folder of objects"))
        })
        .await
    }

    async fn probe(&self) -> Result<Vec<String>, PortError> {
        self.ping().await.map(|()| Vec::new())
    }

    fn place(&self) -> (String, String) {
        ("local".to_owned(), "local".to_owned())
    }
}

/// A disk that is full or gone may come back: nothing is lost by trying again.
fn away(error: &std::io::Error, doing: &str) -> PortError {
    PortError::Unavailable(format!("{doing} failed: {error}"))
}
