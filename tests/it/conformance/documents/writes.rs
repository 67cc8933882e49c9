//! Documents come, change and go, by one caller and by many at once.

use bson::{Bson, bson, doc};
use iven_worker::adapters::documents::{Change, Edit, Guard, Query, Test};
use jobs::ports::PortError;
use tokio::task::JoinSet;

use super::{OTHERS, Store, THINGS, ids, insert_all, on_every_engine};

on_every_engine![
    a_document_is_inserted_once,
    a_document_without_an_id_is_refused,
    collections_do_not_mix,
    get_many_leaves_out_what_is_not_there,
    a_unique_key_is_unique_among_those_that_have_it,
    a_patch_of_a_document_that_is_not_there_is_none,
    an_empty_change_reads_under_its_guard,
    patch_many_changes_those_that_fulfil_the_guard,
    delete_asks_the_guard,
    a_hundred_callers_count_to_a_hundred,
    of_two_guarded_patches_one_wins,
    migrating_again_does_nothing,
    the_store_answers,
];

async fn a_document_is_inserted_once(store: Store) {
    let document = doc! {"_id": "a", "n": 1, "deep": {"list": [1, "two", null]}};

    store.insert(&THINGS, document.clone()).await.unwrap();
    let again = store.insert(&THINGS, doc! {"_id": "a"}).await;

    assert!(matches!(again, Err(PortError::Conflict(_))), "{again:?}");
    assert_eq!(store.get(&THINGS, &Bson::from("a")).await.unwrap(), Some(document));
    assert_eq!(store.get(&THINGS, &Bson::from("b")).await.unwrap(), None);
}

async fn a_document_without_an_id_is_refused(store: Store) {
    let answer = store.insert(&THINGS, doc! {"n": 1}).await;

    assert!(matches!(answer, Err(PortError::Refused { .. })), "{answer:?}");
}

async fn collections_do_not_mix(store: Store) {
    store.insert(&THINGS, doc! {"_id": "a", "n": 1}).await.unwrap();
    store.insert(&OTHERS, doc! {"_id": "a", "n": 2}).await.unwrap();

    let others = store.find(&OTHERS, Query::over("by_n", 10)).await.unwrap();

    assert_eq!(others, [doc! {"_id": "a", "n": 2}]);
}

