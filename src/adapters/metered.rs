//! The document port with a stop-watch: how long each kind of call takes.

use std::{future::Future, sync::Arc, time::Instant};

use async_trait::async_trait;
use bson::{Bson, DateTime, Document};
use jobs::ports::PortError;
use metrics::Histogram;

use super::documents::{Change, Collection, Documents, Guard, Mark, Query, Taken};

/// Passes every call on and counts its time in `store_op_seconds`.
pub struct Metered {
    store: Arc<dyn Documents>,
    /// Looked up once, because labels cost more than counting.
    times: Times,
}

macro_rules! times {
    ($($op:ident),+ $(,)?) => {
        struct Times {
            $($op: Histogram,)+
        }

        impl Times {
            fn new() -> Self {
                Self { $($op: metrics::histogram!("store_op_seconds", "op" => stringify!($op)),)+ }
            }
        }
    };
}

times! { insert, get, get_many, patch, patch_many, take, find, count, delete, expire, ping }

impl Metered {
    /// The same store, watched.
    pub fn new(store: Arc<dyn Documents>) -> Self {
        Self { store, times: Times::new() }
    }
}

async fn timed<T>(times: &Histogram, call: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let answer = call.await;
    times.record(began.elapsed());
    answer
}

#[async_trait]
impl Documents for Metered {
    async fn insert(&self, of: &'static Collection, document: Document) -> Result<(), PortError> {
        timed(&self.times.insert, self.store.insert(of, document)).await
    }

    async fn get(&self, of: &'static Collection, id: &Bson) -> Result<Option<Document>, PortError> {
        timed(&self.times.get, self.store.get(of, id)).await
    }

    async fn get_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
    ) -> Result<Vec<Document>, PortError> {
        timed(&self.times.get_many, self.store.get_many(of, ids)).await
    }

    async fn patch(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
        change: Change,
    ) -> Result<Option<Document>, PortError> {
        timed(&self.times.patch, self.store.patch(of, id, guard, change)).await
    }

    async fn patch_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
        guard: Guard,
        change: Change,
    ) -> Result<u64, PortError> {
        timed(&self.times.patch_many, self.store.patch_many(of, ids, guard, change)).await
    }

    async fn take(
        &self,
        of: &'static Collection,
        query: Query,
        guard: Guard,
        change: Change,
        mark: Mark,
    ) -> Result<Taken, PortError> {
        timed(&self.times.take, self.store.take(of, query, guard, change, mark)).await
    }

    async fn find(
        &self,
        of: &'static Collection,
        query: Query,
    ) -> Result<Vec<Document>, PortError> {
        timed(&self.times.find, self.store.find(of, query)).await
    }

    async fn count(&self, of: &'static Collection, query: Query) -> Result<u64, PortError> {
        timed(&self.times.count, self.store.count(of, query)).await
    }

    async fn delete(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
    ) -> Result<bool, PortError> {
        timed(&self.times.delete, self.store.delete(of, id, guard)).await
    }

    async fn expire(&self, of: &'static Collection, now: DateTime) -> Result<u64, PortError> {
        timed(&self.times.expire, self.store.expire(of, now)).await
    }

    async fn migrate(&self) -> Result<Vec<String>, PortError> {
        self.store.migrate().await
    }

    async fn ping(&self) -> Result<(), PortError> {
        timed(&self.times.ping, self.store.ping()).await
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }
}
