//! What an index holds of a document, and which part of it a query walks over.

use bson::{Bson, RawArray, RawBsonRef};
use jobs::ports::PortError;
use smallvec::{SmallVec, smallvec};

use super::guard::{belongs, position, split};
use super::key::{self, Bytes};
use crate::adapters::documents::fields::{Fields, inner};
use crate::adapters::documents::{Change, Edge, Index, IndexOption, Order, Query, within};

/// So many keys one document may have in one index: an array longer than this is not a list of
/// things to search by, and each key is a row.
const MOST_KEYS: usize = 1_000;

/// Whether this engine builds the index at all.
pub fn is_built(index: &Index) -> bool {
    !matches!(index.option, IndexOption::Text(_) | IndexOption::Sphere)
}

/// Whether `change` can move a document within the index, into it or out of it.
pub fn is_touched(index: &Index, change: &Change) -> bool {
    let keys = index.keys.iter().map(|(path, _)| *path);
    let mut paths = keys.chain(index.only.iter().map(|(path, _)| *path));
    paths.any(|path| {
        let head = path.as_bytes().first();
        change.0.iter().any(|(edit, _)| {
            edit.as_bytes().first() == head && (within(edit, path) || within(path, edit))
        })
    })
}

/// Keys of one document in one index: nearly always one.
pub type Keys = SmallVec<[Bytes; 1]>;

/// The keys of a document in an index, sorted: one for each element where the path meets an array.
pub fn keys(index: &Index, document: &Fields<'_>) -> Result<Keys, PortError> {
    let mut keys = Keys::new();
    if belongs(document, index.only) {
        let parts = index.keys.iter().map(|(path, _)| {
            let (name, rest) = split(path);
            below(document.get(name), rest)
        });
        expand(index, parts.collect(), &mut keys)?;
        if keys.len() > 1 {
            keys.sort_unstable();
            keys.dedup();
        }
    }
    Ok(keys)
}

/// One part for each path of an index.
type Parts<'d> = SmallVec<[Part<'d>; 4]>;

/// How far the way along one path of the index has come.
#[derive(Clone, Copy)]
enum Part<'d> {
    /// At its end; `None` is a missing field.
    Value(Option<RawBsonRef<'d>>),
    /// At an array, with what is left of the path.
    Array(&'d RawArray, Option<&'d str>),
}

/// Adds the key, or where an array is met the keys of all its elements.
fn expand(index: &Index, parts: Parts<'_>, keys: &mut Keys) -> Result<(), PortError> {
    let mut arrays = parts.iter().filter_map(|part| match part {
        Part::Array(items, _) => Some(*items),
        Part::Value(_) => None,
    });
    let Some(items) = arrays.next() else {
        return add(index, &parts, keys);
    };
    if !arrays.all(|other| std::ptr::eq(other, items)) {
        let message = format!("index {} cannot hold two arrays of one document", index.name);
        return Err(PortError::refused("parallel_arrays", message));
    }
    if items.is_empty() {
        return expand(index, parts.into_iter().map(empty).collect(), keys);
    }
    for item in items.into_iter().flatten() {
        expand(index, parts.iter().map(|part| element(*part, item)).collect(), keys)?;
    }
    Ok(())
}

