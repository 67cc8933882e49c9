//! Prepared statements of one connection, found without writing their SQL again.

use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    rc::Rc,
};

use jobs::ports::PortError;
use rusqlite::{Connection, Statement};

use super::store::fault;
use crate::adapters::documents::{Collection, Index};

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

/// Which statement: where the names of its collection and its index lie in the program, which is
/// quicker to look up than the names, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name(Place, Place, Op);

/// Where a text lies, and how long it is.
type Place = (usize, usize);

impl Name {
    /// A statement on the documents of a collection.
    pub fn of(collection: &Collection, op: Op) -> Self {
        Self(place(collection.name), (0, 0), op)
    }

    /// A statement on an index.
    pub fn on(collection: &Collection, index: &Index, op: Op) -> Self {
        Self(place(collection.name), place(index.name), op)
    }
}

fn place(name: &'static str) -> Place {
    (name.as_ptr().addr(), name.len())
}

/// Mixes addresses, which differ in their low bits; nobody from outside chooses them.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, value: u64) {
        // 2^64 divided by the golden ratio spreads what lies close together.
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

type Kept<'c> = HashMap<Name, Rc<RefCell<Statement<'c>>>, BuildHasherDefault<Mix>>;

/// The statements.
pub struct Statements<'c> {
    connection: &'c Connection,
    kept: RefCell<Kept<'c>>,
}

impl<'c> Statements<'c> {
    /// None are prepared yet.
    pub fn new(connection: &'c Connection) -> Self {
        Self { connection, kept: RefCell::default() }
    }

    /// Does something with the statement of this name, which is prepared from `sql` the first time.
    pub fn with<T>(
        &self,
        name: Name,
        sql: impl FnOnce() -> String,
        run: impl FnOnce(&mut Statement<'c>) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        let kept = self.kept.borrow().get(&name).cloned();
        let statement = match kept {
            Some(statement) => statement,
            None => {
                let statement = self.connection.prepare(&sql()).map_err(fault)?;
                let statement = Rc::new(RefCell::new(statement));
                self.kept.borrow_mut().insert(name, statement.clone());
                statement
            }
        };
        let mut statement = statement.try_borrow_mut().map_err(|_| {
            PortError::refused("statement_in_use", "a walk asks for the walk that it is in")
        })?;
        run(&mut statement)
    }
}
