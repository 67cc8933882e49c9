//! Values as bytes that sort like the values: MongoDB's order, across types and kinds of number.
//!
//! Equal values give equal bytes (`1` and `1.0`), and no value's bytes begin another's. So bytes
//! of several values in a row compare like the values, and their complement compares backwards.

use std::cmp::Ordering;

use bson::{Bson, RawBson, RawBsonRef, RawDocument, spec::ElementType};
use smallvec::SmallVec;

/// Ends a string or a list; smaller than everything that can follow in its place.
const END: u8 = 0;
/// The class of all numbers.
pub(super) const NUMBER: u8 = 10;
/// What lies in the place of "not a number": the smallest of the numbers.
const NAN: [u8; 2] = [0, 0];
/// Added to a binary exponent (-1074 for the smallest double, 1024 for infinity) to keep it
/// above zero.
const EXPONENT_BIAS: i32 = 1100;

/// Bytes of a key; nearly all keys fit without an allocation.
pub type Bytes = SmallVec<[u8; 96]>;

/// The bytes of one value.
pub fn encode(value: &Bson) -> Bytes {
    let mut bytes = Bytes::new();
    append_value(&mut bytes, value);
    bytes
}

/// The order of two values.
pub fn compare(a: &Bson, b: &Bson) -> Ordering {
    encode(a).cmp(&encode(b))
}

/// The order of a stored value and another one.
pub fn compare_stored(a: RawBsonRef<'_>, b: &Bson) -> Ordering {
    match (a, b) {
        (RawBsonRef::String(a), Bson::String(b)) => a.cmp(b.as_str()),
        (RawBsonRef::DateTime(a), Bson::DateTime(b)) => a.cmp(b),
        (RawBsonRef::Int64(a), Bson::Int64(b)) => a.cmp(b),
        (RawBsonRef::ObjectId(a), Bson::ObjectId(b)) => a.cmp(b),
        _ => {
            let mut bytes = Bytes::new();
            append(&mut bytes, a);
            bytes.cmp(&encode(b))
        }
    }
}

/// The class of a stored value; see [`class_of`].
pub fn class(value: RawBsonRef<'_>) -> u8 {
    class_of(value.element_type())
}

/// The class a value of this type is compared in: the numbers of MongoDB's `canonicalizeBSONType`
/// (`src/mongo/bson/bsontypes.h`), which are also the first byte of each encoding.
pub fn class_of(kind: ElementType) -> u8 {
    match kind {
        ElementType::MinKey => 1,
        ElementType::Undefined => 3,
        ElementType::Null => 5,
        ElementType::Int32 | ElementType::Int64 | ElementType::Double | ElementType::Decimal128 => {
            NUMBER
        }
        ElementType::String | ElementType::Symbol => 15,
        ElementType::EmbeddedDocument => 20,
        ElementType::Array => 25,
        ElementType::Binary => 30,
        ElementType::ObjectId => 35,
        ElementType::Boolean => 40,
        ElementType::DateTime => 45,
        ElementType::Timestamp => 47,
        ElementType::RegularExpression => 50,
        ElementType::DbPointer => 55,
        ElementType::JavaScriptCode => 60,
        ElementType::JavaScriptCodeWithScope => 65,
        ElementType::MaxKey => 127,
    }
}

/// Whether the value is "not a number", which no range of numbers contains.
pub fn is_nan(value: RawBsonRef<'_>) -> bool {
    matches!(value, RawBsonRef::Double(number) if number.is_nan())
}

/// The bytes of "not a number".
pub(super) fn nan() -> Bytes {
    encode(&Bson::Double(f64::NAN))
}

/// Adds the bytes of `value` to `to`.
pub fn append_value(to: &mut Bytes, value: &Bson) {
    match value {
        Bson::String(text) => append(to, RawBsonRef::String(text)),
        Bson::ObjectId(id) => append(to, RawBsonRef::ObjectId(*id)),
        Bson::DateTime(at) => append(to, RawBsonRef::DateTime(*at)),
        Bson::Int32(number) => append(to, RawBsonRef::Int32(*number)),
        Bson::Int64(number) => append(to, RawBsonRef::Int64(*number)),
        // What has no stored form, such as a name with a zero byte, equals nothing that is stored.
        other => match RawBson::try_from(other.clone()) {
            Ok(stored) => append(to, stored.as_raw_bson_ref()),
            Err(_) => append(to, RawBsonRef::Undefined),
        },
    }
}

/// Adds the bytes of a stored value to `to`.
pub fn append(to: &mut Bytes, value: RawBsonRef<'_>) {
    to.push(class(value));
    match value {
        RawBsonRef::MinKey | RawBsonRef::Undefined | RawBsonRef::Null | RawBsonRef::MaxKey => {}
        RawBsonRef::Int32(number) => integer(to, i64::from(number)),
        RawBsonRef::Int64(number) => integer(to, number),
        RawBsonRef::Double(number) => double(to, number),
        // Nothing of ours writes decimals; the nearest double is good enough to sort by.
        RawBsonRef::Decimal128(number) => {
            double(to, number.to_string().parse().unwrap_or(f64::NAN));
        }
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) | RawBsonRef::JavaScriptCode(text) => {
            string(to, text);
        }
        RawBsonRef::Document(document) => fields(to, document),
        RawBsonRef::Array(items) => {
            items.into_iter().flatten().for_each(|item| append(to, item));
            to.push(END);
        }
        RawBsonRef::Binary(binary) => {
            // The shorter one first, then the subtype: so does MongoDB.
            to.extend_from_slice(
                &u32::try_from(binary.bytes.len()).unwrap_or(u32::MAX).to_be_bytes(),
            );
            to.push(u8::from(binary.subtype));
            to.extend_from_slice(binary.bytes);
        }
        RawBsonRef::ObjectId(id) => to.extend_from_slice(&id.bytes()),
        RawBsonRef::Boolean(flag) => to.push(u8::from(flag)),
        RawBsonRef::DateTime(at) => to.extend_from_slice(&ordered(at.timestamp_millis())),
        RawBsonRef::Timestamp(at) => {
            to.extend_from_slice(&at.time.to_be_bytes());
            to.extend_from_slice(&at.increment.to_be_bytes());
        }
        RawBsonRef::RegularExpression(regex) => {
            string(to, regex.pattern.as_str());
            string(to, regex.options.as_str());
        }
        RawBsonRef::JavaScriptCodeWithScope(code) => {
            string(to, code.code);
            fields(to, code.scope);
        }
        // Deprecated since 2009 and closed in `bson`; its text form tells two apart.
        RawBsonRef::DbPointer(pointer) => string(to, &format!("{pointer:?}")),
    }
}

