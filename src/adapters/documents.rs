//! The document port: what every repository needs of a store, and nothing more.
//!
//! Repositories are written once in these words; the engines `mongo` and `embedded` say them.
//! Semantics are MongoDB's, reduced: paths are dotted (`processing.rev`, `chunks.0.uploaded`),
//! each call is one atomic command, times are milliseconds.

pub mod fields;

use std::borrow::Cow;

use async_trait::async_trait;
use bson::{Bson, Document, RawDocumentBuf};
use jobs::ports::PortError;

/// A collection and the indexes it has.
#[derive(Debug, Clone, Copy)]
pub struct Collection {
    /// The collection's name.
    pub name: &'static str,
    /// Its indexes besides `_id`.
    pub indexes: &'static [Index],
}

impl Collection {
    /// Whether any of its documents expire.
    pub fn expires(&self) -> bool {
        self.indexes.iter().any(|index| index.option == IndexOption::Expires)
    }
}

/// A declared index; repositories may only ask through one of these.
#[derive(Debug, Clone, Copy)]
pub struct Index {
    /// The index's name, unique in its collection.
    pub name: &'static str,
    /// Paths in order with their direction.
    pub keys: &'static [(&'static str, Order)],
    /// Two documents may not have the same key.
    pub unique: bool,
    /// Only documents that fulfil all of these are in the index.
    pub only: &'static [(&'static str, Only)],
    /// What else MongoDB is told about it.
    pub option: IndexOption,
}

/// The direction of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Asc,
    /// Largest first.
    Desc,
}

/// A condition of a partial index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// The field is there (and not missing).
    Exists,
    /// The field is this string.
    Is(&'static str),
}

/// What else an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexOption {
    /// Nothing else.
    Plain,
    /// Documents without the key are left out (MongoDB's `sparse`).
    Sparse,
    /// The store removes a document when the date in its only key has passed. The embedded engine
    /// does it when [`Documents::expire`] is called.
    Expires,
    /// Full text in this language. Wanted, not needed: a server that cannot build it is a warning,
    /// and the embedded engine leaves it out.
    Text(&'static str),
    /// Places on the globe. Wanted, not needed, like `Text`. Always sparse.
    Sphere,
}

/// A dotted path; nearly always one that stands in the program.
pub type Path = Cow<'static, str>;

/// A condition on one path.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Equal; `Null` also matches a missing field, as in MongoDB. For a place in an array that may
    /// not be there ask `Exists`: what is equal to null there is not the same on all servers.
    Eq(Bson),
    /// Not equal; a missing field matches unless the value is `Null`.
    Ne(Bson),
    /// Equal to one of these.
    In(Vec<Bson>),
    /// Smaller, same type class.
    Lt(Bson),
    /// Smaller or equal, same type class.
    Lte(Bson),
    /// Greater, same type class.
    Gt(Bson),
    /// Greater or equal, same type class.
    Gte(Bson),
    /// There or not there.
    Exists(bool),
}

/// Conditions that all have to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Guard(pub Vec<(Path, Test)>);

impl Guard {
    /// No condition.
    pub fn none() -> Self {
        Self::default()
    }

    /// And: `path` fulfils `test`.
    pub fn and(mut self, path: impl Into<Path>, test: Test) -> Self {
        self.0.push((path.into(), test));
        self
    }

    /// And: `path` equals `value`.
    pub fn eq(self, path: impl Into<Path>, value: impl Into<Bson>) -> Self {
        self.and(path, Test::Eq(value.into()))
    }
}

/// A change to one path.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// The field becomes this value; missing parents are made.
    Set(Bson),
    /// The field is removed.
    Unset,
    /// The number grows by this; a missing field counts as 0.
    Inc(i64),
    /// The value goes to the end of the array; with a limit only the last so many stay.
    Push(Bson, Option<u32>),
    /// The value goes to the end of the array unless it is in it.
    AddToSet(Bson),
    /// The larger of the two stays; a missing field takes the value.
    Max(Bson),
}

/// Changes to one document, applied together; no path may stand twice or lie within another.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change(pub Vec<(Path, Edit)>);

impl Change {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more edit.
    pub fn with(mut self, path: impl Into<Path>, edit: Edit) -> Self {
        self.0.push((path.into(), edit));
        self
    }

    /// With `path` set to `value`.
    pub fn set(self, path: impl Into<Path>, value: impl Into<Bson>) -> Self {
        self.with(path, Edit::Set(value.into()))
    }

    /// With `path` removed.
    pub fn unset(self, path: impl Into<Path>) -> Self {
        self.with(path, Edit::Unset)
    }

    /// With `path` grown by `by`.
    pub fn inc(self, path: impl Into<Path>, by: i64) -> Self {
        self.with(path, Edit::Inc(by))
    }

    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses a change that no store can apply; every engine asks before it begins.
    pub fn check(&self) -> Result<(), PortError> {
        for (at, (path, _)) in self.0.iter().enumerate() {
            // A `$` is MongoDB's "whichever matched", which the port does not have.
            if path.split('.').any(|name| name.is_empty() || name.starts_with('$')) {
                return Err(PortError::refused("bad_path", format!("{path:?} is not a path")));
            }
            if within(path, "_id") {
                return Err(PortError::refused("id_is_fixed", "the _id of a document is fixed"));
            }
            let others = self.0.iter().skip(at + 1).map(|(other, _)| other);
            if let Some(other) = others.into_iter().find(|o| within(path, o) || within(o, path)) {
                let message = format!("a change cannot edit both {path} and {other}");
                return Err(PortError::refused("conflicting_edits", message));
            }
        }
        Ok(())
    }
}

