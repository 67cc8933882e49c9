//! The document port with a stop-watch: how long each kind of call takes.

use std::{future::Future, sync::Arc, time::Instant};

use async_trait::async_trait;
use bson::{Bson, DateTime, Document, RawDocumentBuf};
use jobs::ports::PortError;

use super::documents::{Change, Collection, Documents, Guard, Mark, Query};

/// Passes every call on and counts its time in `store_op_seconds`.
pub struct Metered(pub Arc<dyn Documents>);

async fn timed<T>(op: &'static str, call: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let answer = call.await;
    metrics::histogram!("store_op_seconds", "op" => op).record(began.elapsed());
    answer
}

#[async_trait]
impl Documents for Metered {
    async fn insert(&self, of: &'static Collection, document: Document) -> Result<(), PortError> {
        timed("insert", self.0.insert(of, document)).await
    }

    async fn get(&self, of: &'static Collection, id: &Bson) -> Result<Option<Document>, PortError> {
        timed("get", self.0.get(of, id)).await
    }

    async fn get_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
    ) -> Result<Vec<Document>, PortError> {
        timed("get_many", self.0.get_many(of, ids)).await
    }

    async fn patch(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
        change: Change,
    ) -> Result<Option<Document>, PortError> {
        timed("patch", self.0.patch(of, id, guard, change)).await
    }

    async fn patch_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
        guard: Guard,
        change: Change,
    ) -> Result<u64, PortError> {
        timed("patch_many", self.0.patch_many(of, ids, guard, change)).await
    }

    async fn take(
        &self,
        of: &'static Collection,
        query: Query,
        guard: Guard,
        change: Change,
        mark: Mark,
    ) -> Result<Vec<RawDocumentBuf>, PortError> {
        timed("take", self.0.take(of, query, guard, change, mark)).await
    }

    async fn find(
        &self,
        of: &'static Collection,
        query: Query,
    ) -> Result<Vec<Document>, PortError> {
        timed("find", self.0.find(of, query)).await
    }

    async fn count(&self, of: &'static Collection, query: Query) -> Result<u64, PortError> {
        timed("count", self.0.count(of, query)).await
    }

    async fn delete(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
    ) -> Result<bool, PortError> {
        timed("delete", self.0.delete(of, id, guard)).await
    }

    async fn expire(&self, of: &'static Collection, now: DateTime) -> Result<u64, PortError> {
        timed("expire", self.0.expire(of, now)).await
    }

    async fn migrate(&self) -> Result<Vec<String>, PortError> {
        self.0.migrate().await
    }

    async fn ping(&self) -> Result<(), PortError> {
        timed("ping", self.0.ping()).await
    }
}
