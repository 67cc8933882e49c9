//! Whether a document fulfils a guard: MongoDB's rules for paths, arrays and types.

use std::cmp::Ordering;

use bson::{Bson, RawArray, RawBsonRef, RawDocument};

use super::key;
use crate::adapters::documents::fields::{Fields, inner};
use crate::adapters::documents::{Guard, Only, Test};

/// Whether `document` fulfils all conditions of `guard`.
pub fn fulfils(document: &Fields<'_>, guard: &Guard) -> bool {
    guard.0.iter().all(|(path, test)| passes(document, path, test))
}

/// Whether `document` belongs into an index of only such documents.
pub fn belongs(document: &Fields<'_>, only: &[(&str, Only)]) -> bool {
    only.iter().all(|(path, only)| match only {
        Only::Exists => any(document, path, &mut |found| found.is_some()),
        Only::Is(text) => {
            any(document, path, &mut |found| found.and_then(RawBsonRef::as_str) == Some(*text))
        }
    })
}

fn passes(document: &Fields<'_>, path: &str, test: &Test) -> bool {
    match test {
        Test::Eq(value) => equals(document, path, value),
        Test::Ne(value) => !equals(document, path, value),
        Test::In(values) => values.iter().any(|value| equals(document, path, value)),
        Test::Lt(value) => ordered(document, path, value, &[Ordering::Less]),
        Test::Lte(value) => ordered(document, path, value, &[Ordering::Less, Ordering::Equal]),
        Test::Gt(value) => ordered(document, path, value, &[Ordering::Greater]),
        Test::Gte(value) => ordered(document, path, value, &[Ordering::Greater, Ordering::Equal]),
        Test::Exists(wanted) => any(document, path, &mut |found| found.is_some()) == *wanted,
    }
}

fn equals(document: &Fields<'_>, path: &str, value: &Bson) -> bool {
    ordered(document, path, value, &[Ordering::Equal])
}

/// Whether one of the values at `path` stands in one of the `wanted` orders to `value`.
fn ordered(document: &Fields<'_>, path: &str, value: &Bson, wanted: &[Ordering]) -> bool {
    let class = key::class_of(value.element_type());
    let is_nan = matches!(value, Bson::Double(number) if number.is_nan());
    any(document, path, &mut |found| {
        let found = match found {
            // A missing field equals null and nothing else.
            None | Some(RawBsonRef::Undefined) => RawBsonRef::Null,
            Some(found) => found,
        };
        if key::class(found) != class {
            return false;
        }
        if key::is_nan(found) || is_nan {
            // Not a number equals itself, and is neither above nor below anything.
            return key::is_nan(found) && is_nan && wanted.contains(&Ordering::Equal);
        }
        wanted.contains(&key::compare_stored(found, value))
    })
}

/// What looks at a value: `None` is a missing field; `true` ends the walk.
type Visit<'v> = &'v mut dyn FnMut(Option<RawBsonRef<'_>>) -> bool;

/// Whether one of the values that MongoDB sees at `path` pleases `visit`: an array on the way
/// stands for each of its documents, an array at the end for each element and for itself.
fn any(document: &Fields<'_>, path: &str, visit: Visit<'_>) -> bool {
    let (name, rest) = split(path);
    below(document.get(name), rest, visit)
}

fn any_inner(document: &RawDocument, path: &str, visit: Visit<'_>) -> bool {
    let (name, rest) = split(path);
    below(inner(document, name), rest, visit)
}

fn below(value: Option<RawBsonRef<'_>>, rest: Option<&str>, visit: Visit<'_>) -> bool {
    match (value, rest) {
        (Some(RawBsonRef::Array(items)), None) => {
            items.into_iter().flatten().any(|item| visit(Some(item))) || visit(value)
        }
        (value, None) => visit(value),
        (Some(RawBsonRef::Document(document)), Some(rest)) => any_inner(document, rest, visit),
        (Some(RawBsonRef::Array(items)), Some(rest)) => elements(items, rest, visit),
        (_, Some(_)) => visit(None),
    }
}

/// The path goes on below an array: into each document, and into the element it names.
fn elements(items: &RawArray, path: &str, visit: Visit<'_>) -> bool {
    let (name, rest) = split(path);
    let named = position(name);
    items.into_iter().flatten().enumerate().any(|(at, item)| {
        let inside = matches!(item, RawBsonRef::Document(inner) if any_inner(inner, path, visit));
        inside || (named == Some(at) && element(item, rest, visit))
    })
}

/// An element named by its position. An array in an array is one value here, not its elements.
fn element(item: RawBsonRef<'_>, rest: Option<&str>, visit: Visit<'_>) -> bool {
    match (item, rest) {
        (item, None) => visit(Some(item)),
        (RawBsonRef::Document(document), Some(rest)) => any_inner(document, rest, visit),
        (RawBsonRef::Array(items), Some(rest)) => {
            let (name, rest) = split(rest);
            below(position(name).and_then(|at| items.get(at).ok().flatten()), rest, visit)
        }
        _ => false,
    }
}

/// The first part of a path, and the rest if there is one.
pub(super) fn split(path: &str) -> (&str, Option<&str>) {
    // Paths are short: looking byte by byte is quicker than what searches long texts.
    let dot = path.bytes().position(|byte| byte == b'.');
    let parts = dot.and_then(|dot| Some((path.get(..dot)?, path.get(dot + 1..)?)));
    parts.map_or((path, None), |(name, rest)| (name, Some(rest)))
}

/// The place in an array that a part of a path names: digits without leading zeros.
pub(super) fn position(name: &str) -> Option<usize> {
    let digits = name.bytes().all(|byte| byte.is_ascii_digit());
    let plain = name == "0" || !name.starts_with('0');
    if digits && plain { name.parse().ok() } else { None }
}
