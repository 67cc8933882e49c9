//! The engine for production: the document port on MongoDB, one command a call.
//!
//! Updates name single fields, so that other services may write other fields of a document at
//! the same time.

mod clock;
mod error;
mod migrate;
mod news;
mod plan;
mod validators;
mod words;

use std::future::IntoFuture;
use std::time::Duration;

use async_trait::async_trait;
use bson::{Bson, Document, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use jobs::ports::PortError;
use mongodb::error::ErrorKind;
use mongodb::options::{
    Acknowledgment, ClientOptions, Hint, ReadPreference, ReturnDocument, SelectionCriteria,
    WriteConcern,
};
use mongodb::{Client, Database};

pub use clock::MongoClock;

use super::documents::{Change, Collection, Documents, Guard, Mark, Query, Taken};
use error::fault;

/// A server that is there takes a connection within milliseconds; this allows for a far one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An election takes up to some ten seconds, and the driver tries again by itself within this.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(12);
/// How long the server may work on one read: each walks along an index and is bounded.
const READ_TIME: Duration = Duration::from_secs(10);
/// How long a majority may take to have a write; later it is "unavailable", and done again.
const MAJORITY_TIME: Duration = Duration::from_secs(10);
/// After this nothing will come any more: the driver itself waits for ever on a dead connection.
const CALL_TIME: Duration = Duration::from_secs(30);
/// Building an index over many documents takes its time.
const MIGRATE_TIME: Duration = Duration::from_secs(3_600);
/// Connections of one process: more than it has jobs and requests at once makes no sense.
const MOST_CONNECTIONS: u32 = 64;

/// The documents of one database.
#[derive(Debug, Clone)]
pub struct Mongo {
    database: Database,
    collections: &'static [Collection],
}

/// The database that `url` names. Nothing is asked of the server yet, so it may be away.
///
/// A malformed url is refused. With `mongodb+srv` the servers' names come from DNS, and without
/// an answer from there it is `Unavailable`.
pub async fn connect(url: &str, collections: &'static [Collection]) -> Result<Mongo, PortError> {
    let refused = |message: String| PortError::refused("bad_mongodb_url", message);
    let mut options = ClientOptions::parse(url).await.map_err(|error| match *error.kind {
        ErrorKind::DnsResolve { message, .. } => {
            PortError::Unavailable(format!("the names in the MongoDB url: {message}"))
        }
        kind => refused(format!("the MongoDB url is not valid: {kind}")),
    })?;
    options.app_name.get_or_insert_with(|| env!("CARGO_PKG_NAME").to_owned());
    options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
    options.server_selection_timeout.get_or_insert(SELECTION_TIMEOUT);
    options.max_pool_size.get_or_insert(MOST_CONNECTIONS);
    options.retry_reads.get_or_insert(true);
    // Not from the url: what was answered must survive the loss of a server, and a write that
    // reached it once must not fail because the answer was lost.
    options.retry_writes = Some(true);
    // A secondary that lags behind would show a claim or a race's winner as it was before.
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    let mut majority = WriteConcern::builder().w(Acknowledgment::Majority).build();
    majority.w_timeout = Some(MAJORITY_TIME);
    options.write_concern = Some(majority);
    let name = options.default_database.clone().ok_or_else(|| {
        refused("the MongoDB url names no database: put its name after the last slash".to_owned())
    })?;
    let client = Client::with_options(options)
        .map_err(|error| refused(format!("the MongoDB url is not valid: {}", error.kind)))?;
    Ok(Mongo { database: client.database(&name), collections })
}

impl Mongo {
    /// The driver's database, for the commands that are written by hand.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The driver's collection, for the commands that are written by hand.
    pub fn collection(&self, of: &Collection) -> mongodb::Collection<Document> {
        self.database.collection(of.name)
    }
}

/// The answer of a command, or that there is none in time.
async fn answer<T>(
    of: &str,
    command: impl IntoFuture<Output = mongodb::error::Result<T>>,
) -> Result<T, PortError> {
    match tokio::time::timeout(CALL_TIME, command.into_future()).await {
        Ok(answer) => answer.map_err(|error| fault(of, &error)),
        Err(_) => Err(PortError::Unavailable(format!(
            "MongoDB did not answer within {} seconds",
            CALL_TIME.as_secs()
        ))),
    }
}

#[async_trait]
impl Documents for Mongo {
    async fn insert(&self, of: &'static Collection, document: Document) -> Result<(), PortError> {
        if !document.contains_key("_id") {
            // The driver would invent one, and then a second attempt would be a second document.
            let message = format!("a document of {} needs an _id of its own", of.name);
            return Err(PortError::refused("no_id", message));
        }
        answer(of.name, self.collection(of).insert_one(document)).await.map(drop)
    }

    async fn get(&self, of: &'static Collection, id: &Bson) -> Result<Option<Document>, PortError> {
        let filter = words::one(id, &Guard::none());
        answer(of.name, self.collection(of).find_one(filter).max_time(READ_TIME)).await
    }

    async fn get_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
    ) -> Result<Vec<Document>, PortError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let filter = words::some(ids, &Guard::none());
        let documents = self.collection(of);
        let found = async { documents.find(filter).max_time(READ_TIME).await?.try_collect().await };
        answer(of.name, found).await
    }

    async fn patch(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
        change: Change,
    ) -> Result<Option<Document>, PortError> {
        change.check()?;
        let (documents, filter) = (self.collection(of), words::one(id, &guard));
        if change.is_empty() {
            return answer(of.name, documents.find_one(filter).max_time(READ_TIME)).await;
        }
        let patched = documents
            .find_one_and_update(filter, words::update(&change))
            .return_document(ReturnDocument::After);
        answer(of.name, patched).await
    }

    async fn patch_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
        guard: Guard,
        change: Change,
    ) -> Result<u64, PortError> {
        change.check()?;
        if ids.is_empty() {
            return Ok(0);
        }
        let (documents, filter) = (self.collection(of), words::some(ids, &guard));
        if change.is_empty() {
            return answer(of.name, documents.count_documents(filter).max_time(READ_TIME)).await;
        }
        let update = words::update(&change);
        // One write of one document can be tried again by the driver, one of many cannot.
        let patched = match ids {
            [_] => answer(of.name, documents.update_one(filter, update)).await?,
            _ => answer(of.name, documents.update_many(filter, update)).await?,
        };
        Ok(patched.matched_count)
    }

    /// In two phases: many workers doing find-and-modify on the same sorted head is the known way
    /// to melt MongoDB. First the ids are read, then those still free are taken, then those with
    /// the mark are read.
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
        if ids.is_empty() || self.patch_many(of, &ids, guard, change).await? == 0 {
            return Ok(Taken { documents: Vec::new(), passed: ids.len() });
        }
        let ours = words::some(&ids, &Guard::none().eq(mark.path, mark.value));
        let documents = self.collection(of).clone_with_type::<RawDocumentBuf>();
        let taken = async { documents.find(ours).max_time(READ_TIME).await?.try_collect().await };
        let documents: Vec<_> = answer(of.name, taken).await?;
        let passed = ids.len().saturating_sub(documents.len());
        Ok(Taken { documents, passed })
    }

    async fn find(
        &self,
        of: &'static Collection,
        query: Query,
    ) -> Result<Vec<Document>, PortError> {
        let index = query.index(of)?;
        if query.limit == 0 {
            // To MongoDB 0 means "no limit".
            return Ok(Vec::new());
        }
        let documents = self.collection(of);
        let find = documents
            .find(words::walked(index, &query))
            .hint(Hint::Name(index.name.to_owned()))
            .sort(words::sorted(index, &query))
            .limit(i64::from(query.limit))
            .batch_size(query.limit)
            .max_time(READ_TIME);
        answer(of.name, async { find.await?.try_collect().await }).await
    }

    async fn count(&self, of: &'static Collection, query: Query) -> Result<u64, PortError> {
        let index = query.index(of)?;
        if query.limit == 0 {
            return Ok(0);
        }
        let documents = self.collection(of);
        let count = documents
            .count_documents(words::walked(index, &query))
            .hint(Hint::Name(index.name.to_owned()))
            .limit(u64::from(query.limit))
            .max_time(READ_TIME);
        answer(of.name, count).await
    }

    async fn delete(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
    ) -> Result<bool, PortError> {
        let deleted = self.collection(of);
        let deleted = answer(of.name, deleted.delete_one(words::one(id, &guard))).await?;
        Ok(deleted.deleted_count > 0)
    }

    async fn expire(
        &self,
        _of: &'static Collection,
        _now: bson::DateTime,
    ) -> Result<u64, PortError> {
        // The server's own TTL monitor does it.
        Ok(0)
    }

    async fn migrate(&self) -> Result<Vec<String>, PortError> {
        let migrated = migrate::migrate(&self.database, self.collections);
        tokio::time::timeout(MIGRATE_TIME, migrated).await.unwrap_or_else(|_| {
            Err(PortError::Unavailable("MongoDB did not build the indexes in an hour".to_owned()))
        })
    }

    async fn ping(&self) -> Result<(), PortError> {
        answer("the database", self.database.run_command(doc! { "ping": 1 })).await.map(drop)
    }
}
