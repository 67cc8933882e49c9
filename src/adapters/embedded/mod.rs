//! The engine without a service beside it: documents in one SQLite file of the data folder.
//!
//! Documents are BSON, and the indexes are tables of our own with keys that sort as in MongoDB
//! (`key`, `index`), so that both engines give the same answers (`guard`, `change`).

mod change;
mod edit;
mod folder;
mod guard;
mod index;
mod indexed;
mod key;
mod reader;
mod schema;
mod statements;
mod store;
mod walk;
mod writer;

use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use async_trait::async_trait;
use bson::{Bson, Document};
use jobs::ports::PortError;

pub use store::Store;

use super::documents::{Change, Collection, Documents, Guard, Mark, Query, Taken};
use folder::Lock;
use writer::{Call, Job};

/// The file within the data folder.
const FILE: &str = "documents.sqlite";
/// Reads are short and come from memory: more threads than this would only wait for a core.
const READERS: usize = 3;
/// So many expired documents are removed in one write, between which others get their turn.
const EXPIRE_BATCH: u32 = 500;

/// The documents of one data folder.
pub struct Embedded {
    collections: &'static [Collection],
    reads: Desk,
    writes: Desk,
    _lock: Lock,
}

/// Where calls are handed in, and the threads behind it.
struct Desk {
    /// `None` only while it is being closed; then the threads end.
    door: Option<Sender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
}

/// Opens the data folder, which is created if it is not there; `migrate` creates the tables.
///
/// A folder that another process has open is refused, and so is a file of an unknown format.
pub fn open(folder: &Path, collections: &'static [Collection]) -> Result<Embedded, PortError> {
    let lock = folder::lock(folder)?;
    let file = folder.join(FILE);
    let connection = schema::connect(&file, false)?;
    schema::begin(&connection, &file, collections)?;
    let (door, waiting) = mpsc::channel();
    let threads = vec![thread("documents-writer", move || writer::run(&connection, &waiting))?];
    let writes = Desk { door: Some(door), threads };
    let (door, waiting) = mpsc::channel();
    let mut reads = Desk { door: Some(door), threads: Vec::new() };
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..READERS {
        let (connection, waiting) = (schema::connect(&file, true)?, Arc::clone(&waiting));
        let reader = move || reader::run(&connection, &waiting);
        reads.threads.push(thread("documents-reader", reader)?);
    }
    Ok(Embedded { collections, reads, writes, _lock: lock })
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, PortError> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map_err(|error| PortError::Unavailable(format!("no thread for {name}: {error}")))
}

impl Embedded {
    /// Does `work` in one transaction of the writer: all of it or, when it fails, nothing.
    ///
    /// It has the writer to itself, so it must be short and must not wait for anything.
    pub async fn write<T, F>(&self, work: F) -> Result<T, PortError>
    where
        F: FnOnce(&Store<'_>) -> Result<T, PortError> + Send + 'static,
        T: Send + 'static,
    {
        self.writes.call(move |store: &Store<'_>| store.whole(work)).await
    }

    /// Does `work` beside the writer; it sees every write that was answered before.
    pub async fn read<T, F>(&self, work: F) -> Result<T, PortError>
    where
        F: FnOnce(&Store<'_>) -> Result<T, PortError> + Send + 'static,
        T: Send + 'static,
    {
        self.reads.call(work).await
    }
}

impl Desk {
    async fn call<T, F>(&self, work: F) -> Result<T, PortError>
    where
        F: FnOnce(&Store<'_>) -> Result<T, PortError> + Send + 'static,
        T: Send + 'static,
    {
        let closed = || PortError::Unavailable("the data folder is closed".to_owned());
        let (job, answer) = Call::new(work);
        let door = self.door.as_ref().ok_or_else(closed)?;
        door.send(job).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Drop for Desk {
    /// Waits for what was handed in. The readers' desk goes first, the lock last: so the writer
    /// is the last to close the file, and leaves it whole without a log beside it.
    fn drop(&mut self) {
        self.door = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the data folder ended in a panic");
            }
        }
    }
}

#[async_trait]
impl Documents for Embedded {
    async fn insert(&self, of: &'static Collection, document: Document) -> Result<(), PortError> {
        self.writes.call(move |store| store.insert(of, document)).await
    }

    async fn get(&self, of: &'static Collection, id: &Bson) -> Result<Option<Document>, PortError> {
        let id = id.clone();
        self.read(move |store| store.get(of, &id)).await
    }

    async fn get_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
    ) -> Result<Vec<Document>, PortError> {
        let ids = ids.to_vec();
        self.read(move |store| store.get_many(of, &ids)).await
    }

    async fn patch(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
        change: Change,
    ) -> Result<Option<Document>, PortError> {
        let id = id.clone();
        self.writes.call(move |store| store.patch(of, &id, &guard, &change)).await
    }

    async fn patch_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
        guard: Guard,
        change: Change,
    ) -> Result<u64, PortError> {
        let ids = ids.to_vec();
        if ids.len() <= 1 {
            return self
                .writes
                .call(move |store| store.patch_many(of, &ids, &guard, &change))
                .await;
        }
        self.write(move |store| store.patch_many(of, &ids, &guard, &change)).await
    }

    async fn take(
        &self,
        of: &'static Collection,
        query: Query,
        guard: Guard,
        change: Change,
        _mark: Mark,
    ) -> Result<Taken, PortError> {
        // Nobody comes between the walk and the change.
        self.write(move |store| store.take(of, &query, &guard, &change)).await
    }

    async fn find(
        &self,
        of: &'static Collection,
        query: Query,
    ) -> Result<Vec<Document>, PortError> {
        self.read(move |store| store.find(of, &query)).await
    }

    async fn count(&self, of: &'static Collection, query: Query) -> Result<u64, PortError> {
        self.read(move |store| store.count(of, &query)).await
    }

    async fn delete(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
    ) -> Result<bool, PortError> {
        let id = id.clone();
        self.writes.call(move |store| store.delete(of, &id, &guard)).await
    }

    async fn expire(&self, of: &'static Collection, now: bson::DateTime) -> Result<u64, PortError> {
        let mut removed = 0;
        loop {
            let batch = self.write(move |store| store.expire(of, now, EXPIRE_BATCH)).await?;
            removed += batch;
            if batch < u64::from(EXPIRE_BATCH) {
                return Ok(removed);
            }
        }
    }

    async fn migrate(&self) -> Result<Vec<String>, PortError> {
        let collections = self.collections;
        self.write(move |store| schema::migrate(store, collections)).await
    }

    async fn ping(&self) -> Result<(), PortError> {
        // Through the writer: a store that only reads does not answer for us.
        self.write(|_| Ok(())).await
    }

    fn is_shared(&self) -> bool {
        // The folder is locked.
        false
    }
}
