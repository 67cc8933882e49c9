//! Prepared statements of one connection, found without writing their SQL again.

use std::{cell::RefCell, collections::HashMap};

use jobs::ports::PortError;
use rusqlite::{Connection, Statement};

use super::store::fault;

/// What a statement does to a collection or to one of its indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Adds a document.
    Insert,
    /// Finds a document by its `_id`.
    Keyed,
    /// Finds a document by its row.
    Numbered,
    /// Writes a document again.
    Update,
    /// Removes a document.
    Delete,
    /// Adds a key to an index.
    AddKey,
    /// Takes a key out of an index.
    DropKey,
    /// Walks along an index, and back.
    Rows,
    /// The same from its end.
    RowsBack,
    /// Walks along an index to documents.
    Walk,
    /// The same from its end.
    WalkBack,
}

/// Collection, index (or nothing) and what is done: one statement.
pub type Name = (&'static str, &'static str, Op);

/// The statements.
pub struct Statements<'c> {
    connection: &'c Connection,
    kept: RefCell<HashMap<Name, Statement<'c>>>,
}

impl<'c> Statements<'c> {
    /// None are prepared yet.
    pub fn new(connection: &'c Connection) -> Self {
        Self { connection, kept: RefCell::default() }
    }

    /// Does something with the statement of this name, which is prepared from `sql` the first time.
    ///
    /// While it is in use the statement is not at hand; who needs the same one meanwhile gets
    /// another.
    pub fn with<T>(
        &self,
        name: Name,
        sql: impl FnOnce() -> String,
        run: impl FnOnce(&mut Statement<'c>) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        let kept = self.kept.borrow_mut().remove(&name);
        let mut statement = match kept {
            Some(statement) => statement,
            None => self.connection.prepare(&sql()).map_err(fault)?,
        };
        let done = run(&mut statement);
        self.kept.borrow_mut().insert(name, statement);
        done
    }
}
