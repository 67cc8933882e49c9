//! What can be done with documents on one connection: the part between SQL and the port.

use std::collections::BTreeSet;

use bson::{Bson, Document, RawDocumentBuf};
use jobs::ports::PortError;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, Row as SqlRow, params};
use smallvec::SmallVec;

use super::{
    edit::Ready,
    guard, index, key, schema,
    statements::{Name, Op, Statements},
    walk::Row,
};
use crate::adapters::documents::{
    Change, Collection, Guard, Index, IndexOption, Query, Taken, fields::Fields,
};

/// The largest document, in bytes: MongoDB's limit, so that data can move there.
const LARGEST_DOCUMENT: usize = 16 << 20;

/// A connection, seen as a store of documents. Within one write all calls are one transaction.
///
/// A call that is refused leaves nothing behind; where the store itself has trouble, the whole
/// transaction is undone.
pub struct Store<'c> {
    pub(super) connection: &'c Connection,
    pub(super) statements: Statements<'c>,
}

impl<'c> Store<'c> {
    /// The store on this connection.
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, statements: Statements::new(connection) }
    }

    /// Adds `document`.
    pub fn insert(&self, of: &Collection, mut document: Document) -> Result<(), PortError> {
        let id = match document.remove("_id") {
            None | Some(Bson::Array(_) | Bson::Undefined | Bson::RegularExpression(_)) => {
                let message = format!("a document of {} needs an _id of its own", of.name);
                return Err(PortError::refused("no_id", message));
            }
            Some(id) => id,
        };
        let key = key::encode(&id);
        // The _id stands first in a stored document, as in MongoDB.
        let whole: Document = [("_id".to_owned(), id)].into_iter().chain(document).collect();
        let bytes = whole.to_vec().map_err(|error| {
            PortError::refused("bad_document", format!("not a document: {error}"))
        })?;
        bounded(&bytes)?;
        let sql = || format!("INSERT INTO {} (id, doc) VALUES (?, ?)", schema::table(of));
        self.statements.with(Name::of(of, Op::Insert), sql, |insert| {
            let words = || format!("a document of {} has this _id", of.name);
            insert.execute(params![key.as_slice(), bytes]).map_err(|error| taken(error, words))
        })?;
        let number = self.connection.last_insert_rowid();
        let fields = fields(of, &bytes)?;
        let all: Touched = of.indexes.iter().collect();
        let indexed = self.reindex(of, number, None, Some(&fields), &all);
        if indexed.is_err() {
            self.drop_row(of, number)?;
        }
        indexed
    }

    /// The document with this `_id`.
    pub fn get(&self, of: &Collection, id: &Bson) -> Result<Option<Document>, PortError> {
        self.keyed(of, &key::encode(id))?.map(|row| row.document(of)).transpose()
    }

    /// The documents with these `_id`s that exist.
    pub fn get_many(&self, of: &Collection, ids: &[Bson]) -> Result<Vec<Document>, PortError> {
        let once: BTreeSet<key::Bytes> = ids.iter().map(key::encode).collect();
        let found = once.iter().map(|id| self.keyed(of, id)).filter_map(Result::transpose);
        found.map(|row| row?.document(of)).collect()
    }

    /// Changes those of the documents that fulfil `guard`; how many did.
    pub fn patch_many(
        &self,
        of: &Collection,
        ids: &[Bson],
        guard: &Guard,
        change: &Change,
    ) -> Result<u64, PortError> {
        let ready = Ready::new(change)?;
        let touched = touched(of, change);
        let once: BTreeSet<key::Bytes> = ids.iter().map(key::encode).collect();
        let mut changed = 0;
        for id in &once {
            let Some(row) = self.keyed(of, id)? else { continue };
            changed += u64::from(self.patch_row(of, &row, guard, &ready, &touched)?.is_some());
        }
        Ok(changed)
    }

    /// Changes the document if it fulfils `guard`; the document after.
    pub fn patch(
        &self,
        of: &Collection,
        id: &Bson,
        guard: &Guard,
        change: &Change,
    ) -> Result<Option<Document>, PortError> {
        let ready = Ready::new(change)?;
        let Some(row) = self.keyed(of, &key::encode(id))? else { return Ok(None) };
        match self.patch_row(of, &row, guard, &ready, &touched(of, change))? {
            Some(bytes) => Row { bytes, ..row }.document(of).map(Some),
            None => Ok(None),
        }
    }

    /// Changes those of the documents that `query` walks over which fulfil `guard`.
    pub fn take(
        &self,
        of: &Collection,
        query: &Query,
        guard: &Guard,
        change: &Change,
    ) -> Result<Taken, PortError> {
        let ready = Ready::new(change)?;
        let (touched, mut taken) = (touched(of, change), Taken::default());
        for row in self.walk(of, query)? {
            match self.patch_row(of, &row, guard, &ready, &touched)? {
                Some(after) => {
                    let after = RawDocumentBuf::from_bytes(after);
                    taken.documents.push(after.map_err(|error| damaged(of, &error))?);
                }
                None => taken.passed += 1,
            }
        }
        Ok(taken)
    }

    /// The bytes after, if the document fulfils `guard`.
    fn patch_row(
        &self,
        of: &Collection,
        row: &Row,
        guard: &Guard,
        ready: &Ready<'_>,
        touched: &[&'static Index],
    ) -> Result<Option<Vec<u8>>, PortError> {
        let before = fields(of, &row.bytes)?;
        if !guard::fulfils(&before, guard) {
            return Ok(None);
        }
        let bytes = ready.apply(&row.bytes, &before)?;
        if bytes != row.bytes {
            bounded(&bytes)?;
            let after = fields(of, &bytes)?;
            // First the keys: they are what can be refused.
            self.reindex(of, row.number, Some(&before), Some(&after), touched)?;
            let sql = || format!("UPDATE {} SET doc = ? WHERE n = ?", schema::table(of));
            self.statements.with(Name::of(of, Op::Update), sql, |update| {
                update.execute(params![bytes, row.number]).map_err(fault)
            })?;
        }
        Ok(Some(bytes))
    }

    /// Removes the document if it fulfils `guard`; whether it did.
    pub fn delete(&self, of: &Collection, id: &Bson, guard: &Guard) -> Result<bool, PortError> {
        let Some(row) = self.keyed(of, &key::encode(id))? else { return Ok(false) };
        let fits = guard::fulfils(&fields(of, &row.bytes)?, guard);
        if fits {
            self.remove(of, &row)?;
        }
        Ok(fits)
    }

    /// The documents that `query` walks over.
    pub fn find(&self, of: &Collection, query: &Query) -> Result<Vec<Document>, PortError> {
        self.walk(of, query)?.into_iter().map(|row| row.document(of)).collect()
    }

    /// How many documents `query` walks over.
    pub fn count(&self, of: &Collection, query: &Query) -> Result<u64, PortError> {
        let mut count = 0;
        if query.guard.0.is_empty() {
            let ops = [Op::Rows, Op::RowsBack];
            let sql = |keys: &str| format!("SELECT doc FROM {keys} WHERE key >= ? AND key < ?");
            self.rows(of, query, ops, sql, |_, _| {
                count += 1;
                Ok(count < u64::from(query.limit))
            })?;
        } else {
            count = self.walk(of, query)?.len() as u64;
        }
        Ok(count)
    }

    /// Removes at most `limit` documents that have expired by `now`; how many there were.
    pub(super) fn expire(
        &self,
        of: &Collection,
        now: bson::DateTime,
        limit: u32,
    ) -> Result<u64, PortError> {
        let mut removed = 0;
        for index in of.indexes.iter().filter(|index| index.option == IndexOption::Expires) {
            let query = Query::over(index.name, limit).up_to(now);
            for row in self.walk(of, &query)? {
                self.remove(of, &row)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// All of it or nothing: when `work` fails, what it did is undone.
    pub(super) fn whole<T>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        self.control("SAVEPOINT whole")?;
        let result = work(self);
        if result.is_err() {
            self.control("ROLLBACK TO whole")?;
        }
        self.control("RELEASE whole")?;
        result
    }

    /// Runs a statement about the transaction. Any error means that the transaction is lost: on a
    /// full disk SQLite ends it by itself, and then has no savepoint to go back to.
    pub(super) fn control(&self, sql: &str) -> Result<(), PortError> {
        self.execute(sql, []).map(drop).map_err(|error| {
            PortError::Unavailable(format!("the data file did not {sql}: {error}"))
        })
    }

    /// Runs a statement that stays prepared.
    pub(super) fn execute(&self, sql: &str, values: impl Params) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute(values)
    }

    /// The first row of a statement that stays prepared, if there is one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, PortError> {
        let found = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(values, read).optional());
        found.map_err(fault)
    }

    /// Puts every stored document into an index that is new.
    pub(super) fn fill(&self, of: &Collection, index: &'static Index) -> Result<u64, PortError> {
        let sql = format!("SELECT n FROM {} WHERE n > ? ORDER BY n LIMIT 1", schema::table(of));
        let (mut last, mut filled) = (i64::MIN, 0);
        while let Some(number) = self.one(&sql, [last], |row| row.get(0))? {
            let row = self.numbered(of, number)?;
            self.reindex(of, number, None, Some(&fields(of, &row.bytes)?), &[index])?;
            (last, filled) = (number, filled + 1);
        }
        Ok(filled)
    }

    fn remove(&self, of: &Collection, row: &Row) -> Result<(), PortError> {
        let all: Touched = of.indexes.iter().collect();
        self.reindex(of, row.number, Some(&fields(of, &row.bytes)?), None, &all)?;
        self.drop_row(of, row.number)
    }

    fn drop_row(&self, of: &Collection, number: i64) -> Result<(), PortError> {
        let sql = || format!("DELETE FROM {} WHERE n = ?", schema::table(of));
        self.statements.with(Name::of(of, Op::Delete), sql, |statement| {
            statement.execute([number]).map(drop).map_err(fault)
        })
    }
}

