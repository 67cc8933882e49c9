//! The port's words in MongoDB's: filters, updates, sort orders.

use bson::{Bson, Document, doc};

use crate::adapters::documents::{
    Change, Edge, Edit, Guard, Index, IndexOption, Only, Order, Query, Test,
};

/// The filter of a guard alone.
pub(super) fn guarded(guard: &Guard) -> Document {
    all(guard.0.iter().map(|(path, test)| condition(path, test)))
}

/// The document with this `_id`, if it fulfils `guard`.
pub(super) fn one(id: &Bson, guard: &Guard) -> Document {
    // By operator: an id is a value, even if it is a document with dollars in it.
    with_id(doc! { "$eq": id.clone() }, guard)
}

/// Those of these documents that fulfil `guard`.
pub(super) fn some(ids: &[Bson], guard: &Guard) -> Document {
    with_id(doc! { "$in": ids.to_vec() }, guard)
}

fn with_id(id: Document, guard: &Guard) -> Document {
    let mut filter = doc! { "_id": id };
    filter.extend(guarded(guard));
    filter
}

/// One path may stand in several conditions, so each is a document of its own.
fn all(conditions: impl Iterator<Item = Document>) -> Document {
    let conditions: Vec<Document> = conditions.collect();
    if conditions.is_empty() {
        Document::new()
    } else {
        doc! { "$and": conditions }
    }
}

fn condition(path: &str, test: &Test) -> Document {
    let test = match test {
        Test::Eq(value) => doc! { "$eq": value.clone() },
        Test::Ne(value) => doc! { "$ne": value.clone() },
        Test::In(values) => doc! { "$in": values.clone() },
        Test::Lt(value) => doc! { "$lt": value.clone() },
        Test::Lte(value) => doc! { "$lte": value.clone() },
        Test::Gt(value) => doc! { "$gt": value.clone() },
        Test::Gte(value) => doc! { "$gte": value.clone() },
        Test::Exists(there) => doc! { "$exists": *there },
    };
    doc! { path: test }
}

/// The update of a change that is not empty.
pub(super) fn update(change: &Change) -> Document {
    let mut update = Document::new();
    for (path, edit) in &change.0 {
        let (operator, value) = operation(edit);
        let fields = update.entry(operator).or_insert_with(|| Bson::Document(Document::new()));
        if let Bson::Document(fields) = fields {
            fields.insert(path.as_ref(), value);
        }
    }
    update
}

fn operation(edit: &Edit) -> (&'static str, Bson) {
    match edit {
        Edit::Set(value) => ("$set", value.clone()),
        Edit::Unset => ("$unset", Bson::from("")),
        Edit::Inc(by) => ("$inc", Bson::Int64(*by)),
        // By `$each`: the value is a value, even if it is a document with dollars in it.
        Edit::Push(value, None) => ("$push", Bson::from(doc! { "$each": [value.clone()] })),
        Edit::Push(value, Some(keep)) => {
            let slice = -i64::from(*keep);
            ("$push", Bson::from(doc! { "$each": [value.clone()], "$slice": slice }))
        }
        Edit::AddToSet(value) => ("$addToSet", Bson::from(doc! { "$each": [value.clone()] })),
        Edit::Max(value) => ("$max", value.clone()),
    }
}

/// The filter of a walk along `index`. It repeats the index's own conditions: without them the
/// server cannot know that a partial index holds all that is asked for.
pub(super) fn walked(index: &Index, query: &Query) -> Document {
    let own = index.only.iter().map(|(path, only)| doc! { *path: condition_of(*only) });
    let paths = index.keys.iter().map(|(path, _)| *path);
    let prefix = paths.clone().zip(&query.prefix);
    let prefix = prefix.map(|(path, value)| condition(path, &Test::Eq(value.clone())));
    let from = match &query.from {
        Edge::Open => None,
        Edge::Including(value) => Some(Test::Gte(value.clone())),
        Edge::Excluding(value) => Some(Test::Gt(value.clone())),
    };
    let to = match &query.to {
        Edge::Open => None,
        Edge::Including(value) => Some(Test::Lte(value.clone())),
        Edge::Excluding(value) => Some(Test::Lt(value.clone())),
    };
    let next = paths.clone().nth(query.prefix.len()).unwrap_or("_id");
    let ends = [from, to].into_iter().flatten().map(|test| condition(next, &test));
    let guard = query.guard.0.iter().map(|(path, test)| condition(path, test));
    all(prefix.chain(ends).chain(own).chain(guard))
}

/// The order of a walk: the keys that the prefix leaves open. A key that equals one value orders
/// nothing, and MongoDB would sort an array in it by another of its elements.
pub(super) fn sorted(index: &Index, query: &Query) -> Document {
    let open = index.keys.iter().skip(query.prefix.len());
    let one = |order: Order| if (order == Order::Asc) == query.reverse { -1 } else { 1 };
    open.map(|(path, order)| ((*path).to_owned(), Bson::Int32(one(*order)))).collect()
}

/// The keys of an index, as `createIndexes` wants them.
pub(super) fn keys(index: &Index) -> Document {
    let kind = |order: Order| match (index.option, order) {
        (IndexOption::Text(_), _) => Bson::from("text"),
        (IndexOption::Sphere, _) => Bson::from("2dsphere"),
        (_, Order::Asc) => Bson::Int32(1),
        (_, Order::Desc) => Bson::Int32(-1),
    };
    index.keys.iter().map(|(path, order)| ((*path).to_owned(), kind(*order))).collect()
}

/// The condition of a partial index, if it has one.
pub(super) fn partial(index: &Index) -> Option<Document> {
    let conditions = index.only.iter();
    let filter: Document = conditions
        .map(|(path, only)| ((*path).to_owned(), Bson::from(condition_of(*only))))
        .collect();
    (!filter.is_empty()).then_some(filter)
}

fn condition_of(only: Only) -> Document {
    match only {
        Only::Exists => doc! { "$exists": true },
        Only::Is(text) => doc! { "$eq": text },
    }
}
