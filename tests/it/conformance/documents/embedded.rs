//! What only the embedded engine promises: its file, its folder, its expiry.

use bson::{Bson, DateTime, doc};
use iven_worker::adapters::documents::{
    Change, Collection, Documents, Guard, Index, IndexOption, Order, Query,
};
use iven_worker::adapters::embedded as engine;
use jobs::ports::PortError;

use super::{ALL, EmbeddedHome, OTHERS, THINGS, ids, insert_all};

/// The collection `others` as a later version of the program declares it.
static LATER: &[Collection] = &[Collection {
    name: "others",
    indexes: &[Index {
        name: "by_n_backwards",
        keys: &[("n", Order::Desc)],
        unique: true,
        only: &[],
        option: IndexOption::Plain,
    }],
}];

#[tokio::test]
async fn the_first_migration_says_what_it_made_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = engine::open(folder.path(), ALL).unwrap();

    let before = store.insert(&THINGS, doc! {"_id": 1}).await;
    let done = store.migrate().await.unwrap();

    assert!(matches!(before, Err(PortError::Refused { .. })), "{before:?}");
    assert_eq!(done.len(), 2 + THINGS.indexes.len() + 1, "{done:#?}");
    assert!(done.contains(&"created collection things".to_owned()), "{done:#?}");
    assert!(done.contains(&"created index by_n of others".to_owned()), "{done:#?}");
    let left = "left out index words of things: only MongoDB has it".to_owned();
    assert!(done.contains(&left), "{done:#?}");
}

#[tokio::test]
async fn a_closed_file_opens_with_everything_in_it() {
    let EmbeddedHome { store, folder } = EmbeddedHome::new().await;
    store.insert(&THINGS, doc! {"_id": "a", "n": 1, "tags": ["x"]}).await.unwrap();
    drop(store);

    let store = engine::open(folder.path(), ALL).unwrap();

    assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
    assert_eq!(ids(&(std::sync::Arc::new(store) as _), Query::over("by_tag_n", 9)).await, ["a"]);
}

#[tokio::test]
async fn a_folder_in_use_is_refused_with_its_owner() {
    let home = EmbeddedHome::new().await;

    let second = engine::open(home.folder.path(), ALL).err().unwrap();

    let said = second.to_string();
    assert!(said.contains(&format!("in use by process {}", std::process::id())), "{said}");
    drop(home.store);
    assert!(engine::open(home.folder.path(), ALL).is_ok());
}

