//! Stores that stand still after a number of writes, as if the process had died there.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bson::{Bson, DateTime, Document};
use bytes::Bytes;
use iven_worker::adapters::documents::{Change, Collection, Documents, Guard, Mark, Query, Taken};
use jobs::{
    ports::{
        Arrived, Assembled, ByteStream, Edits, Expected, Invitation, KeptPart, LocalFile,
        ObjectInfo, Objects, Part, PortError, Spooled, Transfer,
    },
    progress::Progress,
};
use tokio::sync::Notify;

/// How many writes are still let through.
pub struct Fuse {
    left: AtomicI64,
    blown: Notify,
}

impl Fuse {
    /// Lets `writes` through; the next one never comes back.
    pub fn after(writes: i64) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(writes), blown: Notify::new() })
    }

    /// Waits until a write was stopped.
    pub async fn blown(&self) {
        self.blown.notified().await;
    }

    async fn spend(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.blown.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// A store behind a fuse.
pub struct Fused<T: ?Sized> {
    pub inner: Arc<T>,
    pub fuse: Arc<Fuse>,
}

#[async_trait]
impl Documents for Fused<dyn Documents> {
    async fn insert(&self, of: &'static Collection, document: Document) -> Result<(), PortError> {
        self.fuse.spend().await;
        self.inner.insert(of, document).await
    }

    async fn get(&self, of: &'static Collection, id: &Bson) -> Result<Option<Document>, PortError> {
        self.inner.get(of, id).await
    }

    async fn get_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
    ) -> Result<Vec<Document>, PortError> {
        self.inner.get_many(of, ids).await
    }

    async fn patch(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
        change: Change,
    ) -> Result<Option<Document>, PortError> {
        self.fuse.spend().await;
        self.inner.patch(of, id, guard, change).await
    }

    async fn patch_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
        guard: Guard,
        change: Change,
    ) -> Result<u64, PortError> {
        self.fuse.spend().await;
        self.inner.patch_many(of, ids, guard, change).await
    }

    async fn take(
        &self,
        of: &'static Collection,
        query: Query,
        guard: Guard,
        change: Change,
        mark: Mark,
    ) -> Result<Taken, PortError> {
        self.fuse.spend().await;
        self.inner.take(of, query, guard, change, mark).await
    }

    async fn find(
        &self,
        of: &'static Collection,
        query: Query,
    ) -> Result<Vec<Document>, PortError> {
        self.inner.find(of, query).await
    }

    async fn count(&self, of: &'static Collection, query: Query) -> Result<u64, PortError> {
        self.inner.count(of, query).await
    }

    async fn delete(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
    ) -> Result<bool, PortError> {
        self.fuse.spend().await;
        self.inner.delete(of, id, guard).await
    }

    async fn expire(&self, of: &'static Collection, now: DateTime) -> Result<u64, PortError> {
        self.fuse.spend().await;
        self.inner.expire(of, now).await
    }

    async fn migrate(&self) -> Result<Vec<String>, PortError> {
        self.inner.migrate().await
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.inner.ping().await
    }
}

#[async_trait]
impl Objects for Fused<dyn Objects> {
    async fn begin(
        &self,
        upload: &str,
        content_type: &str,
        is_checked: bool,
    ) -> Result<Transfer, PortError> {
        self.fuse.spend().await;
        self.inner.begin(upload, content_type, is_checked).await
    }

    async fn put_part(
        &self,
        transfer: &Transfer,
        number: u32,
        expected: Expected,
        body: ByteStream,
    ) -> Result<Part, PortError> {
        self.fuse.spend().await;
        self.inner.put_part(transfer, number, expected, body).await
    }

    async fn put_file(
        &self,
        transfer: &Transfer,
        number: u32,
        file: Spooled,
    ) -> Result<Part, PortError> {
        self.fuse.spend().await;
        self.inner.put_file(transfer, number, file).await
    }

    async fn parts(&self, transfer: &Transfer) -> Result<Vec<KeptPart>, PortError> {
        self.inner.parts(transfer).await
    }

    async fn drop_part(&self, transfer: &Transfer, part: &Part) -> Result<(), PortError> {
        self.fuse.spend().await;
        self.inner.drop_part(transfer, part).await
    }

    async fn assemble(
        &self,
        transfer: &Transfer,
        parts: &[Part],
        content_type: &str,
        progress: &Arc<Progress>,
    ) -> Result<Assembled, PortError> {
        self.fuse.spend().await;
        self.inner.assemble(transfer, parts, content_type, progress).await
    }

    async fn abort(&self, transfer: &Transfer) -> Result<(), PortError> {
        self.fuse.spend().await;
        self.inner.abort(transfer).await
    }

    async fn stale(
        &self,
        older_than_seconds: u64,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Transfer>, PortError> {
        self.inner.stale(older_than_seconds, after, limit).await
    }

    async fn arrived(
        &self,
        older_than_seconds: u64,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Arrived>, PortError> {
        self.inner.arrived(older_than_seconds, after, limit).await
    }

    async fn put(&self, key: &str, bytes: Bytes, content_type: &str) -> Result<(), PortError> {
        self.fuse.spend().await;
        self.inner.put(key, bytes, content_type).await
    }

    async fn put_edited(
        &self,
        key: &str,
        file: &LocalFile,
        edits: &Edits,
        content_type: &str,
    ) -> Result<Assembled, PortError> {
        self.fuse.spend().await;
        self.inner.put_edited(key, file, edits, content_type).await
    }

    async fn info(&self, key: &str) -> Result<ObjectInfo, PortError> {
        self.inner.info(key).await
    }

    async fn fetch(&self, key: &str) -> Result<LocalFile, PortError> {
        self.inner.fetch(key).await
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<ByteStream, PortError> {
        self.inner.read(key, range).await
    }

    async fn share(&self, key: &str, time: Duration) -> Result<Option<String>, PortError> {
        self.inner.share(key, time).await
    }

    async fn invite(
        &self,
        transfer: &Transfer,
        number: u32,
        expected: &Expected,
        time: Duration,
    ) -> Result<Option<Invitation>, PortError> {
        self.inner.invite(transfer, number, expected, time).await
    }

    async fn copy(&self, from: &str, to: &str, content_type: &str) -> Result<(), PortError> {
        self.fuse.spend().await;
        self.inner.copy(from, to, content_type).await
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        self.fuse.spend().await;
        self.inner.delete(key).await
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.inner.ping().await
    }

    async fn probe(&self) -> Result<Vec<String>, PortError> {
        self.inner.probe().await
    }

    fn place(&self) -> (String, String) {
        self.inner.place()
    }
}
