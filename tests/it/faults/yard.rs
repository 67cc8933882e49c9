//! Where the workers of one test find their queue, and the test finds what they did.

use std::{path::PathBuf, sync::Arc};

use bson::Document;
use iven_worker::adapters::{
    clock::SystemClock,
    documents::Documents,
    embedded, mongo,
    records::{
        Records,
        collections::{self, JOBS},
        standing,
    },
};
use jobs::ports::{JobQueue, JobState, Ticket, Workers};
use tempfile::TempDir;

use super::{
    journal::Journal,
    kinds::{Block, LANE, Linger},
    worker::Worker,
};

/// More jobs than any test has.
const ALL: u32 = 100_000;

/// A store, and a folder with the journal and the workers' logs.
pub struct Yard {
    folder: TempDir,
    mongodb_url: Option<String>,
    pub journal: Journal,
}

/// The store as the test sees it.
pub struct Seen {
    store: Arc<dyn Documents>,
    records: Records,
}

impl Yard {
    /// On the embedded engine: the store has one process at a time, the test or a worker.
    pub fn embedded(places: u32) -> Self {
        Self::over(None, places)
    }

    /// On MongoDB: any number of workers, and the test beside them.
    pub fn mongodb(url: &str, places: u32) -> Self {
        Self::over(Some(url.to_owned()), places)
    }

    fn over(mongodb_url: Option<String>, places: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal(folder.path().join("journal"));
        let yard = Self { folder, mongodb_url, journal };
        let settings = format!(
            "[store]\ndata_dir = {:?}\nmongodb_url = {:?}\n\
             [scanner]\naddress = \"unix:/no/scanner\"\n[worker]\nmedia = {places}\n",
            yard.folder.path().join("data"),
            yard.mongodb_url.as_deref().unwrap_or_default(),
        );
        std::fs::write(yard.settings(), settings).unwrap();
        yard
    }

    fn settings(&self) -> PathBuf {
        self.folder.path().join("settings.toml")
    }

    /// Opens the store; on the embedded engine no worker may run meanwhile.
    pub async fn open(&self) -> Seen {
        let store: Arc<dyn Documents> = match &self.mongodb_url {
            Some(url) => Arc::new(mongo::connect(url, collections::ALL).await.unwrap()),
            None => {
                let records = self.folder.path().join("data/records");
                std::fs::create_dir_all(&records).unwrap();
                Arc::new(embedded::open(&records, collections::ALL).unwrap())
            }
        };
        store.migrate().await.unwrap();
        Seen { records: Records::new(store.clone(), Arc::new(SystemClock)), store }
    }

    /// Starts a worker process.
    pub fn worker(&self) -> Worker {
        Worker::start(&self.settings(), &self.folder.path().join("log"))
    }

    /// The ticket of a job that takes so long.
    pub fn linger(&self, name: &str, millis: u64) -> Ticket {
        let (journal, name) = (self.journal.0.clone(), name.to_owned());
        Ticket::of(&Linger { journal, name, millis }).unwrap()
    }

    /// The ticket of a job that blocks its thread for so long.
    pub fn block(&self, name: &str, millis: u64) -> Ticket {
        let (journal, name) = (self.journal.0.clone(), name.to_owned());
        Ticket::of(&Block { journal, name, millis }).unwrap()
    }
}

impl Seen {
    /// Puts these tickets into the queue.
    pub async fn push(&self, tickets: &[Ticket]) {
        // As many at a time as one caller would.
        for tickets in tickets.chunks(100) {
            self.records.push(tickets).await.unwrap();
        }
    }

    /// How many workers say that they are at work; `None` while the store does not answer.
    pub async fn workers(&self) -> Option<usize> {
        Some(self.records.at_work(ALL).await.ok()?.len())
    }

    /// The jobs of the tests that are in this state.
    pub async fn jobs(&self, state: &str) -> Vec<Document> {
        let query = standing(JobState::named(state).unwrap(), Some(LANE), ALL);
        self.store.find(&JOBS, query).await.unwrap()
    }

    /// How many they are; `None` while the store does not answer.
    pub async fn count(&self, state: &str) -> Option<usize> {
        let query = standing(JobState::named(state).unwrap(), Some(LANE), ALL);
        let count = self.store.count(&JOBS, query).await.ok()?;
        usize::try_from(count).ok()
    }
}
