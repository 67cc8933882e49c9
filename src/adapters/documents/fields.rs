//! A stored document, opened at its first level and nowhere else: most calls look at few fields,
//! and taking a whole document apart costs more than all the rest of a small write.

use bson::{DateTime, RawBsonRef, RawDocument, oid::ObjectId, spec::ElementType};
use smallvec::SmallVec;

/// Where the first element of a document's bytes begins: behind its length.
const FIRST: usize = 4;
/// Most documents have fewer fields. Their places take 768 bytes: glibc hands out what is smaller
/// than 1,032 much faster.
const USUAL: usize = 24;

/// The fields of a document, in order.
pub struct Fields<'d> {
    document: &'d RawDocument,
    /// In the order of the fields.
    tags: SmallVec<[u64; USUAL]>,
    all: Vec<Field<'d>>,
}

/// One field; its value is looked at only when it is asked for.
pub struct Field<'d> {
    /// The bytes of its name.
    pub name: &'d [u8],
    /// Type, name and value as they lie in the document's bytes.
    pub element: &'d [u8],
}

impl<'d> Fields<'d> {
    /// The fields of the document with these bytes, or in what they are no document.
    pub fn of(bytes: &'d [u8]) -> Result<Self, &'static str> {
        let document = RawDocument::from_bytes(bytes).map_err(|_| "its length is wrong")?;
        let (mut tags, mut all) = (SmallVec::new(), Vec::with_capacity(USUAL));
        let (mut at, end) = (FIRST, bytes.len().saturating_sub(1));
        while at < end {
            let field = field(bytes, at)?;
            at += field.element.len();
            tags.push(tag(field.name));
            all.push(field);
        }
        if at == end { Ok(Self { document, tags, all }) } else { Err("its last field is cut off") }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Field<'d>> {
        self.all.iter()
    }

    /// The value of the field with this name; what cannot be read is not there.
    pub fn get(&self, name: &str) -> Option<RawBsonRef<'d>> {
        let wanted = tag(name.as_bytes());
        let mut alike = self.tags.iter().zip(&self.all).filter(|(tag, _)| **tag == wanted);
        let (_, field) = alike.find(|(_, field)| field.name == name.as_bytes())?;
        field.plain().or_else(|| inner(self.document, name))
    }

    /// The text in the field with this name.
    pub fn text(&self, name: &str) -> Option<&'d str> {
        self.get(name).and_then(RawBsonRef::as_str)
    }

    /// The time in the field with this name.
    pub fn time(&self, name: &str) -> Option<DateTime> {
        self.get(name).and_then(RawBsonRef::as_datetime)
    }

    /// The id in the field with this name.
    pub fn id(&self, name: &str) -> Option<ObjectId> {
        self.get(name).and_then(RawBsonRef::as_object_id)
    }

    /// The document in the field with this name.
    pub fn document(&self, name: &str) -> Option<&'d RawDocument> {
        self.get(name).and_then(RawBsonRef::as_document)
    }

    /// The whole number in the field with this name, however it is kept.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            RawBsonRef::Int32(number) => Some(i64::from(number)),
            RawBsonRef::Int64(number) => Some(number),
            // Other services' numbers may all be of this kind.
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
            RawBsonRef::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                Some(number as i64)
            }
            _ => None,
        }
    }
}

impl<'d> Field<'d> {
    /// The value, if it is of one of the kinds that nearly all fields have.
    pub fn plain(&self) -> Option<RawBsonRef<'d>> {
        let (kind, rest) = self.element.split_first()?;
        let value = rest.get(self.name.len() + 1..)?;
        match ElementType::from(*kind)? {
            ElementType::String => {
                let text = value.get(4..value.len().checked_sub(1)?)?;
                std::str::from_utf8(text).ok().map(RawBsonRef::String)
            }
            ElementType::ObjectId => {
                Some(RawBsonRef::ObjectId(ObjectId::from_bytes(value.try_into().ok()?)))
            }
            ElementType::DateTime => {
                Some(RawBsonRef::DateTime(DateTime::from_millis(whole(value)?)))
            }
            ElementType::Int64 => Some(RawBsonRef::Int64(whole(value)?)),
            ElementType::Int32 => {
                Some(RawBsonRef::Int32(i32::from_le_bytes(value.try_into().ok()?)))
            }
            ElementType::Double => {
                Some(RawBsonRef::Double(f64::from_le_bytes(value.try_into().ok()?)))
            }
            ElementType::Boolean => Some(RawBsonRef::Boolean(*value.first()? != 0)),
            ElementType::Null => Some(RawBsonRef::Null),
            ElementType::EmbeddedDocument => {
                RawDocument::from_bytes(value).ok().map(RawBsonRef::Document)
            }
            _ => None,
        }
    }
}

/// The value of a field of a document within a document; what cannot be read is not there.
pub fn inner<'d>(document: &'d RawDocument, name: &str) -> Option<RawBsonRef<'d>> {
    document.get(name).ok().flatten()
}

