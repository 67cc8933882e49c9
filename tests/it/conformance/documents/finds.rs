//! Walks along indexes: order, ranges, arrays, what is left out.

use bson::{Bson, DateTime, bson, doc};
use iven_worker::adapters::documents::{Change, Edge, Guard, Query, Test};
use jobs::ports::PortError;

use super::{Store, THINGS, ids, insert_all, on_every_engine};

on_every_engine![
    values_of_all_types_sort_as_in_mongodb,
    a_prefix_a_range_and_a_limit,
    keys_may_run_in_both_directions,
    a_guard_is_asked_before_the_limit_counts,
    a_range_stays_within_its_class,
    an_array_is_found_by_each_element_once,
    paths_go_through_arrays,
    a_partial_index_holds_only_some,
    a_sparse_index_leaves_out_what_has_no_key,
    an_index_follows_its_documents,
    counting_is_bounded,
    a_query_that_no_index_answers_is_refused,
];

fn date(millis: i64) -> Bson {
    Bson::DateTime(DateTime::from_millis(millis))
}

fn backwards(mut query: Query) -> Query {
    query.reverse = true;
    query
}

fn between(mut query: Query, from: Edge, to: Edge) -> Query {
    (query.from, query.to) = (from, to);
    query
}

async fn values_of_all_types_sort_as_in_mongodb(store: Store) {
    insert_all(
        &store,
        [
            doc! {"_id": "date", "n": date(-1)},
            doc! {"_id": "true", "n": true},
            doc! {"_id": "false", "n": false},
            doc! {"_id": "oid", "n": bson::oid::ObjectId::from_bytes([7; 12])},
            doc! {"_id": "object", "n": {"a": 1}},
            doc! {"_id": "text", "n": "a"},
            doc! {"_id": "2^53+1", "n": 9_007_199_254_740_993_i64},
            doc! {"_id": "2^53", "n": 9_007_199_254_740_992.0},
            doc! {"_id": "1.5", "n": 1.5},
            doc! {"_id": "1", "n": 1},
            doc! {"_id": "-1", "n": -1_i64},
            doc! {"_id": "-1.5", "n": -1.5},
            doc! {"_id": "missing"},
        ],
    )
    .await;
    let sorted = [
        "missing", "-1.5", "-1", "1", "1.5", "2^53", "2^53+1", "text", "object", "oid", "false",
        "true", "date",
    ];

    assert_eq!(ids(&store, Query::over("by_n", 99)).await, sorted);

    let mut reversed = ids(&store, backwards(Query::over("by_n", 99))).await;
    reversed.reverse();
    assert_eq!(reversed, sorted);
}

async fn a_prefix_a_range_and_a_limit(store: Store) {
    insert_all(
        &store,
        (0..20).map(|n| {
            doc! {"_id": format!("{n}"), "kind": if n % 2 == 0 { "even" } else { "odd" }, "n": n}
        }),
    )
    .await;
    let even = || Query::over("by_kind_n", 99).at("even");

    assert_eq!(ids(&store, even().up_to(6)).await, ["6", "4", "2", "0"]);
    assert_eq!(ids(&store, even().below(6)).await, ["4", "2", "0"]);
    assert_eq!(ids(&store, backwards(even().up_to(6))).await, ["0", "2", "4", "6"]);
    let inner = between(even(), Edge::Excluding(bson!(4)), Edge::Including(bson!(10.5)));
    assert_eq!(ids(&store, inner).await, ["10", "8", "6"]);
    let above = between(even(), Edge::Including(bson!(15)), Edge::Open);
    assert_eq!(ids(&store, above).await, ["18", "16"]);
    assert_eq!(ids(&store, even().at(8)).await, ["8"]);
    assert_eq!(ids(&store, Query::over("by_n", 3)).await, ["0", "1", "2"]);
    assert_eq!(ids(&store, backwards(Query::over("by_n", 3))).await, ["19", "18", "17"]);
    assert!(ids(&store, Query::over("by_n", 0)).await.is_empty());
}

