//! Jobs that other services put as plain documents.

use bson::{Bson, Document, doc, oid::ObjectId};
use iven_worker::adapters::records::collections::JOBS;
use jobs::ports::{Arrivals, Clock, Ending, Leases, PortError};

use super::{Bench, LEASE, on_every_engine};

on_every_engine![
    a_plain_document_becomes_a_job,
    what_the_sender_says_stands,
    the_walk_that_a_plain_document_names_is_kept_if_it_is_one,
    a_job_that_nobody_knows_is_dead_with_a_reason,
    a_job_whose_work_is_under_way_is_done,
    odd_documents_keep_nobody_waiting,
    what_only_the_queue_writes_is_not_taken_from_a_sender,
];

async fn insert(bench: &Bench, mut job: Document) -> Bson {
    let id = Bson::ObjectId(ObjectId::new());
    job.insert("_id", id.clone());
    job.insert("state", "new");
    bench.store.insert(&JOBS, job).await.unwrap();
    id
}

async fn read(bench: &Bench, id: &Bson) -> Document {
    bench.store.get(&JOBS, id).await.unwrap().unwrap()
}

async fn a_plain_document_becomes_a_job(bench: Bench) {
    let medium = ObjectId::new();
    let id = insert(&bench, doc! { "kind": "scan_virus", "args": { "mediaId": medium } }).await;

    let taken = (bench.records.take_in(9).await.unwrap(), bench.records.take_in(9).await.unwrap());
    let job = bench.claim_one("one").await;

    assert_eq!(taken, (1, 0));
    assert_eq!((Bson::ObjectId(job.id), job.attempt, job.max_attempts), (id.clone(), 1, 5));
    let written = read(&bench, &id).await;
    assert_eq!(written.get_str("uniqueKey").unwrap(), format!("scan_virus:{medium}"));
    assert_eq!(written.get_document("ref").unwrap().get_str("id").unwrap(), medium.to_hex());
    assert!(bench.end(&job, Ending::Done(None)).await);
}

async fn the_walk_that_a_plain_document_names_is_kept_if_it_is_one(bench: Bench) {
    const WALK: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let odd = "00-4bf92f-00f067aa0ba902b7-01";
    let walks = [Bson::from(WALK), Bson::from(odd), Bson::Int32(5), Bson::Null];
    for walk in walks {
        let args = doc! { "mediaId": ObjectId::new() };
        let plain = doc! { "kind": "scan_virus", "args": args, "traceparent": walk };
        insert(&bench, plain).await;
    }

    bench.records.take_in(9).await.unwrap();
    let jobs = bench.claim("one", 9).await;

    let walks: Vec<_> = jobs.iter().filter_map(|job| job.trace).collect();
    assert_eq!(jobs.len(), 4);
    assert_eq!(walks, [WALK.parse().unwrap()]);
}

async fn what_the_sender_says_stands(bench: Bench) {
    let at = bench.at(60);
    let wish = doc! {
        "kind": "scan_virus", "args": { "mediaId": ObjectId::new() }, "priority": 0,
        "maxAttempts": 2, "uniqueKey": "theirs", "runAt": at,
    };
    let id = insert(&bench, wish).await;

    bench.records.take_in(9).await.unwrap();
    let waiting = read(&bench, &id).await;
    bench.clock.forward(LEASE * 4);
    bench.records.promote(9).await.unwrap();
    let job = bench.claim_one("one").await;

    assert_eq!(waiting.get_str("state").unwrap(), "scheduled");
    assert_eq!(waiting.get_str("uniqueKey").unwrap(), "theirs");
    assert_eq!(waiting.get_datetime("createdAt").unwrap(), &at_zero(&bench));
    assert_eq!(job.max_attempts, 2);
}

/// The hand of the clock where it stood before it was moved by four leases.
fn at_zero(bench: &Bench) -> bson::DateTime {
    let moved = i64::try_from((LEASE * 4).as_millis()).unwrap();
    bson::DateTime::from_millis(bench.clock.now().timestamp_millis() - moved)
}

async fn a_job_that_nobody_knows_is_dead_with_a_reason(bench: Bench) {
    let faults = [
        (doc! { "kind": "dance", "args": {} }, "unknown_kind"),
        (doc! { "kind": "scan_virus", "args": { "mediaId": "x" } }, "bad_args"),
        (doc! { "kind": "scan_virus", "args": {} }, "bad_args"),
    ];

    for (wish, code) in faults {
        let id = insert(&bench, wish).await;
        assert_eq!(bench.records.take_in(9).await.unwrap(), 1);
        let dead = read(&bench, &id).await;
        assert_eq!(dead.get_str("state").unwrap(), "dead");
        let error = dead.get_array("errors").unwrap()[0].as_document().unwrap();
        assert_eq!(error.get_str("code").unwrap(), code, "{error}");
    }
}