fn whole(value: &[u8]) -> Option<i64> {
    Some(i64::from_le_bytes(value.try_into().ok()?))
}

/// The length and the first bytes of a name: most names differ in them.
fn tag(name: &[u8]) -> u64 {
    let mut bytes = [u8::try_from(name.len()).unwrap_or(u8::MAX); 8];
    bytes.iter_mut().skip(1).zip(name).for_each(|(to, byte)| *to = *byte);
    u64::from_le_bytes(bytes)
}

/// The field whose type stands at this place.
fn field(bytes: &[u8], at: usize) -> Result<Field<'_>, &'static str> {
    let short = "a field is cut off";
    let (kind, rest) = bytes.get(at..).and_then(<[u8]>::split_first).ok_or(short)?;
    let length = rest.iter().position(|byte| *byte == 0).ok_or("a name has no end")?;
    let (name, rest) = rest.split_at_checked(length).ok_or(short)?;
    if !name.is_ascii() && std::str::from_utf8(name).is_err() {
        return Err("a name is no text");
    }
    let rest = rest.get(1..).ok_or(short)?;
    let size = size(*kind, rest).ok_or("a value has no known size")?;
    // A byte for the type, one behind the name.
    let end = at.checked_add(1 + length + 1).and_then(|value| value.checked_add(size));
    let element = bytes.get(at..end.ok_or(short)?).ok_or(short)?;
    Ok(Field { name, element })
}

/// How many bytes a value of this type takes that begins here (<https://bsonspec.org/spec.html>).
fn size(kind: u8, bytes: &[u8]) -> Option<usize> {
    let said = || {
        let length = i32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
        usize::try_from(length).ok()
    };
    Some(match ElementType::from(kind)? {
        ElementType::Null | ElementType::Undefined | ElementType::MinKey | ElementType::MaxKey => 0,
        ElementType::Boolean => 1,
        ElementType::Int32 => 4,
        ElementType::Int64
        | ElementType::Double
        | ElementType::DateTime
        | ElementType::Timestamp => 8,
        ElementType::ObjectId => 12,
        ElementType::Decimal128 => 16,
        ElementType::String | ElementType::Symbol | ElementType::JavaScriptCode => {
            said()?.checked_add(4)?
        }
        // Length and subtype come before the bytes.
        ElementType::Binary => said()?.checked_add(5)?,
        // A text and an id.
        ElementType::DbPointer => said()?.checked_add(16)?,
        ElementType::EmbeddedDocument
        | ElementType::Array
        | ElementType::JavaScriptCodeWithScope => said()?,
        ElementType::RegularExpression => {
            let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == 0);
            ends.nth(1)?.0 + 1
        }
    })
}

#[cfg(test)]
mod tests {
    use bson::{Binary, Bson, Decimal128, Regex, Timestamp, doc, spec::BinarySubtype};

    use super::*;

    #[test]
    fn every_kind_of_value_is_found_where_it_lies() {
        let binary = Binary { subtype: BinarySubtype::Generic, bytes: vec![1, 2, 3] };
        let regex = Regex {
            pattern: "a+".to_owned().try_into().unwrap(),
            options: "i".to_owned().try_into().unwrap(),
        };
        let document = doc! {
            "double": 1.5, "text": "é", "document": { "a": [1, { "b": 2 }] }, "array": [1, "x"],
            "binary": binary, "id": ObjectId::new(), "yes": true, "time": DateTime::from_millis(7),
            "null": Bson::Null, "regex": regex, "code": Bson::JavaScriptCode("f()".into()),
            "symbol": Bson::Symbol("s".into()), "int": 3, "long": 4_i64,
            "stamp": Timestamp { time: 1, increment: 2 }, "min": Bson::MinKey, "max": Bson::MaxKey,
            "decimal": Decimal128::from_bytes([1; 16]), "undefined": Bson::Undefined, "": 1,
        };
        let bytes = document.to_vec().unwrap();

        let fields = Fields::of(&bytes).unwrap();

        assert_eq!(fields.iter().count(), document.len());
        for (name, value) in &document {
            assert_eq!(Bson::try_from(fields.get(name).unwrap()).unwrap(), *value, "{name}");
        }
        assert_eq!(fields.get("absent"), None);
        assert_eq!((fields.number("int"), fields.number("double")), (Some(3), None));
    }

    #[test]
    fn bytes_that_are_no_document_are_refused_wherever_they_end() {
        let whole = doc! { "a": "text", "b": { "c": 1 }, "d": 5_i64 }.to_vec().unwrap();
        for cut in 0..whole.len() {
            assert!(Fields::of(&whole[..cut]).is_err(), "{cut}");
            // With a length that agrees, but not with what is in it.
            let mut bytes = whole[..cut].to_vec();
            bytes.push(0);
            let length = i32::try_from(bytes.len()).unwrap().to_le_bytes();
            if let Some(place) = bytes.get_mut(..4) {
                place.copy_from_slice(&length);
            }
            drop(Fields::of(&bytes));
        }
    }
}