async fn get_many_leaves_out_what_is_not_there(store: Store) {
    insert_all(&store, [doc! {"_id": "a"}, doc! {"_id": 7}, doc! {"_id": "c"}]).await;

    let asked = [Bson::from("c"), Bson::from("x"), Bson::from(7), Bson::from("c")];
    let found = store.get_many(&THINGS, &asked).await.unwrap();
    let none = store.get_many(&THINGS, &[]).await.unwrap();

    let mut found: Vec<String> = found.iter().map(ToString::to_string).collect();
    found.sort();
    assert_eq!(found, [r#"{ "_id": "c" }"#, r#"{ "_id": 7 }"#]);
    assert!(none.is_empty());
}

async fn a_unique_key_is_unique_among_those_that_have_it(store: Store) {
    insert_all(&store, [doc! {"_id": "a", "name": "x"}, doc! {"_id": "b"}, doc! {"_id": "c"}])
        .await;
    let id = Bson::from("b");
    let name = |name: &str| Change::new().set("name", name).set("n", 1);

    let inserted = store.insert(&THINGS, doc! {"_id": "d", "name": "x"}).await;
    let patched = store.patch(&THINGS, &id, Guard::none(), name("x")).await;

    assert!(matches!(inserted, Err(PortError::Conflict(_))), "{inserted:?}");
    assert!(matches!(patched, Err(PortError::Conflict(_))), "{patched:?}");
    assert_eq!(store.get(&THINGS, &id).await.unwrap(), Some(doc! {"_id": "b"}));
    assert_eq!(store.get(&THINGS, &Bson::from("d")).await.unwrap(), None);

    let first = Bson::from("a");
    let change = Change::new().unset("name");
    store.patch(&THINGS, &first, Guard::none(), change).await.unwrap();
    assert!(store.patch(&THINGS, &id, Guard::none(), name("x")).await.unwrap().is_some());
}

async fn a_patch_of_a_document_that_is_not_there_is_none(store: Store) {
    let id = Bson::from("a");

    let answer = store.patch(&THINGS, &id, Guard::none(), Change::new().set("n", 1)).await;

    assert_eq!(answer.unwrap(), None);
    assert_eq!(store.get(&THINGS, &id).await.unwrap(), None);
}

async fn an_empty_change_reads_under_its_guard(store: Store) {
    let document = doc! {"_id": "a", "n": 1};
    store.insert(&THINGS, document.clone()).await.unwrap();
    let ask = |n: i32| Guard::none().eq("n", n);
    let id = Bson::from("a");

    let fits = store.patch(&THINGS, &id, ask(1), Change::new()).await.unwrap();
    let does_not = store.patch(&THINGS, &id, ask(2), Change::new()).await.unwrap();
    let counted = store.patch_many(&THINGS, &[id], ask(1), Change::new()).await.unwrap();

    assert_eq!((fits, does_not, counted), (Some(document), None, 1));
}

async fn patch_many_changes_those_that_fulfil_the_guard(store: Store) {
    insert_all(&store, (0..6).map(|n| doc! {"_id": format!("{n}"), "n": n})).await;
    let some: Vec<Bson> = ["1", "2", "3", "4", "x", "4"].map(Bson::from).to_vec();
    let guard = Guard::none().and("n", Test::Gt(bson!(2)));

    let changed = store.patch_many(&THINGS, &some, guard, Change::new().inc("n", 100)).await;
    let same = store.patch_many(&THINGS, &some, Guard::none(), Change::new().unset("q")).await;
    let none = store.patch_many(&THINGS, &[], Guard::none(), Change::new().unset("n")).await;

    assert_eq!((changed.unwrap(), same.unwrap(), none.unwrap()), (2, 4, 0));
    assert_eq!(ids(&store, Query::over("by_n", 9)).await, ["0", "1", "2", "5", "3", "4"]);
}

async fn delete_asks_the_guard(store: Store) {
    insert_all(&store, [doc! {"_id": "a", "n": 1, "name": "x", "tags": ["p", "q"]}]).await;
    let id = Bson::from("a");

    assert!(!store.delete(&THINGS, &id, Guard::none().eq("n", 2)).await.unwrap());
    assert!(store.delete(&THINGS, &id, Guard::none().eq("n", 1)).await.unwrap());
    assert!(!store.delete(&THINGS, &id, Guard::none()).await.unwrap());

    assert!(ids(&store, Query::over("by_tag_n", 9)).await.is_empty());
    store.insert(&THINGS, doc! {"_id": "b", "name": "x"}).await.unwrap();
}

async fn a_hundred_callers_count_to_a_hundred(store: Store) {
    store.insert(&THINGS, doc! {"_id": "a", "n": 0_i64}).await.unwrap();
    let mut callers = JoinSet::new();

    for caller in 0..100_i32 {
        let store = store.clone();
        callers.spawn(async move {
            let change = Change::new().inc("n", 1).with("tags", Edit::AddToSet(bson!(caller)));
            store.patch(&THINGS, &Bson::from("a"), Guard::none(), change).await.unwrap()
        });
    }
    while let Some(done) = callers.join_next().await {
        assert!(done.unwrap().is_some());
    }

    let after = store.get(&THINGS, &Bson::from("a")).await.unwrap().unwrap();
    assert_eq!(after.get_i64("n").unwrap(), 100);
    assert_eq!(after.get_array("tags").unwrap().len(), 100);
}

async fn of_two_guarded_patches_one_wins(store: Store) {
    let mut winners = 0;
    for round in 0..10_i32 {
        store.insert(&THINGS, doc! {"_id": round, "state": "new"}).await.unwrap();
        let mut racers = JoinSet::new();

        for racer in 0..2_i32 {
            let store = store.clone();
            racers.spawn(async move {
                let guard = Guard::none().eq("state", "new");
                let change = Change::new().set("state", "taken").set("by", racer);
                store.patch(&THINGS, &Bson::from(round), guard, change).await.unwrap()
            });
        }
        while let Some(done) = racers.join_next().await {
            winners += u32::from(done.unwrap().is_some());
        }
    }

    assert_eq!(winners, 10);
}

async fn migrating_again_does_nothing(store: Store) {
    let mut done = store.migrate().await.unwrap();

    // What a server cannot build it says each time.
    done.retain(|line| !line.starts_with("left out"));
    assert_eq!(done, Vec::<String>::new());
}

async fn the_store_answers(store: Store) {
    store.ping().await.unwrap();
}
