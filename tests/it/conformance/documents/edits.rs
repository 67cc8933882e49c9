//! What a change makes of a document: MongoDB's update operators, reduced to the port's.

use bson::{Bson, Document, bson, doc};
use iven_worker::adapters::documents::{Change, Edit, Guard};
use jobs::ports::PortError;

use super::{Store, THINGS, on_every_engine};

on_every_engine![
    set_and_unset,
    numbers_grow,
    arrays_grow,
    max_keeps_the_larger,
    what_cannot_be_applied_is_refused_and_changes_nothing,
    several_edits_are_applied_together,
];

type Case = (Document, &'static str, Edit, Document);

async fn check(store: &Store, cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for (at, (mut document, path, edit, expected)) in cases.into_iter().enumerate() {
        let id = Bson::String(format!("case {at}"));
        let said = format!("{document} {path} {edit:?}");
        document.insert("_id", id.clone());
        store.insert(&THINGS, document).await.unwrap();

        let change = Change::new().with(path, edit);
        let after = store.patch(&THINGS, &id, Guard::none(), change).await.unwrap().unwrap();
        let stored = store.get(&THINGS, &id).await.unwrap().unwrap();

        assert_eq!(after, stored, "{said}");
        let mut plain = after;
        plain.remove("_id");
        if plain != expected {
            wrong.push(format!("{said} gave {plain}, expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn set_and_unset(store: Store) {
    let set = |value: Bson| Edit::Set(value);
    let cases = vec![
        (doc! {}, "a", set(bson!(1)), doc! {"a": 1}),
        (doc! {"a": "x"}, "a", set(bson!({"b": 1})), doc! {"a": {"b": 1}}),
        (doc! {}, "a.b.c", set(bson!(1)), doc! {"a": {"b": {"c": 1}}}),
        (doc! {"a": {"x": 1}}, "a.b", set(bson!(1)), doc! {"a": {"x": 1, "b": 1}}),
        (doc! {"a": [1, 2]}, "a.1", set(bson!(9)), doc! {"a": [1, 9]}),
        (doc! {"a": [1]}, "a.3", set(bson!(9)), doc! {"a": [1, null, null, 9]}),
        (doc! {"a": [{"b": 1}]}, "a.0.b", set(bson!(9)), doc! {"a": [{"b": 9}]}),
        (doc! {"a": []}, "a.1.b", set(bson!(9)), doc! {"a": [null, {"b": 9}]}),
        (doc! {}, "a.0", set(bson!(9)), doc! {"a": {"0": 9}}),
        (doc! {"a": 1, "b": 2}, "a", Edit::Unset, doc! {"b": 2}),
        (doc! {"b": 2}, "a", Edit::Unset, doc! {"b": 2}),
        (doc! {"a": {"b": 1, "c": 2}}, "a.b", Edit::Unset, doc! {"a": {"c": 2}}),
        (doc! {"a": {"b": {"c": 2}}}, "a.b.c", Edit::Unset, doc! {"a": {"b": {}}}),
        (doc! {"a": 5}, "a.b", Edit::Unset, doc! {"a": 5}),
        (doc! {}, "a.b", Edit::Unset, doc! {}),
        (doc! {"a": [1, 2, 3]}, "a.1", Edit::Unset, doc! {"a": [1, null, 3]}),
        (doc! {"a": [1]}, "a.4", Edit::Unset, doc! {"a": [1]}),
        (doc! {"a": [{"b": 1}]}, "a.0.b", Edit::Unset, doc! {"a": [{}]}),
        (doc! {"a": [{"b": 1}]}, "a.b", Edit::Unset, doc! {"a": [{"b": 1}]}),
    ];

    check(&store, cases).await;
}

async fn numbers_grow(store: Store) {
    let cases = vec![
        (doc! {"a": 1_i64}, "a", Edit::Inc(2), doc! {"a": 3_i64}),
        (doc! {"a": 1}, "a", Edit::Inc(2), doc! {"a": 3_i64}),
        (doc! {"a": 1.5}, "a", Edit::Inc(2), doc! {"a": 3.5}),
        (doc! {"a": 1_i64}, "a", Edit::Inc(-2), doc! {"a": -1_i64}),
        (doc! {}, "a", Edit::Inc(2), doc! {"a": 2_i64}),
        (doc! {}, "a.b", Edit::Inc(2), doc! {"a": {"b": 2_i64}}),
        (doc! {"a": [1_i64]}, "a.0", Edit::Inc(2), doc! {"a": [3_i64]}),
    ];

    check(&store, cases).await;
}

async fn arrays_grow(store: Store) {
    let push = |value: Bson, keep| Edit::Push(value, keep);
    let add = |value: Bson| Edit::AddToSet(value);
    let cases = vec![
        (doc! {}, "a", push(bson!(1), None), doc! {"a": [1]}),
        (doc! {"a": [1]}, "a", push(bson!(1), None), doc! {"a": [1, 1]}),
        (doc! {"a": [1]}, "a", push(bson!([2]), None), doc! {"a": [1, [2]]}),
        (doc! {"a": [1, 2, 3]}, "a", push(bson!(4), Some(2)), doc! {"a": [3, 4]}),
        (doc! {"a": [1]}, "a", push(bson!(2), Some(5)), doc! {"a": [1, 2]}),
        (doc! {"a": [1]}, "a", push(bson!(2), Some(0)), doc! {"a": []}),
        (doc! {}, "a.b", push(bson!(4), Some(2)), doc! {"a": {"b": [4]}}),
        (doc! {}, "a", add(bson!("x")), doc! {"a": ["x"]}),
        (doc! {"a": ["x"]}, "a", add(bson!("x")), doc! {"a": ["x"]}),
        (doc! {"a": ["x"]}, "a", add(bson!("y")), doc! {"a": ["x", "y"]}),
        (doc! {"a": [1]}, "a", add(bson!(1_i64)), doc! {"a": [1]}),
        (doc! {"a": [{"b": 1}]}, "a", add(bson!({"b": 1})), doc! {"a": [{"b": 1}]}),
        (doc! {"a": [{"b": 1}]}, "a", add(bson!({"b": 2})), doc! {"a": [{"b": 1}, {"b": 2}]}),
    ];

    check(&store, cases).await;
}

async fn max_keeps_the_larger(store: Store) {
    let max = |value: Bson| Edit::Max(value);
    let cases = vec![
        (doc! {}, "a", max(bson!(3)), doc! {"a": 3}),
        (doc! {}, "a.b", max(bson!(3)), doc! {"a": {"b": 3}}),
        (doc! {"a": 2}, "a", max(bson!(3)), doc! {"a": 3}),
        (doc! {"a": 4}, "a", max(bson!(3)), doc! {"a": 4}),
        (doc! {"a": 4.5}, "a", max(bson!(5_i64)), doc! {"a": 5_i64}),
        (doc! {"a": null}, "a", max(bson!(3)), doc! {"a": 3}),
        (doc! {"a": 9}, "a", max(bson!("x")), doc! {"a": "x"}),
        (doc! {"a": "x"}, "a", max(bson!(9)), doc! {"a": "x"}),
    ];

    check(&store, cases).await;
}

async fn what_cannot_be_applied_is_refused_and_changes_nothing(store: Store) {
    let cases = [
        (doc! {"a": "x"}, Change::new().set("z", 1).inc("a", 1)),
        (doc! {"a": null}, Change::new().set("b", 1).inc("a", 1)),
        (doc! {"a": i64::MAX}, Change::new().inc("a", 1)),
        (doc! {"a": 1}, Change::new().with("a", Edit::Push(bson!(1), None))),
        (doc! {"a": {}}, Change::new().with("a", Edit::AddToSet(bson!(1)))),
        (doc! {"a": 1}, Change::new().set("a.b", 1)),
        (doc! {"a": null}, Change::new().set("a.b", 1)),
        (doc! {"a": [1]}, Change::new().set("a.b", 1)),
        (doc! {"a": 1}, Change::new().set("a", 1).unset("a")),
        (doc! {"a": {}}, Change::new().set("a", 1).set("a.b", 1)),
        (doc! {"a": 1}, Change::new().set("_id", "other")),
        (doc! {"a": 1}, Change::new().set("a..b", 1)),
        (doc! {"a": [1]}, Change::new().set("a.$", 1)),
    ];
    for (at, (mut document, change)) in cases.into_iter().enumerate() {
        let id = Bson::String(format!("case {at}"));
        document.insert("_id", id.clone());
        store.insert(&THINGS, document).await.unwrap();
        let before = store.get(&THINGS, &id).await.unwrap();

        let said = format!("{change:?}");
        let answer = store.patch(&THINGS, &id, Guard::none(), change).await;

        assert!(matches!(answer, Err(PortError::Refused { .. })), "{said}: {answer:?}");
        assert_eq!(store.get(&THINGS, &id).await.unwrap(), before, "{said}");
    }
}

async fn several_edits_are_applied_together(store: Store) {
    store.insert(&THINGS, doc! {"_id": "a", "z": 1, "list": [1, 2]}).await.unwrap();
    let change = Change::new().inc("b.y", 1).set("b.x", 1).set("list.1", 9).unset("z");

    let id = Bson::from("a");
    let after = store.patch(&THINGS, &id, Guard::none(), change).await.unwrap().unwrap();

    assert_eq!(after, doc! {"_id": "a", "list": [1, 9], "b": {"x": 1, "y": 1_i64}});
}
