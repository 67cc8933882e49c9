//! A stored document, opened at its first level and nowhere else: most calls look at few fields,
//! and copying a whole document into values costs more than all the rest of a small write.

use std::ops::Range;

use bson::{RawBsonRef, RawDocument, error::Error};

/// Where the first element of a document's bytes begins: behind its length.
const FIRST: usize = 4;

/// The fields of a document, in order.
pub struct Fields<'d>(pub Vec<Field<'d>>);

/// One field.
pub struct Field<'d> {
    /// Its name.
    pub name: &'d str,
    /// Its value.
    pub value: RawBsonRef<'d>,
    /// Where type, name and value lie in the document's bytes.
    pub place: Range<usize>,
}

impl<'d> Fields<'d> {
    /// The fields of the document with these bytes, if they are one.
    pub fn of(bytes: &'d [u8]) -> Result<Self, Error> {
        let document = RawDocument::from_bytes(bytes)?;
        let (mut fields, mut at) = (Vec::with_capacity(32), FIRST);
        for element in document.iter_elements() {
            let element = element?;
            let name = element.key().as_str();
            // A byte for the type, one behind the name.
            let end = at + 1 + name.len() + 1 + element.size();
            fields.push(Field { name, value: element.value()?, place: at..end });
            at = end;
        }
        Ok(Self(fields))
    }

    /// The value of the field with this name.
    pub fn get(&self, name: &str) -> Option<RawBsonRef<'d>> {
        self.0.iter().find(|field| field.name == name).map(|field| field.value)
    }
}

/// The value of a field of a document within a document; what cannot be read is not there.
pub fn inner<'d>(document: &'d RawDocument, name: &str) -> Option<RawBsonRef<'d>> {
    document.get(name).ok().flatten()
}
