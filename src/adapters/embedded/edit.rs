//! A change, made ready once for all the documents that it is for.
//!
//! Most changes set or remove fields of the first level. These are applied to the stored bytes, of
//! which all else is copied as it is; any other change takes the whole document apart (`change`).

use bson::{Bson, Document, RawBson, RawBsonRef, RawDocumentBuf, raw::CStr, spec::ElementType};
use jobs::ports::PortError;

use super::change;
use crate::adapters::documents::{Change, Edit, fields::Fields};

/// A change that is ready.
pub struct Ready<'c> {
    change: &'c Change,
    /// By name, as MongoDB adds new fields; `None` if the change goes deeper.
    plain: Option<Vec<(&'c str, Plain)>>,
}

/// What becomes of a field of the first level.
enum Plain {
    /// It is written like this: type, name and value.
    Is(Vec<u8>),
    Gone,
    Grows(i64),
}

impl<'c> Ready<'c> {
    /// Refuses a change that no store can apply.
    pub fn new(change: &'c Change) -> Result<Self, PortError> {
        change.check()?;
        let plain = change.0.iter().map(|(path, edit)| Some((path.as_str(), plain(path, edit)?)));
        let mut plain: Option<Vec<_>> = plain.collect();
        if let Some(plain) = &mut plain {
            plain.sort_by_key(|(name, _)| *name);
        }
        Ok(Self { change, plain })
    }

    /// The bytes of the document after the change.
    pub fn apply(&self, bytes: &[u8], fields: &Fields<'_>) -> Result<Vec<u8>, PortError> {
        if let Some(after) = self.plain.as_deref().and_then(|plain| copied(bytes, fields, plain)) {
            return Ok(after);
        }
        let damaged = |error| PortError::refused("damaged_document", format!("{error}"));
        let mut document = Document::from_reader(bytes).map_err(damaged)?;
        change::apply(self.change, &mut document)?;
        document
            .to_vec()
            .map_err(|error| PortError::refused("bad_document", format!("not a document: {error}")))
    }
}

/// What the edit does, if it is of the first level and one of the simple ones. Positions (names
/// that are numbers) sort otherwise and are left to `change`.
fn plain(path: &str, edit: &Edit) -> Option<Plain> {
    if path.contains('.') || path.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match edit {
        Edit::Set(value) => element(path, value).map(Plain::Is),
        Edit::Unset => Some(Plain::Gone),
        Edit::Inc(by) => Some(Plain::Grows(*by)),
        Edit::Push(..) | Edit::AddToSet(_) | Edit::Max(_) => None,
    }
}

/// The bytes of one field.
fn element(name: &str, value: &Bson) -> Option<Vec<u8>> {
    let (kind, value): (ElementType, &[u8]) = match value {
        Bson::DateTime(at) => (ElementType::DateTime, &at.timestamp_millis().to_le_bytes()),
        Bson::ObjectId(id) => (ElementType::ObjectId, &id.bytes()),
        Bson::Int64(number) => (ElementType::Int64, &number.to_le_bytes()),
        Bson::Boolean(flag) => (ElementType::Boolean, &[u8::from(*flag)]),
        value => return nested(name, value),
    };
    if name.contains('\0') {
        return None;
    }
    let mut bytes = Vec::with_capacity(name.len() + value.len() + 2);
    head(&mut bytes, kind, name);
    bytes.extend(value);
    Some(bytes)
}

/// The same for a value that is not as long as its type says.
fn nested(name: &str, value: &Bson) -> Option<Vec<u8>> {
    let mut alone = RawDocumentBuf::new();
    alone.append(<&CStr>::try_from(name).ok()?, RawBson::try_from(value.clone()).ok()?);
    let bytes = alone.into_bytes();
    // Between the document's length and its end.
    bytes.get(4..bytes.len().checked_sub(1)?).map(<[u8]>::to_vec)
}

/// The document with these edits, or `None` where a number is asked to grow that is none of ours.
fn copied(bytes: &[u8], fields: &Fields<'_>, edits: &[(&str, Plain)]) -> Option<Vec<u8>> {
    let mut after = Vec::with_capacity(bytes.len() + 256);
    after.extend([0; 4]);
    let mut is_made = vec![false; edits.len()];
    for field in fields.iter() {
        match edits.binary_search_by_key(&field.name, |(name, _)| *name) {
            Err(_) => after.extend(bytes.get(field.place.clone())?),
            Ok(at) => {
                *is_made.get_mut(at)? = true;
                match &edits.get(at)?.1 {
                    Plain::Is(element) => after.extend(element),
                    Plain::Gone => {}
                    Plain::Grows(by) => number(&mut after, field.name, grown(field.plain()?, *by)?),
                }
            }
        }
    }
    for ((name, edit), _) in edits.iter().zip(is_made).filter(|(_, is_made)| !is_made) {
        match edit {
            Plain::Is(element) => after.extend(element),
            Plain::Gone => {}
            Plain::Grows(by) => number(&mut after, name, *by),
        }
    }
    after.push(0);
    let length = i32::try_from(after.len()).ok()?.to_le_bytes();
    after.get_mut(..4)?.copy_from_slice(&length);
    Some(after)
}

fn grown(value: RawBsonRef<'_>, by: i64) -> Option<i64> {
    match value {
        RawBsonRef::Int32(number) => i64::from(number).checked_add(by),
        RawBsonRef::Int64(number) => number.checked_add(by),
        _ => None,
    }
}

fn number(to: &mut Vec<u8>, name: &str, value: i64) {
    head(to, ElementType::Int64, name);
    to.extend(value.to_le_bytes());
}

/// What stands before a value.
fn head(to: &mut Vec<u8>, kind: ElementType, name: &str) {
    to.push(kind as u8);
    to.extend(name.as_bytes());
    to.push(0);
}
