//! How documents are found: by their `_id`, by their row, and along an index.

use std::collections::HashSet;

use bson::{Document, RawDocument};
use jobs::ports::PortError;
use rusqlite::{OptionalExtension, Row as SqlRow, params};

use super::{
    guard, index, schema,
    statements::{Name, Op},
    store::{Store, damaged, fault, fields},
};
use crate::adapters::documents::{Collection, Query};

/// A stored document and the row it lies in.
pub(super) struct Row {
    pub number: i64,
    pub bytes: Vec<u8>,
}

impl Row {
    pub(super) fn document(&self, of: &Collection) -> Result<Document, PortError> {
        let document = RawDocument::from_bytes(&self.bytes).and_then(Document::try_from);
        document.map_err(|error| damaged(of, &error))
    }
}

impl Store<'_> {
    pub(super) fn walk(&self, of: &Collection, query: &Query) -> Result<Vec<Row>, PortError> {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let documents = schema::table(of);
        let sql = |keys: &str| {
            format!(
                "SELECT keys.doc, documents.doc FROM {keys} AS keys \
                 LEFT JOIN {documents} AS documents ON documents.n = keys.doc \
                 WHERE keys.key >= ? AND keys.key < ?"
            )
        };
        self.rows(of, query, [Op::Walk, Op::WalkBack], sql, |number, row| {
            let bytes = row.get::<_, Option<Vec<u8>>>(1).map_err(fault)?;
            let bytes = bytes.ok_or_else(|| leads_nowhere(of, number))?;
            if query.guard.0.is_empty() || guard::fulfils(&fields(of, &bytes)?, &query.guard) {
                found.push(Row { number, bytes });
            }
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }

    /// Shows `visit` the rows of the query's range in order, each once, until it says `false`.
    pub(super) fn rows(
        &self,
        of: &Collection,
        query: &Query,
        [ahead, back]: [Op; 2],
        select: impl Fn(&str) -> String,
        mut visit: impl FnMut(i64, &SqlRow<'_>) -> Result<bool, PortError>,
    ) -> Result<(), PortError> {
        let index = query.index(of)?;
        let range = index::range(index, query);
        if query.limit == 0 {
            return Ok(());
        }
        let (op, way) = if query.reverse { (back, "DESC") } else { (ahead, "ASC") };
        let sql = || {
            let select = select(&schema::index_table(of, index));
            // By place, because two tables have a column of this name: the key, then the row.
            format!("{select} ORDER BY key {way}, 1 {way}")
        };
        self.statements.with(Name::on(of, index, op), sql, |statement| {
            let mut rows = statement.query(params![range.start, range.end]).map_err(fault)?;
            let mut seen = HashSet::new();
            while let Some(row) = rows.next().map_err(fault)? {
                let number = row.get(0).map_err(fault)?;
                // A document with an array has several keys and still is one document.
                if seen.insert(number) && !visit(number, row)? {
                    break;
                }
            }
            Ok(())
        })
    }

    pub(super) fn keyed(&self, of: &Collection, id: &[u8]) -> Result<Option<Row>, PortError> {
        let sql = || format!("SELECT n, doc FROM {} WHERE id = ?", schema::table(of));
        self.statements.with(Name::of(of, Op::Keyed), sql, |statement| {
            let read = |row: &SqlRow<'_>| Ok(Row { number: row.get(0)?, bytes: row.get(1)? });
            statement.query_row([id], read).optional().map_err(fault)
        })
    }

    pub(super) fn numbered(&self, of: &Collection, number: i64) -> Result<Row, PortError> {
        let sql = || format!("SELECT doc FROM {} WHERE n = ?", schema::table(of));
        let bytes = self.statements.with(Name::of(of, Op::Numbered), sql, |statement| {
            statement.query_row([number], |row| row.get(0)).optional().map_err(fault)
        })?;
        let bytes = bytes.ok_or_else(|| leads_nowhere(of, number))?;
        Ok(Row { number, bytes })
    }
}

fn leads_nowhere(of: &Collection, number: i64) -> PortError {
    let message = format!("an index of {} leads to no document {number}", of.name);
    PortError::refused("damaged_index", message)
}