async fn keys_may_run_in_both_directions(store: Store) {
    insert_all(
        &store,
        [
            doc! {"_id": "a", "kind": "x", "m": 1, "n": 1},
            doc! {"_id": "b", "kind": "x", "m": 2, "n": 2},
            doc! {"_id": "c", "kind": "x", "m": 2, "n": 1},
            doc! {"_id": "d", "kind": "w", "m": 5, "n": 1},
            doc! {"_id": "e", "kind": "x", "n": 1},
            doc! {"_id": "f", "kind": "x", "m": "text", "n": 1},
        ],
    )
    .await;
    let all = || Query::over("by_kind_m_n", 99);

    assert_eq!(ids(&store, all()).await, ["d", "f", "c", "b", "a", "e"]);
    assert_eq!(ids(&store, backwards(all())).await, ["e", "a", "b", "c", "f", "d"]);
    assert_eq!(ids(&store, all().at("x").up_to(2)).await, ["c", "b", "a"]);
    assert_eq!(ids(&store, all().at("x").at(2)).await, ["c", "b"]);
    assert_eq!(ids(&store, all().at("x").at(Bson::Null)).await, ["e"]);
}

async fn a_guard_is_asked_before_the_limit_counts(store: Store) {
    insert_all(&store, (0..10).map(|n| doc! {"_id": format!("{n}"), "n": n, "odd": n % 2 == 1}))
        .await;
    let guard = Guard::none().eq("odd", true).and("n", Test::Gt(bson!(2)));

    let found = ids(&store, Query::over("by_n", 2).such_that(guard)).await;

    assert_eq!(found, ["3", "5"]);
}

async fn a_range_stays_within_its_class(store: Store) {
    insert_all(
        &store,
        [
            doc! {"_id": "missing"},
            doc! {"_id": "nan", "n": f64::NAN},
            doc! {"_id": "1", "n": 1},
            doc! {"_id": "9", "n": 9},
            doc! {"_id": "text", "n": "5"},
            doc! {"_id": "date", "n": date(5)},
        ],
    )
    .await;
    let all = || Query::over("by_n", 99);

    assert_eq!(ids(&store, all().up_to(5)).await, ["1"]);
    assert_eq!(ids(&store, between(all(), Edge::Excluding(bson!(5)), Edge::Open)).await, ["9"]);
    assert_eq!(ids(&store, all().up_to(date(9))).await, ["date"]);
    assert_eq!(ids(&store, all().at(Bson::Null)).await, ["missing"]);
}

async fn an_array_is_found_by_each_element_once(store: Store) {
    insert_all(
        &store,
        [
            doc! {"_id": "a", "n": 2, "tags": ["x", "y", "x"]},
            doc! {"_id": "b", "n": 1, "tags": ["y", "z"]},
            doc! {"_id": "c", "n": 3, "tags": "y"},
            doc! {"_id": "d", "n": 4, "tags": []},
        ],
    )
    .await;
    let tagged = |tag: &str| Query::over("by_tag_n", 99).at(tag);

    assert_eq!(ids(&store, tagged("y")).await, ["b", "a", "c"]);
    assert_eq!(ids(&store, backwards(tagged("y"))).await, ["c", "a", "b"]);
    assert_eq!(ids(&store, tagged("y").up_to(2)).await, ["b", "a"]);
    assert_eq!(ids(&store, tagged("x")).await, ["a"]);
    let mut all = ids(&store, Query::over("by_tag_n", 99)).await;
    all.sort();
    assert_eq!(all, ["a", "b", "c", "d"]);
    assert_eq!(store.count(&THINGS, Query::over("by_tag_n", 99)).await.unwrap(), 4);
}

async fn paths_go_through_arrays(store: Store) {
    insert_all(
        &store,
        [
            doc! {"_id": "a", "parts": [{"no": 1, "size": 10}, {"no": 2, "size": 5}]},
            doc! {"_id": "b", "parts": [{"no": 2, "size": 7}]},
            doc! {"_id": "c", "parts": [{"no": 3}]},
            doc! {"_id": "d"},
        ],
    )
    .await;
    let part = |no: i32| Query::over("by_part", 99).at(no);

    let mut found = ids(&store, part(2)).await;
    found.sort();
    assert_eq!(found, ["a", "b"]);
    assert_eq!(ids(&store, part(2).at(7)).await, ["b"]);
    assert_eq!(ids(&store, part(3).at(Bson::Null)).await, ["c"]);
    assert_eq!(ids(&store, Query::over("by_first_part", 9).at(2)).await, ["b"]);
    assert_eq!(ids(&store, Query::over("by_first_part", 9).up_to(2)).await, ["a", "b"]);
}

