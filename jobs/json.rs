//! Documents as plain JSON: ids as hex, times as RFC 3339, numbers as numbers.

use bson::{Bson, Document};
use serde_json::{Map, Value};

/// A raw document as JSON.
pub fn object(document: Document) -> Value {
    let members = document.into_iter().map(|(name, value)| (name, value_of(value)));
    Value::Object(members.collect::<Map<_, _>>())
}

/// One value.
pub fn value_of(value: Bson) -> Value {
    match value {
        Bson::Document(document) => object(document),
        Bson::Array(items) => items.into_iter().map(value_of).collect(),
        Bson::ObjectId(id) => id.to_hex().into(),
        Bson::DateTime(at) => at.try_to_rfc3339_string().map_or(Value::Null, Value::from),
        Bson::Int32(number) => number.into(),
        Bson::Int64(number) => number.into(),
        // Whole numbers without ".0", as JavaScript writes them.
        Bson::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            let whole = number as i64;
            whole.into()
        }
        Bson::Double(number) => number.into(),
        Bson::String(text) => text.into(),
        Bson::Boolean(truth) => truth.into(),
        Bson::Null | Bson::Undefined => Value::Null,
        // None of the model's fields has another type; another service's field is shown as text.
        other => other.to_string().into(),
    }
}