/// Whether `path` is `parent` or lies below it.
pub(super) fn within(path: &str, parent: &str) -> bool {
    let below = path.strip_prefix(parent);
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A walk along a declared index.
///
/// Where a key holds an array, a range has one end at most: with two, MongoDB takes a document
/// with one element above the first and another below the second, the embedded engine does not.
#[derive(Debug, Clone)]
pub struct Query {
    /// The index's name.
    pub index: &'static str,
    /// Values of the index's first keys, in order.
    pub prefix: Vec<Bson>,
    /// The next key lies from here on.
    pub from: Edge,
    /// The next key ends here.
    pub to: Edge,
    /// Conditions that the index does not answer; the store checks each document it walks over.
    pub guard: Guard,
    /// Against the index's direction.
    pub reverse: bool,
    /// At most so many documents.
    pub limit: u32,
}

/// A field and a value of it that only one [`Documents::take`] ever writes: who took a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The path.
    pub path: &'static str,
    /// The value.
    pub value: Bson,
}

/// What [`Documents::take`] got.
#[derive(Debug, Default)]
pub struct Taken {
    /// The documents after the change, in no order.
    pub documents: Vec<RawDocumentBuf>,
    /// How many the walk found that are not among them.
    pub passed: usize,
}

/// One end of a range of values (by value, whatever the key's direction).
#[derive(Debug, Clone, PartialEq)]
pub enum Edge {
    /// No end.
    Open,
    /// Up to and with the value.
    Including(Bson),
    /// Up to but without the value.
    Excluding(Bson),
}

impl Query {
    /// All documents of `index`, in its order, at most `limit`.
    pub fn over(index: &'static str, limit: u32) -> Self {
        let (prefix, guard) = (Vec::new(), Guard::none());
        Self { index, prefix, from: Edge::Open, to: Edge::Open, guard, reverse: false, limit }
    }

    /// Whose next key is `value`.
    pub fn at(mut self, value: impl Into<Bson>) -> Self {
        self.prefix.push(value.into());
        self
    }

    /// Whose next key is at most `value`.
    pub fn up_to(mut self, value: impl Into<Bson>) -> Self {
        self.to = Edge::Including(value.into());
        self
    }

    /// Whose next key is below `value`.
    pub fn below(mut self, value: impl Into<Bson>) -> Self {
        self.to = Edge::Excluding(value.into());
        self
    }

    /// That also fulfil `guard`.
    pub fn such_that(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    /// The index to walk along, if it can answer; every engine asks before it begins.
    pub fn index<'c>(&self, of: &'c Collection) -> Result<&'c Index, PortError> {
        let refused = |words: &str| {
            let message = format!("index {} of {} {words}", self.index, of.name);
            Err(PortError::refused("bad_query", message))
        };
        let Some(index) = of.indexes.iter().find(|index| index.name == self.index) else {
            return refused("is not declared");
        };
        if matches!(index.option, IndexOption::Text(_) | IndexOption::Sphere) {
            return refused("has no order to walk along");
        }
        let ends = [&self.from, &self.to].map(|edge| match edge {
            Edge::Open => None,
            Edge::Including(value) | Edge::Excluding(value) => Some(value),
        });
        let ranged = ends.iter().any(Option::is_some);
        if self.prefix.len() + usize::from(ranged) > index.keys.len() {
            return refused("has fewer keys than are asked for");
        }
        let mut values = self.prefix.iter().chain(ends.into_iter().flatten());
        if values.any(|value| matches!(value, Bson::Array(_))) {
            // It holds the elements.
            return refused("cannot be asked for an array");
        }
        Ok(index)
    }
}

/// A store of documents.
///
/// Errors: `Unavailable` when the store is away or busy, `Conflict` when a unique key is taken,
/// `Refused` when the call itself is wrong (an unknown index, two edits of one path).
#[async_trait]
pub trait Documents: Send + Sync {
    /// Adds `document`, which brings its `_id`.
    async fn insert(&self, of: &'static Collection, document: Document) -> Result<(), PortError>;

    /// The document with this `_id`.
    async fn get(&self, of: &'static Collection, id: &Bson) -> Result<Option<Document>, PortError>;

    /// The documents with these `_id`s, in no order; those that do not exist are left out.
    async fn get_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
    ) -> Result<Vec<Document>, PortError>;

    /// Changes the document if it fulfils `guard`; the document after, or `None` if it did not.
    async fn patch(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
        change: Change,
    ) -> Result<Option<Document>, PortError>;

    /// Changes those of the documents that fulfil `guard`; how many did.
    async fn patch_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
        guard: Guard,
        change: Change,
    ) -> Result<u64, PortError>;

    /// Walks along an index and changes those it finds that fulfil `guard`. `change` sets `mark`.
    /// Of several callers at once each document has one that takes it.
    async fn take(
        &self,
        of: &'static Collection,
        query: Query,
        guard: Guard,
        change: Change,
        mark: Mark,
    ) -> Result<Taken, PortError>;

    /// Walks along an index.
    async fn find(&self, of: &'static Collection, query: Query)
    -> Result<Vec<Document>, PortError>;

    /// How many documents `query` walks over; its limit bounds the answer.
    async fn count(&self, of: &'static Collection, query: Query) -> Result<u64, PortError>;

    /// Removes the document if it fulfils `guard`; whether it did.
    async fn delete(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
    ) -> Result<bool, PortError>;

    /// Removes what has expired by `now`, where the store does not do so by itself.
    async fn expire(&self, of: &'static Collection, now: bson::DateTime) -> Result<u64, PortError>;

    /// Creates every collection and index that is not there yet; says what it did, a line each.
    async fn migrate(&self) -> Result<Vec<String>, PortError>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<(), PortError>;

    /// Whether other processes may write to it, of which nobody here is told.
    fn is_shared(&self) -> bool {
        true
    }
}