async fn a_partial_index_holds_only_some(store: Store) {
    insert_all(
        &store,
        [
            doc! {"_id": "a", "state": "ready", "n": 2},
            doc! {"_id": "b", "state": "new", "n": 1},
            doc! {"_id": "c", "state": "ready", "n": 1},
            doc! {"_id": "d", "state": "ready"},
        ],
    )
    .await;
    let ready = || Query::over("ready_by_n", 99);

    assert_eq!(ids(&store, ready()).await, ["c", "a"]);
    assert_eq!(ids(&store, ready().up_to(1)).await, ["c"]);

    let change = Change::new().set("state", "done");
    store.patch(&THINGS, &Bson::from("c"), Guard::none(), change).await.unwrap();
    let change = Change::new().set("n", 9);
    store.patch(&THINGS, &Bson::from("d"), Guard::none(), change).await.unwrap();
    assert_eq!(ids(&store, ready()).await, ["a", "d"]);
}

async fn a_sparse_index_leaves_out_what_has_no_key(store: Store) {
    insert_all(
        &store,
        [
            doc! {"_id": "a", "mark": 2},
            doc! {"_id": "b"},
            doc! {"_id": "c", "mark": null},
            doc! {"_id": "d", "mark2": 1},
        ],
    )
    .await;

    assert_eq!(ids(&store, Query::over("with_mark", 99)).await, ["c", "d", "a"]);
}

async fn an_index_follows_its_documents(store: Store) {
    insert_all(&store, [doc! {"_id": "a", "n": 1, "tags": ["x"]}, doc! {"_id": "b", "n": 2}]).await;
    let id = Bson::from("a");

    let change = Change::new().set("n", 3).set("tags.0", "y");
    store.patch(&THINGS, &id, Guard::none(), change).await.unwrap();

    assert_eq!(ids(&store, Query::over("by_n", 9)).await, ["b", "a"]);
    assert!(ids(&store, Query::over("by_tag_n", 9).at("x")).await.is_empty());
    assert_eq!(ids(&store, Query::over("by_tag_n", 9).at("y").at(3)).await, ["a"]);

    let change = Change::new().unset("n").unset("tags");
    store.patch(&THINGS, &id, Guard::none(), change).await.unwrap();
    assert_eq!(ids(&store, Query::over("by_n", 9)).await, ["a", "b"]);
    assert_eq!(ids(&store, Query::over("by_tag_n", 9).at(Bson::Null)).await, ["a", "b"]);
}

async fn counting_is_bounded(store: Store) {
    insert_all(&store, (0..10).map(|n| doc! {"_id": n, "n": n})).await;
    let odd = Guard::none().and("n", Test::In(vec![bson!(1), bson!(3), bson!(5)]));

    let count = |query: Query| store.count(&THINGS, query);
    assert_eq!(count(Query::over("by_n", 99)).await.unwrap(), 10);
    assert_eq!(count(Query::over("by_n", 4)).await.unwrap(), 4);
    assert_eq!(count(Query::over("by_n", 0)).await.unwrap(), 0);
    assert_eq!(count(Query::over("by_n", 99).below(3)).await.unwrap(), 3);
    assert_eq!(count(Query::over("by_n", 99).such_that(odd.clone())).await.unwrap(), 3);
    assert_eq!(count(Query::over("by_n", 2).such_that(odd)).await.unwrap(), 2);
}

async fn a_query_that_no_index_answers_is_refused(store: Store) {
    let wrong = [
        Query::over("by_nothing", 9),
        Query::over("words", 9),
        Query::over("by_n", 9).at(1).at(2),
        Query::over("by_n", 9).at(1).up_to(2),
        Query::over("by_tag_n", 9).at(bson!(["x"])),
    ];
    for query in wrong {
        let said = format!("{query:?}");
        let answer = store.find(&THINGS, query).await;
        assert!(matches!(answer, Err(PortError::Refused { .. })), "{said}: {answer:?}");
    }
}