fn add(index: &Index, parts: &[Part<'_>], keys: &mut Keys) -> Result<(), PortError> {
    let missing = parts.iter().all(|part| matches!(part, Part::Value(None)));
    if missing && index.option == IndexOption::Sparse {
        return Ok(());
    }
    let mut bytes = Bytes::new();
    for (part, (_, order)) in parts.iter().zip(index.keys) {
        let value = match part {
            Part::Value(Some(value)) => *value,
            _ => RawBsonRef::Null,
        };
        let start = bytes.len();
        key::append(&mut bytes, value);
        turn(&mut bytes, start, *order);
    }
    keys.push(bytes);
    if keys.len() > MOST_KEYS {
        let message = format!("index {} holds at most {MOST_KEYS} keys a document", index.name);
        return Err(PortError::refused("too_many_keys", message));
    }
    Ok(())
}

/// An empty array at the end is something (`Undefined`, which MongoDB takes too); on the way it
/// leads to nothing.
fn empty(part: Part<'_>) -> Part<'_> {
    match part {
        Part::Array(_, None) => Part::Value(Some(RawBsonRef::Undefined)),
        Part::Array(_, Some(_)) => Part::Value(None),
        value @ Part::Value(_) => value,
    }
}

fn element<'d>(part: Part<'d>, item: RawBsonRef<'d>) -> Part<'d> {
    match (part, item) {
        (Part::Array(_, None), item) => Part::Value(Some(item)),
        (Part::Array(_, Some(rest)), RawBsonRef::Document(document)) => {
            let (name, rest) = split(rest);
            below(inner(document, name), rest)
        }
        (Part::Array(_, Some(_)), _) => Part::Value(None),
        (value @ Part::Value(_), _) => value,
    }
}

fn below<'d>(value: Option<RawBsonRef<'d>>, rest: Option<&'d str>) -> Part<'d> {
    match (value, rest) {
        (Some(RawBsonRef::Array(items)), None) => Part::Array(items, None),
        (value, None) => Part::Value(value),
        (Some(RawBsonRef::Document(document)), Some(path)) => {
            let (name, rest) = split(path);
            below(inner(document, name), rest)
        }
        (Some(RawBsonRef::Array(items)), Some(path)) => {
            let (name, rest) = split(path);
            match position(name) {
                Some(at) => below(items.get(at).ok().flatten(), rest),
                None => Part::Array(items, Some(path)),
            }
        }
        (_, Some(_)) => Part::Value(None),
    }
}

/// The complement of the bytes from `start` on sorts backwards.
fn turn(bytes: &mut [u8], start: usize, order: Order) {
    if order == Order::Desc {
        bytes.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
    }
}

/// The keys from `start` up to but without `end`.
#[derive(Debug, PartialEq, Eq)]
pub struct Range {
    /// The smallest key.
    pub start: Vec<u8>,
    /// Above the largest key.
    pub end: Vec<u8>,
}

/// A place between keys: before or after all that begin with the bytes.
enum Place {
    Before(Bytes),
    After(Bytes),
}

/// The part of `index` that `query` walks over.
pub fn range(index: &Index, query: &Query) -> Range {
    let mut prefix = Bytes::new();
    let mut orders = index.keys.iter().map(|(_, order)| *order);
    for value in &query.prefix {
        let start = prefix.len();
        key::append_value(&mut prefix, value);
        turn(&mut prefix, start, orders.next().unwrap_or(Order::Asc));
    }
    let (low, high) = places(query);
    let (start, end) = match orders.next() {
        Some(Order::Desc) => (mirror(high), mirror(low)),
        _ => (low, high),
    };
    Range { start: bytes_at(&prefix, start), end: bytes_at(&prefix, end) }
}

/// Both ends by value. With one end open the range ends with the class of the other, as a
/// comparison in MongoDB does.
fn places(query: &Query) -> (Place, Place) {
    let low = match &query.from {
        Edge::Including(value) => Place::Before(key::encode(value)),
        Edge::Excluding(value) => Place::After(key::encode(value)),
        Edge::Open => match &query.to {
            Edge::Open => Place::Before(Bytes::new()),
            Edge::Including(to) | Edge::Excluding(to) if class(to) == key::NUMBER => {
                Place::After(key::nan())
            }
            Edge::Including(to) | Edge::Excluding(to) => Place::Before(smallvec![class(to)]),
        },
    };
    let high = match (&query.to, &query.from) {
        (Edge::Including(value), _) => Place::After(key::encode(value)),
        (Edge::Excluding(value), _) => Place::Before(key::encode(value)),
        (Edge::Open, Edge::Open) => Place::After(Bytes::new()),
        (Edge::Open, Edge::Including(from) | Edge::Excluding(from)) => {
            Place::After(smallvec![class(from)])
        }
    };
    (low, high)
}

fn class(value: &Bson) -> u8 {
    key::class_of(value.element_type())
}

/// The same place in an index that runs the other way.
fn mirror(place: Place) -> Place {
    let turn = |bytes: Bytes| bytes.into_iter().map(|byte| !byte).collect();
    match place {
        Place::Before(bytes) => Place::After(turn(bytes)),
        Place::After(bytes) => Place::Before(turn(bytes)),
    }
}

fn bytes_at(prefix: &[u8], place: Place) -> Vec<u8> {
    match place {
        Place::Before(bytes) => [prefix, bytes.as_slice()].concat(),
        Place::After(bytes) => {
            let mut after = [prefix, bytes.as_slice()].concat();
            // The first bytes above all that begin with these: the last that can grow does.
            while after.last() == Some(&u8::MAX) {
                after.pop();
            }
            match after.last_mut() {
                Some(last) => *last += 1,
                // No key begins with this byte: a class is at most 127, a mirrored one below 255.
                None => after.push(u8::MAX),
            }
            after
        }
    }
}