/// Field by field: the class of the value first, then the name, then the value.
fn fields(to: &mut Bytes, document: &RawDocument) {
    for (name, value) in document.iter().flatten() {
        to.push(class(value));
        string(to, name.as_str());
        append(to, value);
    }
    to.push(END);
}

/// The text with its zero bytes marked, then an end that is smaller than any text.
fn string(to: &mut Bytes, text: &str) {
    if text.as_bytes().contains(&END) {
        for byte in text.bytes() {
            to.push(byte);
            if byte == END {
                to.push(u8::MAX);
            }
        }
    } else {
        to.extend_from_slice(text.as_bytes());
    }
    to.extend_from_slice(&[END, 1]);
}

/// Two's complement with the sign turned round sorts as unsigned bytes.
fn ordered(number: i64) -> [u8; 8] {
    (number ^ i64::MIN).to_be_bytes()
}

fn integer(to: &mut Bytes, number: i64) {
    number_bytes(to, number < 0, number.unsigned_abs(), 0);
}

fn double(to: &mut Bytes, number: f64) {
    if number.is_nan() {
        to.extend_from_slice(&NAN);
        to.extend_from_slice(&[0; 8]);
        return;
    }
    let bits = number.to_bits();
    let (exponent, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    let negative = number.is_sign_negative();
    match i32::try_from(exponent).unwrap_or(0) {
        0 => number_bytes(to, negative, fraction, -1074),
        // Infinity: above the largest double, which has the exponent 1023.
        0x7ff => number_bytes(to, negative, 1 << 63, 1024 - 63),
        exponent => number_bytes(to, negative, fraction | (1 << 52), exponent - 1075),
    }
}

/// `magnitude * 2^shift`: sign and exponent in two bytes, then 64 bits of mantissa. Every `i64`
/// and every `f64` fits exactly, so that they compare exactly with each other.
fn number_bytes(to: &mut Bytes, negative: bool, magnitude: u64, shift: i32) {
    let zeros = magnitude.leading_zeros();
    let (head, mantissa) = if magnitude == 0 {
        (0x8000_u16, 0)
    } else {
        let exponent = 63 - zeros.cast_signed() + shift;
        let above = u16::try_from(exponent + EXPONENT_BIAS).unwrap_or(u16::MAX >> 1);
        (0x8000 | above, magnitude << zeros)
    };
    let below = negative && magnitude != 0;
    let (head, mantissa) = if below { (!head, !mantissa) } else { (head, mantissa) };
    to.extend_from_slice(&head.to_be_bytes());
    to.extend_from_slice(&mantissa.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use bson::{bson, oid::ObjectId};

    use super::*;

    #[test]
    fn bytes_sort_as_mongodb_sorts_values() {
        let big = 1_i64 << 53;
        let sorted = [
            Bson::MinKey,
            Bson::Undefined,
            Bson::Null,
            bson!(f64::NAN),
            bson!(f64::NEG_INFINITY),
            bson!(f64::MIN),
            bson!(i64::MIN),
            bson!(-2),
            bson!(-1.5),
            bson!(-1_i64),
            bson!(-f64::MIN_POSITIVE),
            bson!(0),
            bson!(f64::from_bits(1)),
            bson!(0.5),
            bson!(1),
            bson!(1.5),
            bson!(2_i64),
            bson!(big - 1),
            bson!(9_007_199_254_740_992.0),
            bson!(big + 1),
            bson!(i64::MAX),
            bson!(9_223_372_036_854_775_808.0),
            bson!(f64::MAX),
            bson!(f64::INFINITY),
            bson!(""),
            bson!("a"),
            bson!("a\0"),
            bson!("a\0b"),
            bson!("ab"),
            bson!("b"),
            bson!({}),
            bson!({"a": 1}),
            bson!({"a": 1, "b": 1}),
            bson!({"a": 2}),
            bson!({"b": 0}),
            bson!({"a": "x"}),
            bson!([]),
            bson!([1]),
            bson!([1, 2]),
            bson!([2]),
            bson!(ObjectId::from_bytes([1; 12])),
            bson!(false),
            bson!(true),
            Bson::DateTime(bson::DateTime::from_millis(-5)),
            Bson::DateTime(bson::DateTime::from_millis(5)),
            Bson::MaxKey,
        ];

        for pair in sorted.windows(2) {
            assert!(encode(&pair[0]) < encode(&pair[1]), "{} < {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn equal_numbers_have_equal_bytes() {
        assert_eq!(encode(&bson!(7)), encode(&bson!(7.0)));
        assert_eq!(encode(&bson!(7_i64)), encode(&bson!(7.0)));
        assert_eq!(encode(&bson!(0.0)), encode(&bson!(-0.0)));
        assert_eq!(compare(&bson!(7), &bson!(7_i64)), Ordering::Equal);
    }
}
