//! What only the MongoDB engine promises: how it starts, what it says of a server.

use std::time::Duration;

use bson::{Bson, doc};
use iven_worker::adapters::documents::{Collection, Documents, Index, IndexOption, Order, Query};
use iven_worker::adapters::mongo::{self as engine, MongoClock};
use jobs::ports::{Clock, PortError};

use super::{ALL, MongoHome, THINGS};
use crate::servers::mongodb_url;

#[tokio::test]
async fn a_malformed_url_is_refused() {
    for url in ["", "localhost:27017/iven", "http://localhost/iven", "mongodb://localhost:x/iven"] {
        let answer = engine::connect(url, ALL).await;
        assert!(matches!(answer, Err(PortError::Refused { .. })), "{url}: {answer:?}");
    }
    let unnamed = engine::connect("mongodb://localhost:27017", ALL).await.unwrap_err();
    assert!(unnamed.to_string().contains("names no database"), "{unnamed}");
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_and_no_reason_not_to_start() {
    let url = "mongodb://127.0.0.1:1/iven?serverSelectionTimeoutMS=200";
    let store = engine::connect(url, ALL).await.unwrap();

    let answer = store.ping().await;
    let inserted = store.insert(&THINGS, doc! {"_id": 1}).await;

    assert!(matches!(answer, Err(PortError::Unavailable(_))), "{answer:?}");
    assert!(matches!(inserted, Err(PortError::Unavailable(_))), "{inserted:?}");
}

#[tokio::test]
async fn the_first_migration_says_what_it_made() {
    let store = engine::connect(&mongodb_url(), ALL).await.unwrap();

    let done = store.migrate().await.unwrap();

    assert!(done.contains(&"created collection things".to_owned()), "{done:#?}");
    assert!(done.contains(&"created index one_name of things".to_owned()), "{done:#?}");
    store.database().drop().await.unwrap();
}

/// `things` with another idea of `by_n`.
static OTHERWISE: &[Collection] = &[Collection {
    name: "things",
    indexes: &[Index {
        name: "by_n",
        keys: &[("n", Order::Desc)],
        unique: false,
        only: &[],
        option: IndexOption::Plain,
    }],
}];

#[tokio::test]
async fn an_index_that_is_there_and_another_one_is_named() {
    let url = mongodb_url();
    let store = engine::connect(&url, ALL).await.unwrap();
    store.migrate().await.unwrap();

    let answer = engine::connect(&url, OTHERWISE).await.unwrap().migrate().await.unwrap_err();

    assert!(answer.to_string().contains("index by_n of things exists"), "{answer}");
    store.database().drop().await.unwrap();
}

#[tokio::test]
async fn an_expiry_is_told_to_the_server() {
    let home = MongoHome::new().await;

    let indexes = home.store.database().run_command(doc! {"listIndexes": "things"}).await.unwrap();

    let cursor = indexes.get_document("cursor").unwrap();
    let batch = cursor.get_array("firstBatch").unwrap().iter().filter_map(Bson::as_document);
    let expiry =
        batch.into_iter().find(|index| index.get_str("name").ok() == Some("expiry")).unwrap();
    let after = expiry.get("expireAfterSeconds").unwrap();
    assert!(matches!(after, Bson::Int32(0) | Bson::Int64(0)), "{after}");
    home.finish().await;
}

#[tokio::test]
async fn a_conflict_does_not_say_the_value() {
    let home = MongoHome::new().await;
    let person = |id: i32| doc! {"_id": id, "name": "ada@example.org"};
    home.store.insert(&THINGS, person(1)).await.unwrap();

    let taken = home.store.insert(&THINGS, person(2)).await.unwrap_err();

    assert_eq!(taken.to_string(), "another document of things has the same key in one_name");
    home.finish().await;
}

#[tokio::test]
async fn a_value_is_never_an_operator() {
    let home = MongoHome::new().await;
    home.store.insert(&THINGS, doc! {"_id": "a", "n": 1}).await.unwrap();

    let got = home.store.get(&THINGS, &Bson::from(doc! {"$gt": ""})).await;
    let found = home.store.find(&THINGS, Query::over("by_n", 9).at(doc! {"$gt": 0})).await;

    assert_eq!(got.unwrap(), None);
    assert_eq!(found.unwrap(), Vec::<bson::Document>::new());
    home.finish().await;
}

#[tokio::test]
async fn the_clock_is_the_server_s() {
    let home = MongoHome::new().await;
    let clock = MongoClock::new(home.store.as_ref().clone());
    let before = clock.now();

    clock.refresh().await.unwrap();

    // The server runs on this machine, so both clocks are the same one.
    let moved = clock.now().timestamp_millis() - before.timestamp_millis();
    let hour = i64::try_from(Duration::from_secs(3_600).as_millis()).unwrap();
    assert!((-hour..hour).contains(&moved), "moved by {moved} ms");
    home.finish().await;
}
