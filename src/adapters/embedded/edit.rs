//! A change, made ready once for all the documents that it is for.
//!
//! Most changes set or remove fields of the first level. These are applied to the stored bytes, of
//! which all else is copied as it is; any other change takes the whole document apart (`change`).

use std::ops::Range;

use bson::{Bson, Document, RawBson, RawBsonRef, RawDocumentBuf, raw::CStr, spec::ElementType};
use jobs::ports::PortError;
use smallvec::SmallVec;

use super::change;
use crate::adapters::documents::{Change, Edit, fields::Fields};

/// By so many bytes a document seldom grows.
const ROOM: usize = 256;

/// A change that is ready.
pub struct Ready<'c> {
    change: &'c Change,
    /// By name, as MongoDB adds new fields; `None` if the change goes deeper.
    plain: Option<Plain<'c>>,
}

/// Edits of fields of the first level.
struct Plain<'c> {
    edits: SmallVec<[(&'c [u8], What); 16]>,
    /// Fields as they are to be written: type, name and value.
    elements: Vec<u8>,
}

/// What becomes of a field.
enum What {
    /// It is written as it stands here in the elements.
    Is(Range<usize>),
    Gone,
    Grows(i64),
}

impl<'c> Ready<'c> {
    /// Refuses a change that no store can apply.
    pub fn new(change: &'c Change) -> Result<Self, PortError> {
        change.check()?;
        Ok(Self { change, plain: Plain::of(change) })
    }

    /// The bytes of the document after the change.
    pub fn apply(&self, bytes: &[u8], fields: &Fields<'_>) -> Result<Vec<u8>, PortError> {
        let plain = self.plain.as_ref();
        if let Some(after) = plain.and_then(|plain| plain.copied(bytes.len(), fields)) {
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

impl<'c> Plain<'c> {
    /// The edits, if all are of the first level and of the simple kinds. Positions (names that are
    /// numbers) sort otherwise and are left to `change`.
    fn of(change: &'c Change) -> Option<Self> {
        let mut elements = Vec::with_capacity(ROOM);
        let mut edits = SmallVec::new();
        for (path, edit) in &change.0 {
            if path.contains('.') || path.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let what = match edit {
                Edit::Set(value) => {
                    let start = elements.len();
                    element(&mut elements, path, value)?;
                    What::Is(start..elements.len())
                }
                Edit::Unset => What::Gone,
                Edit::Inc(by) => What::Grows(*by),
                Edit::Push(..) | Edit::AddToSet(_) | Edit::Max(_) => return None,
            };
            edits.push((path.as_bytes(), what));
        }
        edits.sort_by_key(|(name, _)| *name);
        Some(Self { edits, elements })
    }

    /// The document after the edits, which was so long before, or `None` where a number is asked
    /// to grow that is none of ours.
    fn copied(&self, length: usize, fields: &Fields<'_>) -> Option<Vec<u8>> {
        let mut after = Vec::with_capacity(length + ROOM);
        after.extend([0; 4]);
        let mut is_made = SmallVec::<[bool; 16]>::from_elem(false, self.edits.len());
        for field in fields.iter() {
            match self.edits.binary_search_by_key(&field.name, |(name, _)| *name) {
                Err(_) => after.extend_from_slice(field.element),
                Ok(at) => {
                    *is_made.get_mut(at)? = true;
                    match &self.edits.get(at)?.1 {
                        What::Is(place) => {
                            after.extend_from_slice(self.elements.get(place.clone())?)
                        }
                        What::Gone => {}
                        What::Grows(by) => {
                            number(&mut after, field.name, grown(field.plain()?, *by)?);
                        }
                    }
                }
            }
        }
        for ((name, what), _) in self.edits.iter().zip(is_made).filter(|(_, is_made)| !is_made) {
            match what {
                What::Is(place) => after.extend_from_slice(self.elements.get(place.clone())?),
                What::Gone => {}
                What::Grows(by) => number(&mut after, name, *by),
            }
        }
        after.push(0);
        let length = i32::try_from(after.len()).ok()?.to_le_bytes();
        after.get_mut(..4)?.copy_from_slice(&length);
        Some(after)
    }
}

/// Adds the bytes of one field, if there are such.
fn element(to: &mut Vec<u8>, name: &str, value: &Bson) -> Option<()> {
    if name.contains('\0') {
        return None;
    }
    let (kind, value): (ElementType, &[u8]) = match value {
        Bson::DateTime(at) => (ElementType::DateTime, &at.timestamp_millis().to_le_bytes()),
        Bson::ObjectId(id) => (ElementType::ObjectId, &id.bytes()),
        Bson::Int64(number) => (ElementType::Int64, &number.to_le_bytes()),
        Bson::Boolean(flag) => (ElementType::Boolean, &[u8::from(*flag)]),
        Bson::String(text) => return string(to, name, text),
        value => return nested(to, name, value),
    };
    head(to, kind, name.as_bytes());
    to.extend_from_slice(value);
    Some(())
}

fn string(to: &mut Vec<u8>, name: &str, text: &str) -> Option<()> {
    let length = i32::try_from(text.len().checked_add(1)?).ok()?;
    head(to, ElementType::String, name.as_bytes());
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(text.as_bytes());
    to.push(0);
    Some(())
}

/// The same for a value that is not as long as its type says.
fn nested(to: &mut Vec<u8>, name: &str, value: &Bson) -> Option<()> {
    let mut alone = RawDocumentBuf::new();
    alone.append(<&CStr>::try_from(name).ok()?, RawBson::try_from(value.clone()).ok()?);
    let bytes = alone.as_bytes();
    // Between the document's length and its end.
    to.extend_from_slice(bytes.get(4..bytes.len().checked_sub(1)?)?);
    Some(())
}

fn grown(value: RawBsonRef<'_>, by: i64) -> Option<i64> {
    match value {
        RawBsonRef::Int32(number) => i64::from(number).checked_add(by),
        RawBsonRef::Int64(number) => number.checked_add(by),
        _ => None,
    }
}

fn number(to: &mut Vec<u8>, name: &[u8], value: i64) {
    head(to, ElementType::Int64, name);
    to.extend_from_slice(&value.to_le_bytes());
}

/// What stands before a value.
fn head(to: &mut Vec<u8>, kind: ElementType, name: &[u8]) {
    to.push(kind as u8);
    to.extend_from_slice(name);
    to.push(0);
}
