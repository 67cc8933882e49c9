//! What has to be written so that one document becomes another: only the fields that differ, so
//! that what other services write at the same time stays.

use bson::{Bson, Document};

use crate::adapters::documents::Change;

/// The change that makes `after` of `before`; arrays are written whole.
pub fn diff(before: &Document, after: &Document) -> Change {
    let mut change = Change::new();
    walk("", before, after, &mut change);
    change
}

fn walk(parent: &str, before: &Document, after: &Document, change: &mut Change) {
    for (name, value) in after {
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        match (before.get(name), value) {
            (Some(old), new) if old == new => {}
            (Some(Bson::Document(old)), Bson::Document(new)) => walk(&path, old, new, change),
            (_, new) => *change = std::mem::take(change).set(path, new.clone()),
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(name.as_str())) {
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        *change = std::mem::take(change).unset(path);
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[test]
    fn only_what_differs_is_written() {
        let before = doc! { "a": 1, "b": { "c": 2, "d": 3 }, "e": [1, 2], "gone": true };
        let after = doc! { "a": 1, "b": { "c": 9, "d": 3 }, "e": [1, 2, 3], "new": "x" };

        let change = diff(&before, &after);

        let expected = Change::new()
            .set("b.c", 9)
            .set("e", vec![Bson::Int32(1), Bson::Int32(2), Bson::Int32(3)])
            .set("new", "x")
            .unset("gone");
        assert_eq!(change, expected);
    }
}
