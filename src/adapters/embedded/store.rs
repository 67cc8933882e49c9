//! What can be done with documents on one connection: the part between SQL and the port.

use std::collections::{BTreeSet, HashSet};

use bson::{Bson, Document};
use jobs::ports::PortError;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, Row as SqlRow, params};

use super::{change, guard, index, key, schema};
use crate::adapters::documents::{Change, Collection, Guard, Index, IndexOption, Query};

/// The largest document, in bytes: MongoDB's limit, so that data can move there.
const LARGEST_DOCUMENT: usize = 16 << 20;

/// A connection, seen as a store of documents. Within one write all calls are one transaction.
pub struct Store<'c>(pub(super) &'c Connection);

/// A document and the row it lies in.
struct Row {
    number: i64,
    bytes: Vec<u8>,
    document: Document,
}

impl Store<'_> {
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
        let sql = format!("INSERT INTO {} (id, doc) VALUES (?, ?)", schema::table(of));
        let added = self.execute(&sql, params![key, to_bytes(&whole)?]);
        added
            .map_err(|error| taken(error, || format!("a document of {} has this _id", of.name)))?;
        self.reindex(of, self.0.last_insert_rowid(), None, Some(&whole), |_| true)
    }

    /// The document with this `_id`.
    pub fn get(&self, of: &Collection, id: &Bson) -> Result<Option<Document>, PortError> {
        Ok(self.keyed(of, &key::encode(id))?.map(|row| row.document))
    }

    /// The documents with these `_id`s that exist.
    pub fn get_many(&self, of: &Collection, ids: &[Bson]) -> Result<Vec<Document>, PortError> {
        let once: BTreeSet<Vec<u8>> = ids.iter().map(key::encode).collect();
        let found = once.iter().map(|id| self.keyed(of, id)).filter_map(Result::transpose);
        found.map(|row| row.map(|row| row.document)).collect()
    }

    /// Changes those of the documents that fulfil `guard`; how many did.
    pub fn patch_many(
        &self,
        of: &Collection,
        ids: &[Bson],
        guard: &Guard,
        change: &Change,
    ) -> Result<u64, PortError> {
        let once: BTreeSet<Vec<u8>> = ids.iter().map(key::encode).collect();
        let mut changed = 0;
        for id in &once {
            changed += u64::from(self.patch_keyed(of, id, guard, change)?.is_some());
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
        self.patch_keyed(of, &key::encode(id), guard, change)
    }

    fn patch_keyed(
        &self,
        of: &Collection,
        id: &[u8],
        guard: &Guard,
        change: &Change,
    ) -> Result<Option<Document>, PortError> {
        change.check()?;
        let row = self.keyed(of, id)?.filter(|row| guard::fulfils(&row.document, guard));
        let Some(row) = row else {
            return Ok(None);
        };
        let mut after = row.document.clone();
        change::apply(change, &mut after)?;
        let bytes = to_bytes(&after)?;
        if bytes != row.bytes {
            let sql = format!("UPDATE {} SET doc = ? WHERE n = ?", schema::table(of));
            self.execute(&sql, params![bytes, row.number]).map_err(fault)?;
            let touched = |index: &Index| index::is_touched(index, change);
            self.reindex(of, row.number, Some(&row.document), Some(&after), touched)?;
        }
        Ok(Some(after))
    }

    /// Removes the document if it fulfils `guard`; whether it did.
    pub fn delete(&self, of: &Collection, id: &Bson, guard: &Guard) -> Result<bool, PortError> {
        let row =
            self.keyed(of, &key::encode(id))?.filter(|row| guard::fulfils(&row.document, guard));
        row.map_or(Ok(false), |row| self.remove(of, &row).map(|()| true))
    }

    /// The documents that `query` walks over.
    pub fn find(&self, of: &Collection, query: &Query) -> Result<Vec<Document>, PortError> {
        Ok(self.walk(of, query)?.into_iter().map(|row| row.document).collect())
    }

    /// How many documents `query` walks over.
    pub fn count(&self, of: &Collection, query: &Query) -> Result<u64, PortError> {
        let mut count = 0;
        self.numbers(of, query, |number| {
            let counts = query.guard.0.is_empty()
                || guard::fulfils(&self.numbered(of, number)?.document, &query.guard);
            count += u64::from(counts);
            Ok(count < u64::from(query.limit))
        })?;
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
        self.0.prepare_cached(sql)?.execute(values)
    }

    /// The first row of a statement that stays prepared, if there is one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, PortError> {
        let found = self
            .0
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(values, read).optional());
        found.map_err(fault)
    }

    /// Puts every stored document into an index that is new.
    pub(super) fn fill(&self, of: &Collection, index: &Index) -> Result<u64, PortError> {
        let sql = format!("SELECT n FROM {} WHERE n > ? ORDER BY n LIMIT 1", schema::table(of));
        let (mut last, mut filled) = (i64::MIN, 0);
        while let Some(number) = self.one(&sql, [last], |row| row.get(0))? {
            let row = self.numbered(of, number)?;
            let keys = index::keys(index, &row.document)?;
            self.move_keys(of, index, number, &BTreeSet::new(), &keys)?;
            (last, filled) = (number, filled + 1);
        }
        Ok(filled)
    }

    fn walk(&self, of: &Collection, query: &Query) -> Result<Vec<Row>, PortError> {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        self.numbers(of, query, |number| {
            let row = self.numbered(of, number)?;
            if guard::fulfils(&row.document, &query.guard) {
                found.push(row);
            }
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }

    /// Shows `visit` the rows of the query's range in order, each once, until it says `false`.
    fn numbers(
        &self,
        of: &Collection,
        query: &Query,
        mut visit: impl FnMut(i64) -> Result<bool, PortError>,
    ) -> Result<(), PortError> {
        let index = query.index(of)?;
        let range = index::range(index, query);
        if query.limit == 0 {
            return Ok(());
        }
        let (table, way) =
            (schema::index_table(of, index), if query.reverse { "DESC" } else { "ASC" });
        let sql = format!(
            "SELECT doc FROM {table} WHERE key >= ? AND key < ? ORDER BY key {way}, doc {way}"
        );
        let mut statement = self.0.prepare_cached(&sql).map_err(fault)?;
        let mut rows = statement.query(params![range.start, range.end]).map_err(fault)?;
        let mut seen = HashSet::new();
        while let Some(row) = rows.next().map_err(fault)? {
            let number = row.get(0).map_err(fault)?;
            // A document with an array has several keys and still is one document.
            if seen.insert(number) && !visit(number)? {
                break;
            }
        }
        Ok(())
    }

    fn keyed(&self, of: &Collection, id: &[u8]) -> Result<Option<Row>, PortError> {
        let sql = format!("SELECT n, doc FROM {} WHERE id = ?", schema::table(of));
        let found = self.one(&sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        found.map(|(number, bytes)| to_row(of, number, bytes)).transpose()
    }

    fn numbered(&self, of: &Collection, number: i64) -> Result<Row, PortError> {
        let sql = format!("SELECT doc FROM {} WHERE n = ?", schema::table(of));
        let bytes = self.one(&sql, [number], |row| row.get(0))?;
        let bytes = bytes.ok_or_else(|| {
            let message = format!("an index of {} leads to no document {number}", of.name);
            PortError::refused("damaged_index", message)
        })?;
        to_row(of, number, bytes)
    }

    fn remove(&self, of: &Collection, row: &Row) -> Result<(), PortError> {
        self.reindex(of, row.number, Some(&row.document), None, |_| true)?;
        let sql = format!("DELETE FROM {} WHERE n = ?", schema::table(of));
        self.execute(&sql, [row.number]).map_err(fault)?;
        Ok(())
    }

    fn reindex(
        &self,
        of: &Collection,
        number: i64,
        before: Option<&Document>,
        after: Option<&Document>,
        touched: impl Fn(&Index) -> bool,
    ) -> Result<(), PortError> {
        for index in of.indexes.iter().filter(|index| index::is_built(index) && touched(index)) {
            let keys = |document: Option<&Document>| {
                document.map_or(Ok(BTreeSet::new()), |document| index::keys(index, document))
            };
            self.move_keys(of, index, number, &keys(before)?, &keys(after)?)?;
        }
        Ok(())
    }

    fn move_keys(
        &self,
        of: &Collection,
        index: &Index,
        number: i64,
        old: &BTreeSet<Vec<u8>>,
        new: &BTreeSet<Vec<u8>>,
    ) -> Result<(), PortError> {
        let table = schema::index_table(of, index);
        for key in old.difference(new) {
            let sql = format!("DELETE FROM {table} WHERE key = ? AND doc = ?");
            self.execute(&sql, params![key, number]).map_err(fault)?;
        }
        for key in new.difference(old) {
            let sql = format!("INSERT INTO {table} (key, doc) VALUES (?, ?)");
            let added = self.execute(&sql, params![key, number]);
            added.map_err(|error| {
                taken(error, || {
                    format!("another document of {} has the same key in {}", of.name, index.name)
                })
            })?;
        }
        Ok(())
    }
}

fn to_bytes(document: &Document) -> Result<Vec<u8>, PortError> {
    let refused = |message: String| PortError::refused("bad_document", message);
    let bytes = document.to_vec().map_err(|error| refused(format!("not a document: {error}")))?;
    if bytes.len() > LARGEST_DOCUMENT {
        return Err(refused(format!("a document holds at most {LARGEST_DOCUMENT} bytes")));
    }
    Ok(bytes)
}

fn to_row(of: &Collection, number: i64, bytes: Vec<u8>) -> Result<Row, PortError> {
    let document = Document::from_reader(bytes.as_slice()).map_err(|error| {
        let message = format!("document {number} of {} is damaged: {error}", of.name);
        PortError::refused("damaged_document", message)
    })?;
    Ok(Row { number, bytes, document })
}

/// A broken uniqueness is a conflict, said in `words`; the rest is the store's trouble.
fn taken(error: rusqlite::Error, words: impl FnOnce() -> String) -> PortError {
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
