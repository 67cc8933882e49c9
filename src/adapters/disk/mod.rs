//! Objects as files of this machine: parts, objects and a side-car of each, all durable.
//!
//! ```text
//! tmp/<process>/                what is being written; removed when the process is gone
//! parts/<upload>/<n>.<sha256>   the same bytes have the same name, so a repeat is no new part
//! objects/<key>                 the bytes; immutable, so copies are hard links
//! about/<key>.json              content type and hash; written before the bytes appear
//! ```

mod durable;
mod objects;
mod parts;
mod spare;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use jobs::ports::{
    Assembled, ByteStream, Expected, LocalFile, ObjectInfo, Objects, Part, PortError,
};

use self::{parts::Piece, spare::Spare};

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

    /// Runs `work` where blocking is allowed.
    async fn run<T: Send + 'static>(
        &self,
        op: &'static str,
        work: impl FnOnce(&Self) -> Result<T, PortError> + Send + 'static,
    ) -> Result<T, PortError> {
        metrics::counter!("object_requests_total", "op" => op).increment(1);
        let disk = self.clone();
        let began = std::time::Instant::now();
        let joined = tokio::task::spawn_blocking(move || work(&disk)).await;
        metrics::histogram!("object_op_seconds", "op" => op).record(began.elapsed());
        joined.unwrap_or_else(|error| {
            Err(PortError::Unavailable(format!("the object store stopped in {op}: {error}")))
        })
    }
}

#[async_trait]
impl Objects for Disk {
    async fn put_part(
        &self,
        upload: &str,
        number: u32,
        expected: Expected,
        mut body: ByteStream,
    ) -> Result<Part, PortError> {
        // Bytes cross to the blocking pool as they come; at most four pieces wait in between.
        let (pieces, incoming) = tokio::sync::mpsc::channel(4);
        let upload = upload.to_owned();
        let keep = self
            .run("put_part", move |disk| parts::keep(disk, &upload, number, &expected, incoming));
        let feed = async move {
            while let Some(piece) = body.next().await {
                let piece = piece.map_or_else(Piece::Broken, Piece::Bytes);
                let last = matches!(piece, Piece::Broken(_));
                if pieces.send(piece).await.is_err() || last {
                    return;
                }
            }
            // Without this word the body counts as broken: a caller that hangs up drops the sender.
            let _ = pieces.send(Piece::End).await;
        };
        futures_util::future::join(keep, feed).await.0
    }

    async fn drop_part(&self, upload: &str, part: &Part) -> Result<(), PortError> {
        let path = parts::path(self, upload, part)?;
        self.run("drop_part", move |_| durable::remove(&path)).await
    }

    async fn assemble(
        &self,
        upload: &str,
        parts: &[Part],
        key: &str,
        content_type: &str,
    ) -> Result<Assembled, PortError> {
        let (upload, parts) = (upload.to_owned(), parts.to_vec());
        let (key, content_type) = (key.to_owned(), content_type.to_owned());
        self.run("assemble", move |disk| {
            parts::assemble(disk, &upload, &parts, &key, &content_type)
        })
        .await
    }

    async fn abort(&self, upload: &str) -> Result<(), PortError> {
        let folder = parts::folder(self, upload)?;
        self.run("abort", move |_| match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(away(&error, "removing the parts of an upload"))
            }
            _ => Ok(()),
        })
        .await
    }

    async fn stale_uploads(
        &self,
        older_than_seconds: u64,
        limit: usize,
    ) -> Result<Vec<String>, PortError> {
        self.run("list_uploads", move |disk| parts::stale(disk, older_than_seconds, limit)).await
    }

    async fn put(&self, key: &str, bytes: Bytes, content_type: &str) -> Result<(), PortError> {
        let (key, content_type) = (key.to_owned(), content_type.to_owned());
        self.run("put", move |disk| objects::put(disk, &key, &bytes, &content_type)).await
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

    fn place(&self) -> (String, String) {
        ("local".to_owned(), "local".to_owned())
    }
}

/// A disk that is full or gone may come back: nothing is lost by trying again.
fn away(error: &std::io::Error, doing: &str) -> PortError {
    PortError::Unavailable(format!("{doing} failed: {error}"))
}