async fn a_job_whose_work_is_under_way_is_done(bench: Bench) {
    let wish = doc! { "kind": "scan_virus", "args": { "mediaId": ObjectId::new() } };
    let first = insert(&bench, wish.clone()).await;
    let second = insert(&bench, wish).await;

    assert_eq!(bench.records.take_in(9).await.unwrap(), 2);

    let states = [read(&bench, &first).await, read(&bench, &second).await];
    let mut states = states.map(|job| job.get_str("state").unwrap().to_owned());
    states.sort();
    assert_eq!(states, ["done", "ready"]);
}

#[tokio::test]
async fn the_server_refuses_a_malformed_job_and_takes_ours() {
    let (bench, store) = Bench::mongo().await;
    let malformed = [
        doc! { "kind": 7, "args": {} },
        doc! { "kind": "sweep" },
        doc! { "kind": "sweep", "args": {}, "priority": 10 },
        doc! { "kind": "sweep", "args": {}, "queue": "fast" },
        doc! { "kind": "sweep", "args": {}, "runAt": "soon" },
    ];

    for mut job in malformed {
        job.insert("_id", ObjectId::new());
        job.insert("state", "new");
        let refused = bench.store.insert(&JOBS, job.clone()).await;
        assert!(matches!(refused, Err(PortError::Refused { .. })), "{job} {refused:?}");
    }
    let again = bench.store.migrate().await.unwrap();
    bench.push(&[super::ticket("a")]).await;
    let job = bench.claim_one("one").await;

    assert!(!again.iter().any(|line| line.contains("validator")), "{again:?}");
    assert!(bench.end(&job, Ending::Done(None)).await);
    store.database().drop().await.unwrap();
}

async fn odd_documents_keep_nobody_waiting(bench: Bench) {
    let scan = || doc! { "kind": "scan_virus", "args": { "mediaId": ObjectId::new() } };
    let unknown = doc! { "kind": "typo", "args": {}, "errors": Bson::Null, "state": "new" };
    let mut odd = vec![unknown];
    for id in [Bson::from("their own"), Bson::from(5)] {
        let mut job = scan();
        job.insert("state", "new");
        job.insert("_id", id);
        odd.push(job);
    }
    let mut there = 0;
    for mut job in odd {
        job.entry("_id".to_owned()).or_insert_with(|| ObjectId::new().into());
        match bench.store.insert(&JOBS, job).await {
            Ok(()) => there += 1,
            // A server with a validator does not take it in the first place.
            Err(PortError::Refused { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let good = insert(&bench, scan()).await;

    let mut taken = 0;
    for _ in 0..=there {
        taken += bench.records.take_in(1).await.unwrap();
    }

    assert_eq!(taken, there + 1, "each look gets one out of the way");
    assert_eq!(bench.claim_one("one").await.id, good.as_object_id().unwrap());
    assert!(bench.claim("one", 9).await.is_empty());
}

#[tokio::test]
async fn odd_documents_from_before_the_validator_keep_nobody_waiting() {
    let (bench, store) = Bench::mongo().await;
    let set = doc! { "collMod": "jobs", "validator": {}, "validationLevel": "strict" };
    store.database().run_command(set).await.unwrap();
    let odd = [
        doc! { "_id": "their own", "kind": "sweep", "args": {}, "state": "new" },
        doc! { "_id": ObjectId::new(), "kind": 7, "args": 5, "state": "new" },
        doc! {
            "_id": ObjectId::new(), "kind": "sweep", "priority": 99, "queue": "media",
            "state": "running", "lease": { "until": bench.at(0) },
        },
    ];
    for job in odd {
        bench.store.insert(&JOBS, job).await.unwrap();
    }
    let lines = bench.store.migrate().await.unwrap();
    let again = bench.store.migrate().await.unwrap();

    let (taken, back) = (bench.records.take_in(9).await.unwrap(), bench.reap().await);

    assert!(lines.iter().any(|line| line.contains("set the validator")), "{lines:?}");
    assert!(!again.iter().any(|line| line.contains("validator")), "{again:?}");
    assert_eq!((taken, back, bench.count("dead").await), (2, 1, 3));
    store.database().drop().await.unwrap();
}

async fn what_only_the_queue_writes_is_not_taken_from_a_sender(bench: Bench) {
    let odd = doc! {
        "kind": "scan_virus", "args": { "mediaId": ObjectId::new() }, "errors": "none",
        "lease": 5, "suspect": "no", "expireAt": bench.at(1), "limitSlot": "x", "note": 7,
    };
    let id = insert(&bench, odd).await;
    bench.records.take_in(9).await.unwrap();

    let job = bench.claim_one("one").await;
    let permanent = Ending::Dead(super::error("broken"));
    assert!(bench.end(&job, permanent).await);

    let written = read(&bench, &id).await;
    assert_eq!(written.get_array("errors").unwrap().len(), 1);
    assert!(!written.contains_key("note") && !written.contains_key("suspect"));
}
