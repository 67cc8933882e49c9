//! A store that lets something else happen just before one of its calls.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bson::{Bson, DateTime, Document, RawDocumentBuf};
use iven_worker::adapters::documents::{Change, Collection, Documents, Guard, Mark, Query, Taken};
use jobs::ports::PortError;

type Meanwhile = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The store, and what waits for one of its calls.
pub struct Gate {
    pub inner: Arc<dyn Documents>,
    waiting: Mutex<Option<(usize, Meanwhile)>>,
}

impl Gate {
    /// Nothing waits.
    pub fn before(inner: Arc<dyn Documents>) -> Arc<Self> {
        Arc::new(Self { inner, waiting: Mutex::new(None) })
    }

    /// Lets this happen just before the call after the next `calls`.
    pub fn after(&self, calls: usize, meanwhile: Meanwhile) {
        *self.waiting.lock().unwrap() = Some((calls, meanwhile));
    }

    /// What still waits, because there were not so many calls.
    pub fn left(&self) -> Option<Meanwhile> {
        self.waiting.lock().unwrap().take().map(|(_, meanwhile)| meanwhile)
    }

    async fn pass(&self) {
        let due = {
            let mut waiting = self.waiting.lock().unwrap();
            match waiting.take() {
                Some((0, meanwhile)) => Some(meanwhile),
                Some((calls, meanwhile)) => {
                    *waiting = Some((calls - 1, meanwhile));
                    None
                }
                None => None,
            }
        };
        if let Some(meanwhile) = due {
            meanwhile.await;
        }
    }
}

fn at<'d>(document: &'d Document, path: &str) -> Option<&'d Bson> {
    match path.split_once('.') {
        Some((name, rest)) => at(document.get_document(name).ok()?, rest),
        None => document.get(path),
    }
}

#[async_trait]
impl Documents for Gate {
    async fn insert(&self, of: &'static Collection, document: Document) -> Result<(), PortError> {
        self.pass().await;
        self.inner.insert(of, document).await
    }

    async fn get(&self, of: &'static Collection, id: &Bson) -> Result<Option<Document>, PortError> {
        self.pass().await;
        self.inner.get(of, id).await
    }

    async fn get_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
    ) -> Result<Vec<Document>, PortError> {
        self.pass().await;
        self.inner.get_many(of, ids).await
    }

    async fn patch(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
        change: Change,
    ) -> Result<Option<Document>, PortError> {
        self.pass().await;
        self.inner.patch(of, id, guard, change).await
    }

    async fn patch_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
        guard: Guard,
        change: Change,
    ) -> Result<u64, PortError> {
        self.pass().await;
        self.inner.patch_many(of, ids, guard, change).await
    }

    /// In phases, as on MongoDB, so that something can happen between any two of them.
    async fn take(
        &self,
        of: &'static Collection,
        query: Query,
        guard: Guard,
        change: Change,
        mark: Mark,
    ) -> Result<Taken, PortError> {
        let found = self.find(of, query).await?;
        let ids: Vec<Bson> = found.iter().filter_map(|found| found.get("_id").cloned()).collect();
        self.patch_many(of, &ids, guard, change).await?;
        let mut ours = self.get_many(of, &ids).await?;
        ours.retain(|job| at(job, mark.path) == Some(&mark.value));
        let passed = ids.len() - ours.len();
        let documents = ours.iter().map(|job| RawDocumentBuf::try_from(job).unwrap()).collect();
        Ok(Taken { documents, passed })
    }

    async fn find(
        &self,
        of: &'static Collection,
        query: Query,
    ) -> Result<Vec<Document>, PortError> {
        self.pass().await;
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
        self.pass().await;
        self.inner.delete(of, id, guard).await
    }

    async fn expire(&self, of: &'static Collection, now: DateTime) -> Result<u64, PortError> {
        self.inner.expire(of, now).await
    }

    async fn migrate(&self) -> Result<Vec<String>, PortError> {
        self.inner.migrate().await
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.inner.ping().await
    }
}