/// Indexes of one collection.
type Touched = SmallVec<[&'static Index; 16]>;

/// The indexes in which `change` can move a document.
fn touched(of: &Collection, change: &Change) -> Touched {
    of.indexes.iter().filter(|index| index::is_touched(index, change)).collect()
}

pub(super) fn fields<'d>(of: &Collection, bytes: &'d [u8]) -> Result<Fields<'d>, PortError> {
    Fields::of(bytes).map_err(|error| damaged(of, &error))
}

pub(super) fn damaged(of: &Collection, error: &dyn std::fmt::Display) -> PortError {
    PortError::refused("damaged_document", format!("a document of {} is damaged: {error}", of.name))
}

fn bounded(bytes: &[u8]) -> Result<(), PortError> {
    if bytes.len() <= LARGEST_DOCUMENT {
        return Ok(());
    }
    let message = format!("a document holds at most {LARGEST_DOCUMENT} bytes");
    Err(PortError::refused("bad_document", message))
}

/// A broken uniqueness is a conflict, said in `words`; the rest is the store's trouble.
pub(super) fn taken(error: rusqlite::Error, words: impl FnOnce() -> String) -> PortError {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => PortError::Conflict(words()),
        _ => fault(error),
    }
}

/// The store's own trouble, as the caller has to see it.
pub(super) fn fault(error: rusqlite::Error) -> PortError {
    match error.sqlite_error_code() {
        // A table that is not there: a plain SQL error that no waiting mends.
        Some(ErrorCode::Unknown) => {
            let message = format!("the data file is not migrated: {error}");
            PortError::refused("not_migrated", message)
        }
        _ => PortError::Unavailable(format!("the data file does not answer: {error}")),
    }
}
