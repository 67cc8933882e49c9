//! What a change makes of a document: MongoDB's update operators, reduced to ours.

use bson::{Bson, Document};
use jobs::ports::PortError;

use super::guard::{position, split};
use super::key;
use crate::adapters::documents::{Change, Edit};

/// An index that is further than this beyond the end of an array is an error, not a gap: so many
/// nulls MongoDB fills in (`kMaxPaddingAllowed` in `src/mongo/db/update/path_support.h`).
const LONGEST_GAP: usize = 1_500_000;

/// Changes `document`; when it refuses, the document is half changed and to be thrown away.
pub fn apply(change: &Change, document: &mut Document) -> Result<(), PortError> {
    change.check()?;
    let mut edits: Vec<_> = change.0.iter().collect();
    // MongoDB adds new fields in the order of their names, not in that of the command.
    edits.sort_by_cached_key(|(path, _)| path.split('.').map(place).collect::<Vec<_>>());
    edits.into_iter().try_for_each(|(path, edit)| into_document(document, path, path, edit))
}

/// Positions sort by value.
fn place(name: &str) -> (Option<usize>, String) {
    (position(name), name.to_owned())
}

fn into_document(
    document: &mut Document,
    path: &str,
    whole: &str,
    edit: &Edit,
) -> Result<(), PortError> {
    let (name, rest) = split(path);
    if matches!(edit, Edit::Unset) {
        match rest {
            None => drop(document.remove(name)),
            Some(rest) => unset_below(document.get_mut(name), rest),
        }
        return Ok(());
    }
    match document.get_mut(name) {
        Some(value) => into_value(value, rest, whole, edit),
        None => {
            let value = fresh(rest, whole, edit)?;
            document.insert(name, value);
            Ok(())
        }
    }
}

fn into_value(
    value: &mut Bson,
    rest: Option<&str>,
    whole: &str,
    edit: &Edit,
) -> Result<(), PortError> {
    let Some(rest) = rest else {
        return edit_value(value, whole, edit);
    };
    match value {
        Bson::Document(inner) => into_document(inner, rest, whole, edit),
        Bson::Array(items) => into_array(items, rest, whole, edit),
        _ => Err(not_viable(whole)),
    }
}

fn into_array(
    items: &mut Vec<Bson>,
    path: &str,
    whole: &str,
    edit: &Edit,
) -> Result<(), PortError> {
    let (name, rest) = split(path);
    let at = position(name).ok_or_else(|| not_viable(whole))?;
    if let Some(item) = items.get_mut(at) {
        return into_value(item, rest, whole, edit);
    }
    if at - items.len() > LONGEST_GAP {
        return Err(not_viable(whole));
    }
    let value = fresh(rest, whole, edit)?;
    items.resize(at, Bson::Null);
    items.push(value);
    Ok(())
}

/// Removes what lies below; where the path does not lead anywhere there is nothing to remove.
fn unset_below(value: Option<&mut Bson>, path: &str) {
    let (name, rest) = split(path);
    match (value, rest) {
        (Some(Bson::Document(inner)), None) => drop(inner.remove(name)),
        (Some(Bson::Document(inner)), Some(rest)) => unset_below(inner.get_mut(name), rest),
        (Some(Bson::Array(items)), rest) => {
            let item = position(name).and_then(|at| items.get_mut(at));
            match (item, rest) {
                // The other elements keep their places.
                (Some(item), None) => *item = Bson::Null,
                (item, Some(rest)) => unset_below(item, rest),
                (None, None) => {}
            }
        }
        _ => {}
    }
}

/// The value of a field that was missing, with the parents that were missing too.
fn fresh(rest: Option<&str>, whole: &str, edit: &Edit) -> Result<Bson, PortError> {
    if let Some(rest) = rest {
        let mut parent = Document::new();
        into_document(&mut parent, rest, whole, edit)?;
        return Ok(Bson::Document(parent));
    }
    Ok(match edit {
        Edit::Set(value) | Edit::Max(value) => value.clone(),
        Edit::Inc(by) => Bson::Int64(*by),
        Edit::Push(value, keep) => {
            let mut items = vec![value.clone()];
            keep_last(&mut items, *keep);
            Bson::Array(items)
        }
        Edit::AddToSet(value) => Bson::Array(vec![value.clone()]),
        Edit::Unset => Bson::Null,
    })
}

fn edit_value(value: &mut Bson, path: &str, edit: &Edit) -> Result<(), PortError> {
    match edit {
        Edit::Set(new) => *value = new.clone(),
        Edit::Unset => *value = Bson::Null,
        Edit::Inc(by) => *value = sum(value, *by, path)?,
        Edit::Push(new, keep) => {
            let items = array(value, path)?;
            items.push(new.clone());
            keep_last(items, *keep);
        }
        Edit::AddToSet(new) => {
            let items = array(value, path)?;
            if !items.iter().any(|item| key::compare(item, new).is_eq()) {
                items.push(new.clone());
            }
        }
        Edit::Max(new) => {
            if key::compare(new, value).is_gt() {
                *value = new.clone();
            }
        }
    }
    Ok(())
}

fn sum(value: &Bson, by: i64, path: &str) -> Result<Bson, PortError> {
    let sum = match value {
        Bson::Int32(number) => i64::from(*number).checked_add(by).map(Bson::Int64),
        Bson::Int64(number) => number.checked_add(by).map(Bson::Int64),
        // As MongoDB does: beyond 2^53 the sum is rounded.
        #[expect(clippy::cast_precision_loss, reason = "a double is what the field holds")]
        Bson::Double(number) => Some(Bson::Double(number + by as f64)),
        _ => return Err(refused("not_a_number", format!("field {path} is not a number"))),
    };
    sum.ok_or_else(|| refused("number_too_large", format!("field {path} cannot grow by {by}")))
}

fn array<'v>(value: &'v mut Bson, path: &str) -> Result<&'v mut Vec<Bson>, PortError> {
    match value {
        Bson::Array(items) => Ok(items),
        _ => Err(refused("not_an_array", format!("field {path} is not an array"))),
    }
}

fn keep_last(items: &mut Vec<Bson>, keep: Option<u32>) {
    let keep = keep.and_then(|keep| usize::try_from(keep).ok()).unwrap_or(usize::MAX);
    items.drain(..items.len().saturating_sub(keep));
}

fn not_viable(path: &str) -> PortError {
    refused("path_not_viable", format!("there is no place for {path} in the document"))
}

fn refused(code: &str, message: String) -> PortError {
    PortError::refused(code, message)
}
