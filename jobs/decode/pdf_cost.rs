//! What the objects of a PDF take once they are parsed: in advance by their tokens, and afterwards.
//!
//! A table may point anywhere, so that every place where an object may begin counts, in streams
//! too, each with all that is read from there.

use lopdf::{Dictionary, Object, Stream};

/// What an object takes, with the name or the short text that it may hold.
const OBJECT: u64 = size_of::<Object>() as u64 + 40;
/// A list or a dictionary has room for four entries from the start: `[]` is the worst.
const LIST: u64 = 4 * OBJECT;

/// At most what all objects of a file take, each read once; counts no further than `most`.
pub(crate) fn of_file(bytes: &[u8], most: u64) -> u64 {
    let mut cost = 0u64;
    for word in [&b"obj"[..], b"trailer"] {
        let mut rest = bytes;
        while let Some(at) = rest.windows(word.len()).position(|found| found == word) {
            let is_end = rest.get(..at).is_some_and(|before| before.ends_with(b"end"));
            rest = rest.get(at + word.len()..).unwrap_or_default();
            if !is_end {
                cost = cost.saturating_add(of_text(rest, most));
            }
            if cost > most {
                return cost;
            }
        }
    }
    cost
}

/// At most what the objects of a directory (`/ObjStm`) take, which may lie over each other; counts
/// no further than `most`. `inflated` bytes are read of it.
pub(crate) fn of_directory(stream: &Stream, inflated: usize, most: u64) -> u64 {
    let number = |key| stream.dict.get(key).and_then(Object::as_i64).unwrap_or(0);
    let Ok(content) = stream.get_plain_content_with_limit(inflated) else { return 0 };
    let start = usize::try_from(number(b"First")).unwrap_or(usize::MAX);
    let index = content.get(..start).and_then(|index| std::str::from_utf8(index).ok());
    let lines = index.unwrap_or_default().split(['\r', '\n']);
    let numbers =
        lines.flat_map(|line| line.split('%').next().unwrap_or_default().split_whitespace());
    let mut cost = content.len() as u64;
    // A number, then its place, and so on.
    for place in numbers.skip(1).step_by(2).filter_map(|digits| digits.parse::<usize>().ok()) {
        let text = place.checked_add(start).and_then(|at| content.get(at..));
        cost = cost.saturating_add(of_text(text.unwrap_or_default(), most));
        if cost > most {
            break;
        }
    }
    cost
}

/// At most what the object at the start of `text` takes, or what is parsed of it until its fault.
fn of_text(text: &[u8], most: u64) -> u64 {
    let (mut cost, mut depth) = (0u64, 0u64);
    let mut rest = text;
    while let Some(&first) = rest.first().filter(|_| cost <= most) {
        let regular = || 1 + run(rest.get(1..), |byte| !b" \t\n\r\0\x0C()<>[]{}/%".contains(&byte));
        let (length, price) = match first {
            b' ' | b'\t' | b'\n' | b'\r' | 0 | 0x0C => (1, 0),
            b'%' => (1 + run(rest.get(1..), |byte| !b"\r\n".contains(&byte)), 0),
            b'[' => (1, LIST),
            b']' => (1, 0),
            b'<' if rest.starts_with(b"<<") => (2, LIST),
            b'>' if rest.starts_with(b">>") => (2, 0),
            b'<' => (2 + run(rest.get(1..), |byte| byte != b'>'), OBJECT),
            b'(' => (string(rest), OBJECT),
            b'/' => (regular(), OBJECT),
            b'+' | b'-' | b'.' | b'0'..=b'9' => {
                let length =
                    run(Some(rest), |byte| matches!(byte, b'+' | b'-' | b'.' | b'0'..=b'9'));
                // `+1+1.1.1` are four numbers without anything between them.
                let digits = rest.get(..length).unwrap_or_default();
                let marks = digits.iter().filter(|byte| !byte.is_ascii_digit()).count();
                (length, OBJECT * marks.max(1) as u64)
            }
            // Two numbers before it become one reference.
            b'R' => {
                cost = cost.saturating_sub(OBJECT);
                (1, 0)
            }
            _ => match [&b"null"[..], b"true", b"false"].iter().find(|it| rest.starts_with(it)) {
                Some(word) => (word.len(), OBJECT),
                None => break,
            },
        };
        match first {
            b'[' => depth += 1,
            b'<' if rest.starts_with(b"<<") => depth += 1,
            b']' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        // The bytes themselves are copied, and stepping over them takes time.
        cost = cost.saturating_add(price).saturating_add(length as u64);
        rest = rest.get(length..).unwrap_or_default();
        if depth == 0 && (price > 0 || matches!(first, b']' | b'>')) {
            break;
        }
    }
    cost
}

/// How many bytes at the start are `wanted`.
fn run(bytes: Option<&[u8]>, wanted: impl Fn(u8) -> bool) -> usize {
    bytes.unwrap_or_default().iter().take_while(|&&byte| wanted(byte)).count()
}

/// The length of a text in parentheses, which may hold others.
fn string(text: &[u8]) -> usize {
    let (mut depth, mut escaped) = (0u64, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' if depth == 1 => return at + 1,
            b')' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// What a parsed object takes.
pub(crate) fn of_object(object: &Object) -> u64 {
    let inside = match object {
        Object::Name(bytes) | Object::String(bytes, _) => bytes.len() as u64,
        Object::Array(items) => {
            let spare = items.capacity().saturating_sub(items.len()) as u64;
            spare * OBJECT + items.iter().map(of_object).sum::<u64>()
        }
        Object::Dictionary(dictionary) => of_dictionary(dictionary),
        Object::Stream(stream) => of_dictionary(&stream.dict) + stream.content.len() as u64,
        _ => 0,
    };
    OBJECT + inside
}

fn of_dictionary(dictionary: &Dictionary) -> u64 {
    let entry = |(key, value): (&Vec<u8>, &Object)| OBJECT + key.len() as u64 + of_object(value);
    2 * OBJECT + dictionary.iter().map(entry).sum::<u64>()
}
