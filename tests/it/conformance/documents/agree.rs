//! Both engines, side by side: random documents under random guards and changes end alike.

use bson::{Bson, Document, bson, doc};
use fastrand::Rng;
use iven_worker::adapters::documents::{Change, Documents, Edit, Guard, Query, Test};
use jobs::ports::PortError;

use super::{EmbeddedHome, MongoHome, THINGS};

/// Enough to meet each test and each edit many times; some seconds on the slowest server.
const ROUNDS: usize = 400;
/// Random but the same in each run, so that a failure can be looked at.
const SEED: u64 = 20_261_123;
/// Few names, so that guards and changes often meet what is there.
const PATHS: [&str; 8] = ["a", "b", "a.b", "a.c", "b.a", "a.0", "list", "tags"];

#[tokio::test]
async fn random_patches_end_alike() {
    let (embedded, mongo) = (EmbeddedHome::new().await, MongoHome::new().await);
    let mut rng = Rng::with_seed(SEED);
    let mut wrong = Vec::new();

    for round in 0..ROUNDS {
        let id = Bson::String(format!("{round:04}"));
        let mut document = random_document(&mut rng);
        document.insert("_id", id.clone());
        let (guard, change) = (random_guard(&mut rng), random_change(&mut rng));
        let said = format!("{document}\n  {guard:?}\n  {change:?}");
        embedded.store.insert(&THINGS, document.clone()).await.unwrap();
        mongo.store.insert(&THINGS, document).await.unwrap();

        let ours = embedded.store.patch(&THINGS, &id, guard.clone(), change.clone()).await;
        let theirs = mongo.store.patch(&THINGS, &id, guard, change).await;

        if !alike(&ours, &theirs) {
            wrong.push(format!("{said}\n  embedded {ours:?}\n  mongo {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));

    for query in queries() {
        let said = format!("{query:?}");
        let ours = embedded.store.find(&THINGS, query.clone()).await.unwrap();
        let theirs = mongo.store.find(&THINGS, query).await.unwrap();
        assert_eq!(ids(&ours), ids(&theirs), "{said}");
    }
    mongo.finish().await;
}

type Answer = Result<Option<Document>, PortError>;

fn alike(ours: &Answer, theirs: &Answer) -> bool {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => ours == theirs,
        (Err(ours), Err(theirs)) => std::mem::discriminant(ours) == std::mem::discriminant(theirs),
        _ => false,
    }
}

fn ids(documents: &[Document]) -> Vec<&str> {
    let mut ids: Vec<&str> = documents.iter().map(|d| d.get_str("_id").unwrap()).collect();
    // Documents with the same key stand in any order.
    ids.sort_unstable();
    ids
}

fn queries() -> Vec<Query> {
    let all = |index| Query::over(index, 10_000);
    vec![
        all("by_tag_n"),
        all("by_tag_n").at(1),
        all("by_tag_n").at("x"),
        all("by_tag_n").up_to(1),
        all("by_tag_n").below("x"),
        all("by_kind_n"),
        all("with_mark"),
        all("by_part"),
    ]
}

fn random_document(rng: &mut Rng) -> Document {
    let mut document = doc! {};
    for name in ["a", "b", "list", "tags"] {
        if rng.u8(0..4) > 0 {
            document.insert(name, random_value(rng, 2));
        }
    }
    document
}

fn random_value(rng: &mut Rng, depth: u8) -> Bson {
    match rng.u8(0..if depth > 0 { 9 } else { 6 }) {
        0 => Bson::Null,
        1 => Bson::Int32(rng.i32(0..3)),
        2 => Bson::Int64(rng.i64(0..3)),
        3 => Bson::Double(f64::from(rng.i32(0..6)) / 2.0),
        4 => Bson::from(*rng.choice(["x", "y", ""].iter()).unwrap()),
        5 => Bson::from(rng.bool()),
        6 => Bson::from(random_fields(rng, depth)),
        _ => Bson::Array((0..rng.u8(0..3)).map(|_| random_value(rng, depth - 1)).collect()),
    }
}

fn random_fields(rng: &mut Rng, depth: u8) -> Document {
    let names = ["a", "b", "c"].into_iter().filter(|_| rng.bool()).collect::<Vec<_>>();
    names.into_iter().map(|name| (name.to_owned(), random_value(rng, depth - 1))).collect()
}

fn random_guard(rng: &mut Rng) -> Guard {
    (0..rng.u8(0..2)).fold(Guard::none(), |guard, _| {
        let (path, value) = (*rng.choice(PATHS.iter()).unwrap(), random_value(rng, 1));
        let test = match rng.u8(0..8) {
            // Whether what lies beyond the end of an array is null: there servers differ.
            _ if path == "a.0" => Test::Exists(rng.bool()),
            0 => Test::Eq(value),
            1 => Test::Ne(value),
            2 => Test::In(vec![value, bson!(1)]),
            3 => Test::Lt(value),
            4 => Test::Lte(value),
            5 => Test::Gt(value),
            6 => Test::Gte(value),
            _ => Test::Exists(rng.bool()),
        };
        guard.and(path, test)
    })
}

fn random_change(rng: &mut Rng) -> Change {
    (0..rng.u8(1..3)).fold(Change::new(), |change, _| {
        let (path, value) = (*rng.choice(PATHS.iter()).unwrap(), random_value(rng, 1));
        let edit = match rng.u8(0..8) {
            0 | 1 => Edit::Set(value),
            2 => Edit::Unset,
            3 => Edit::Inc(rng.i64(-2..3)),
            4 => Edit::Push(value, None),
            5 => Edit::Push(value, Some(rng.u32(0..3))),
            6 => Edit::AddToSet(value),
            _ => Edit::Max(value),
        };
        change.with(path, edit)
    })
}