#[tokio::test]
async fn a_file_of_another_format_is_refused() {
    let EmbeddedHome { store, folder } = EmbeddedHome::new().await;
    drop(store);
    // SQLite keeps the user version at offset 60 of its header, big-endian.
    let file = folder.path().join("documents.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[60..64].copy_from_slice(&7_u32.to_be_bytes());
    std::fs::write(&file, bytes).unwrap();

    let answer = engine::open(folder.path(), ALL).err().unwrap();

    assert!(answer.to_string().contains("has format 7"), "{answer}");
}

#[tokio::test]
async fn an_index_that_is_declared_later_is_filled() {
    let EmbeddedHome { store, folder } = EmbeddedHome::new().await;
    for n in 0..5 {
        store.insert(&OTHERS, doc! {"_id": n, "n": n}).await.unwrap();
    }
    drop(store);

    let store = engine::open(folder.path(), LATER).unwrap();
    let done = store.migrate().await.unwrap();
    let found = store.find(&LATER[0], Query::over("by_n_backwards", 2)).await.unwrap();

    assert_eq!(done, ["created index by_n_backwards of others over 5 documents"]);
    assert_eq!(found, [doc! {"_id": 4, "n": 4}, doc! {"_id": 3, "n": 3}]);
}

#[tokio::test]
async fn an_index_that_was_not_kept_is_built_anew() {
    let EmbeddedHome { store, folder } = EmbeddedHome::new().await;
    drop(store);
    let older = engine::open(folder.path(), LATER).unwrap();
    older.migrate().await.unwrap();
    older.insert(&LATER[0], doc! {"_id": 1, "n": 1}).await.unwrap();
    drop(older);

    let store = engine::open(folder.path(), ALL).unwrap();
    store.migrate().await.unwrap();

    let found = store.find(&OTHERS, Query::over("by_n", 9)).await.unwrap();
    assert_eq!(found, [doc! {"_id": 1, "n": 1}]);
}

#[tokio::test]
async fn an_index_that_cannot_be_unique_changes_nothing() {
    let EmbeddedHome { store, folder } = EmbeddedHome::new().await;
    for id in 0..2 {
        store.insert(&OTHERS, doc! {"_id": id, "n": 1}).await.unwrap();
    }
    drop(store);

    let store = engine::open(folder.path(), LATER).unwrap();
    let answer = store.migrate().await;

    assert!(matches!(answer, Err(PortError::Conflict(_))), "{answer:?}");
    assert!(store.get(&LATER[0], &Bson::from(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn what_has_expired_goes() {
    let home = EmbeddedHome::new().await;
    let store: super::Store = home.store.clone();
    let at = |millis| Bson::DateTime(DateTime::from_millis(millis));
    // More than one batch of the engine.
    let many = home.store.write(move |store| {
        (0..1_200).try_for_each(|n| store.insert(&THINGS, doc! {"_id": n, "expireAt": at(5)}))
    });
    many.await.unwrap();
    insert_all(
        &store,
        [
            doc! {"_id": "later", "expireAt": at(11)},
            doc! {"_id": "never", "expireAt": null},
            doc! {"_id": "one of them", "expireAt": [at(50), at(10)]},
            doc! {"_id": "no date", "expireAt": 3},
        ],
    )
    .await;

    let removed = store.expire(&THINGS, DateTime::from_millis(10)).await.unwrap();
    let again = store.expire(&THINGS, DateTime::from_millis(10)).await.unwrap();

    assert_eq!((removed, again), (1_201, 0));
    assert_eq!(ids(&store, Query::over("expiry", 9)).await, ["never", "no date", "later"]);
}

#[tokio::test]
async fn a_call_that_panics_harms_nobody_for_long() {
    let home = EmbeddedHome::new().await;

    let answer = home.store.write::<(), _>(|_| panic!("on purpose")).await;

    assert!(matches!(answer, Err(PortError::Unavailable(_))), "{answer:?}");
    home.store.insert(&THINGS, doc! {"_id": 1}).await.unwrap();
    assert_eq!(home.store.count(&THINGS, Query::over("by_n", 9)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_write_that_fails_leaves_nothing_of_itself() {
    let home = EmbeddedHome::new().await;

    let answer = home.store.write(|store| {
        store.insert(&THINGS, doc! {"_id": 1, "n": 1})?;
        store.insert(&THINGS, doc! {"_id": 1, "n": 2})
    });

    assert!(matches!(answer.await, Err(PortError::Conflict(_))));
    assert_eq!(home.store.count(&THINGS, Query::over("by_n", 9)).await.unwrap(), 0);
}

#[tokio::test]
async fn a_closed_file_has_no_log_beside_it() {
    let EmbeddedHome { store, folder } = EmbeddedHome::new().await;
    store.insert(&THINGS, doc! {"_id": 1}).await.unwrap();

    drop(store);

    let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
    let mut files: Vec<_> = files.collect();
    files.sort();
    assert_eq!(files, ["documents.sqlite", "lock"]);
}

#[tokio::test]
async fn new_fields_stand_in_the_order_of_their_names() {
    let home = EmbeddedHome::new().await;
    home.store.insert(&THINGS, doc! {"z": 1, "_id": "a"}).await.unwrap();
    let change = Change::new().set("d", 1).inc("b.y", 1).set("b.x", 1).set("z", 2);

    let id = Bson::from("a");
    let after = home.store.patch(&THINGS, &id, Guard::none(), change).await.unwrap().unwrap();

    // MongoDB's order; not every compatible server's.
    let said = r#"{ "_id": "a", "z": 2, "b": { "x": 1, "y": 1 }, "d": 1 }"#;
    assert_eq!(after.to_string(), said);
}
