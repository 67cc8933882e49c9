//! What a guard says of a document: MongoDB's rules about missing fields, arrays and types.

use bson::{Bson, DateTime, Document, bson, doc};
use iven_worker::adapters::documents::{Change, Guard, Test};

use super::{Store, THINGS, on_every_engine};

on_every_engine![
    equality_and_missing_fields,
    arrays_stand_for_their_elements,
    comparisons_stay_within_a_class,
    a_guard_holds_when_all_conditions_hold,
];

type Case = (Document, &'static str, Test, bool);

/// Each case in a document of its own.
async fn check(store: &Store, cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for (at, (mut document, path, test, expected)) in cases.into_iter().enumerate() {
        let id = Bson::String(format!("case {at}"));
        let said = format!("{document} {path} {test:?}: expected {expected}");
        document.insert("_id", id.clone());
        store.insert(&THINGS, document).await.unwrap();

        let guard = Guard::none().and(path, test);
        let change = Change::new().set("hit", true);
        let hit = store.patch(&THINGS, &id, guard, change).await.unwrap().is_some();

        if hit != expected {
            wrong.push(said);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn date(millis: i64) -> Bson {
    Bson::DateTime(DateTime::from_millis(millis))
}

async fn equality_and_missing_fields(store: Store) {
    let cases = vec![
        (doc! {"a": 1}, "a", Test::Eq(bson!(1)), true),
        (doc! {"a": 1}, "a", Test::Eq(bson!(1_i64)), true),
        (doc! {"a": 1}, "a", Test::Eq(bson!(1.0)), true),
        (doc! {"a": 1}, "a", Test::Eq(bson!("1")), false),
        (doc! {"a": {"b": 1}}, "a.b", Test::Eq(bson!(1)), true),
        (doc! {"a": {"b": 1}}, "a", Test::Eq(bson!({"b": 1})), true),
        (doc! {"a": {"b": 1, "c": 2}}, "a", Test::Eq(bson!({"c": 2, "b": 1})), false),
        (doc! {}, "a", Test::Eq(Bson::Null), true),
        (doc! {"a": null}, "a", Test::Eq(Bson::Null), true),
        (doc! {"a": 0}, "a", Test::Eq(Bson::Null), false),
        (doc! {"a": 5}, "a.b", Test::Eq(Bson::Null), true),
        (doc! {"a": {}}, "a.b", Test::Eq(Bson::Null), true),
        (doc! {}, "a", Test::Ne(bson!(1)), true),
        (doc! {"a": 2}, "a", Test::Ne(bson!(1)), true),
        (doc! {"a": 1}, "a", Test::Ne(bson!(1)), false),
        (doc! {}, "a", Test::Ne(Bson::Null), false),
        (doc! {"a": null}, "a", Test::Ne(Bson::Null), false),
        (doc! {"a": 1}, "a", Test::Ne(Bson::Null), true),
        (doc! {"a": 1}, "a", Test::In(vec![bson!(2), bson!(1)]), true),
        (doc! {"a": 3}, "a", Test::In(vec![bson!(2), bson!(1)]), false),
        (doc! {}, "a", Test::In(vec![bson!(2), Bson::Null]), true),
        (doc! {"a": 3}, "a", Test::In(vec![]), false),
        (doc! {"a": null}, "a", Test::Exists(true), true),
        (doc! {"a": []}, "a", Test::Exists(true), true),
        (doc! {}, "a", Test::Exists(true), false),
        (doc! {}, "a", Test::Exists(false), true),
        (doc! {"a": {"b": 1}}, "a.c", Test::Exists(false), true),
        (doc! {"a": {"b": 1}}, "a.b", Test::Exists(false), false),
    ];

    check(&store, cases).await;
}

async fn arrays_stand_for_their_elements(store: Store) {
    let cases = vec![
        (doc! {"a": [1, 2]}, "a", Test::Eq(bson!(2)), true),
        (doc! {"a": [1, 2]}, "a", Test::Eq(bson!([1, 2])), true),
        (doc! {"a": [1, 2]}, "a", Test::Eq(bson!([2, 1])), false),
        (doc! {"a": [[1, 2]]}, "a", Test::Eq(bson!([1, 2])), true),
        (doc! {"a": [1, 2]}, "a", Test::Ne(bson!(2)), false),
        (doc! {"a": [1, 2]}, "a", Test::Ne(bson!(3)), true),
        (doc! {"a": [1, 9]}, "a", Test::Gt(bson!(5)), true),
        (doc! {"a": [1, 2]}, "a", Test::Gt(bson!(5)), false),
        (doc! {"a": []}, "a", Test::Eq(Bson::Null), false),
        (doc! {"a": [null]}, "a", Test::Eq(Bson::Null), true),
        (doc! {"a": [1, 2]}, "a", Test::In(vec![bson!(7), bson!(2)]), true),
        (doc! {"a": [{"b": 1}, {"b": 2}]}, "a.b", Test::Eq(bson!(2)), true),
        (doc! {"a": [{"b": 1}, {"b": 2}]}, "a.b", Test::Eq(bson!(3)), false),
        (doc! {"a": [{"b": 1}, {"c": 2}]}, "a.b", Test::Eq(Bson::Null), true),
        (doc! {"a": [{"b": 1}, {"b": 2}]}, "a.b", Test::Eq(Bson::Null), false),
        (doc! {"a": [{"b": [1, 2]}]}, "a.b", Test::Eq(bson!(2)), true),
        (doc! {"a": [{"b": 1}, {"c": 2}]}, "a.b", Test::Exists(true), true),
        (doc! {"a": [{"c": 2}]}, "a.b", Test::Exists(true), false),
        (doc! {"a": [{"c": 2}]}, "a.b", Test::Exists(false), true),
        (doc! {"a": [5, 6]}, "a.1", Test::Eq(bson!(6)), true),
        (doc! {"a": [5, 6]}, "a.0", Test::Eq(bson!(6)), false),
        (doc! {"a": [5, 6]}, "a.2", Test::Exists(false), true),
        (doc! {"a": [5, 6]}, "a.1", Test::Exists(true), true),
        (doc! {"a": [{"b": 1}, {"b": 2}]}, "a.0.b", Test::Eq(bson!(1)), true),
        (doc! {"a": [{"b": 1}, {"b": 2}]}, "a.0.b", Test::Eq(bson!(2)), false),
        (doc! {"a": [{"b": 1}, {"b": 2}]}, "a.1.b", Test::Ne(bson!(1)), true),
        (doc! {"a": [{"b": true}]}, "a.0.b", Test::Exists(true), true),
        (doc! {"a": [{"b": true}]}, "a.0.c", Test::Exists(false), true),
        (doc! {"a": {"0": 7}}, "a.0", Test::Eq(bson!(7)), true),
    ];

    check(&store, cases).await;
}

async fn comparisons_stay_within_a_class(store: Store) {
    let cases = vec![
        (doc! {"a": 5}, "a", Test::Lt(bson!(6)), true),
        (doc! {"a": 5}, "a", Test::Lt(bson!(5.0)), false),
        (doc! {"a": 5}, "a", Test::Lte(bson!(5.0)), true),
        (doc! {"a": 5_i64}, "a", Test::Gt(bson!(4.5)), true),
        (doc! {"a": 5}, "a", Test::Gte(bson!(5_i64)), true),
        (doc! {"a": "5"}, "a", Test::Lt(bson!(6)), false),
        (doc! {"a": "b"}, "a", Test::Gt(bson!("a")), true),
        (doc! {"a": true}, "a", Test::Gt(bson!(0)), false),
        (doc! {}, "a", Test::Lt(bson!(6)), false),
        (doc! {"a": null}, "a", Test::Lt(bson!(6)), false),
        (doc! {}, "a", Test::Lte(Bson::Null), true),
        (doc! {}, "a", Test::Lt(Bson::Null), false),
        (doc! {"a": date(5)}, "a", Test::Lt(date(6)), true),
        (doc! {"a": date(5)}, "a", Test::Gte(date(6)), false),
        (doc! {"a": date(-5)}, "a", Test::Lt(date(0)), true),
        (doc! {"a": 5}, "a", Test::Lt(date(6)), false),
        (doc! {"a": i64::MAX}, "a", Test::Lt(bson!(9_223_372_036_854_775_808.0)), true),
        (doc! {"a": f64::NAN}, "a", Test::Lt(bson!(1)), false),
        (doc! {"a": f64::NAN}, "a", Test::Eq(bson!(f64::NAN)), true),
    ];

    check(&store, cases).await;
}

async fn a_guard_holds_when_all_conditions_hold(store: Store) {
    store.insert(&THINGS, doc! {"_id": "a", "n": 5, "kind": "x"}).await.unwrap();
    let between = Guard::none().and("n", Test::Gt(bson!(1))).and("n", Test::Lt(bson!(9)));
    let change = || Change::new().set("hit", true);
    let id = Bson::from("a");

    let both = between.clone().eq("kind", "x");
    assert!(store.patch(&THINGS, &id, both, change()).await.unwrap().is_some());

    let one = between.eq("kind", "y");
    assert!(store.patch(&THINGS, &id, one, change()).await.unwrap().is_none());
}
