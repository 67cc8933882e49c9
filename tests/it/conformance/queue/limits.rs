//! Keys of which only so many jobs run at the same time.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bson::{Bson, doc};
use iven_worker::adapters::{
    documents::{Change, Guard, Query},
    records::{Records, collections::JOBS},
};
use jobs::{
    job::{Limit, Queue},
    ports::{Arrivals, Clock, Ending, JobBook, Leased, Leases, PortError, Ticket, later},
};

use super::{Bench, LEASE, error, names, on_every_engine, ticket};

/// A case that gets nowhere ends after so long.
const PATIENCE: Duration = Duration::from_secs(60);

on_every_engine![
    of_one_key_only_so_many_run,
    every_way_out_of_running_frees_the_place,
    who_waits_for_a_full_key_keeps_nobody_waiting,
    a_long_way_past_full_keys_hides_nothing,
    of_one_key_with_two_numbers_each_is_kept,
    a_key_counts_over_all_lanes,
    who_waits_for_a_full_key_can_be_cancelled,
    eight_workers_together_never_run_more,
    what_others_write_takes_no_place,
    a_plain_document_may_say_its_limit,
];

fn limited(name: &str, key: &str, most: u32) -> Ticket {
    Ticket { limit: Some(Limit { key: key.to_owned(), most }), ..ticket(name) }
}

async fn of_one_key_only_so_many_run(bench: Bench) {
    let tickets: Vec<Ticket> = (0..5).map(|n| limited(&n.to_string(), "mail", 2)).collect();
    bench.push(&tickets).await;

    let first = bench.claim("one", 9).await;
    let full = bench.claim("two", 9).await;
    assert!(bench.end(&first[1], Ending::Done(None)).await);
    let next = bench.claim("two", 9).await;

    assert_eq!((names(&first), full.len()), (vec!["0", "1"], 0));
    assert_eq!(names(&next), ["2"]);
    let running = bench.document(&next[0]).await;
    assert_eq!(running.get_str("limitKey").unwrap(), "mail");
    assert_eq!(running.get_str("limitSlot").unwrap(), "mail#1");
    let ended = bench.document(&first[1]).await;
    assert!(ended.get("limitSlot").is_none(), "{ended}");
}

async fn every_way_out_of_running_frees_the_place(bench: Bench) {
    bench.push(&[limited("a", "mail", 1)]).await;
    let again = |at| Ending::Again { at, counted: true, error: Some(error("busy")) };

    let job = bench.claim_one("one").await;
    assert!(bench.end(&job, again(bench.clock.now())).await);
    let job = bench.claim_one("one").await;
    assert_eq!(bench.records.release(&[job.held()]).await.unwrap(), 1);
    let lost = bench.claim_one("mortal").await;
    bench.clock.forward(LEASE);
    let (early, reaped) = (bench.claim("two", 9).await, bench.reap().await);
    let left = bench.claim_one("mortal").await;
    let inherited = bench.records.inherit(&|owner| owner == "mortal", 9).await.unwrap();
    let job = bench.claim_one("survivor").await;

    assert_eq!((early.len(), reaped, inherited), (0, 1, 1));
    assert!(!bench.end(&lost, Ending::Done(None)).await && left.id == job.id);
    assert!(bench.end(&job, Ending::Dead(error("broken"))).await);
    bench.push(&[limited("b", "mail", 1)]).await;
    assert_eq!(names(&bench.claim("survivor", 9).await), ["b"]);
}

async fn who_waits_for_a_full_key_keeps_nobody_waiting(bench: Bench) {
    let mut tickets: Vec<Ticket> = Vec::new();
    for key in ["a", "b", "c"] {
        tickets.extend((0..20).map(|n| limited(&format!("{key}{n:02}"), key, 1)));
    }
    tickets.extend([ticket("free"), limited("other", "d", 3)]);
    // One after the other: the order is the one they came in.
    for ticket in tickets {
        bench.push(&[ticket]).await;
        bench.clock.forward(Duration::from_millis(1));
    }

    let head = bench.claim("one", 2).await;
    let rest = bench.claim("two", 9).await;

    assert_eq!(names(&head), ["a00", "b00"]);
    assert_eq!(names(&rest), ["c00", "free", "other"]);
    assert_eq!(bench.claim("two", 9).await, Vec::<Leased>::new());
}

async fn a_long_way_past_full_keys_hides_nothing(bench: Bench) {
    for key in ["a", "b"] {
        let tickets = (0..400).map(|n| limited(&format!("{key}{n:03}"), key, 1));
        bench.push(&tickets.collect::<Vec<_>>()).await;
        bench.clock.forward(Duration::from_secs(60));
    }
    bench.push(&[ticket("free")]).await;

    let head = bench.claim("one", 3).await;
    let none = bench.claim("one", 3).await;
    bench.push(&[Ticket { priority: 9, ..ticket("late") }]).await;
    bench.push(&[Ticket { priority: 0, ..ticket("urgent") }]).await;
    let fresh = bench.claim("one", 3).await;
    assert!(bench.end(&head[1], Ending::Done(None)).await);
    let next = bench.claim("one", 3).await;

    let key = |job: &Leased| names(std::slice::from_ref(job))[0][..1].to_owned();
    assert_eq!(head.iter().map(key).collect::<Vec<_>>(), ["a", "b", "f"]);
    assert_eq!((none.len(), names(&fresh)), (0, vec!["urgent", "late"]));
    assert_eq!(next.iter().map(key).collect::<Vec<_>>(), ["b"]);
}

async fn of_one_key_with_two_numbers_each_is_kept(bench: Bench) {
    bench.push(&[limited("a", "k", 3), limited("b", "k", 3)]).await;
    let wide = bench.claim("one", 9).await;
    bench.push(&[limited("narrow", "k", 1), limited("c", "k", 3)]).await;

    let while_two = bench.claim("two", 1).await;
    for job in wide.iter().chain(&while_two) {
        assert!(bench.end(job, Ending::Done(None)).await);
    }
    let left = bench.claim("three", 9).await;

    assert_eq!((wide.len(), while_two.len() + left.len()), (2, 2));
    assert!(names(&left).contains(&"narrow"), "it runs by itself: {left:?}");
}

async fn a_key_counts_over_all_lanes(bench: Bench) {
    let media = Ticket { queue: Queue::Media, ..limited("media", "k", 1) };
    bench.push(&[media, limited("scan", "k", 1)]).await;
    let until = later(bench.clock.now(), LEASE);

    let first = bench.claim_one("one").await;
    let other = async || bench.records.claim("one", Queue::Media, 9, until).await.unwrap();
    let full = other().await;
    assert!(bench.end(&first, Ending::Done(None)).await);

    assert_eq!((full.len(), names(&other().await)), (0, vec!["media"]));
}

async fn who_waits_for_a_full_key_can_be_cancelled(bench: Bench) {
    bench.push(&[limited("a", "k", 1)]).await;
    let running = bench.claim_one("one").await;
    bench.push(&[limited("b", "k", 1)]).await;
    let query = Query::over("claim", 9).at(Queue::Scan.as_str());
    let waiting = bench.store.find(&JOBS, query).await.unwrap().remove(0);
    let id = waiting.get_object_id("_id").unwrap();

    let full = bench.claim("two", 9).await;
    bench.records.cancel(id).await.unwrap();
    let cancelled = bench.claim_one("two").await;

    assert_eq!((full.len(), cancelled.id, cancelled.cancel_requested), (0, id, true));
    assert!(bench.end(&cancelled, Ending::Cancelled).await);
    assert!(bench.end(&running, Ending::Done(None)).await);
}

/// Each with repositories of its own, as in processes of their own.
async fn eight_workers_together_never_run_more(bench: Bench) {
    let keys = ["x", "y"];
    let tickets = (0..48).map(|n| limited(&format!("{n:02}"), keys[n % 2], 3));
    bench.push(&tickets.collect::<Vec<_>>()).await;
    let (ended, running) = (AtomicUsize::new(0), Mutex::new(HashMap::<String, usize>::new()));
    let key = |job: &Leased| {
        let n: usize = job.args.get_str("name").unwrap().parse().unwrap();
        keys[n % 2].to_owned()
    };

    let workers = (0..8).map(|owner| {
        let (bench, ended, running) = (&bench, &ended, &running);
        let records = Records::new(bench.store.clone(), bench.clock.clone());
        async move {
            while ended.load(Ordering::SeqCst) < 48 {
                let until = later(bench.clock.now(), LEASE);
                let jobs = records.claim(&format!("o{owner}"), Queue::Scan, 4, until).await;
                let jobs = jobs.unwrap();
                for job in &jobs {
                    let mut running = running.lock().unwrap();
                    let count = running.entry(key(job)).or_default();
                    *count += 1;
                    assert!(*count <= 3, "{count} jobs of {} run", key(job));
                }
                tokio::task::yield_now().await;
                for job in &jobs {
                    *running.lock().unwrap().get_mut(&key(job)).unwrap() -= 1;
                    assert!(records.end(job, Ending::Done(None)).await.unwrap());
                    ended.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    });
    let all = futures_util::future::join_all(workers);
    tokio::time::timeout(PATIENCE, all).await.expect("every job is found");

    assert_eq!((bench.count("done").await, bench.count("ready").await), (48, 0));
}

async fn what_others_write_takes_no_place(bench: Bench) {
    bench.push(&[limited("a", "k", 1), ticket("odd"), ticket("odder")]).await;
    let query = Query::over("claim", 9).at(Queue::Scan.as_str());
    for job in bench.store.find(&JOBS, query).await.unwrap() {
        let change = match job.get_document("args").unwrap().get_str("name").unwrap() {
            "odd" => Change::new().set("limitSlot", "k#0"),
            "odder" => Change::new().set("limitKey", 7).set("limitSlot", "k#0"),
            _ => continue,
        };
        let patched = bench.store.patch(&JOBS, job.get("_id").unwrap(), Guard::none(), change);
        // MongoDB refuses by itself a key that is no text.
        assert!(matches!(patched.await, Ok(Some(_)) | Err(PortError::Refused { .. })));
    }

    let claimed = bench.claim("one", 9).await;

    let mut found = names(&claimed);
    found.sort_unstable();
    assert_eq!(found, ["a", "odd", "odder"]);
    assert_eq!(bench.claim("one", 9).await, Vec::<Leased>::new());
}

async fn a_plain_document_may_say_its_limit(bench: Bench) {
    for _ in 0..2 {
        let job = doc! {
            "_id": bson::oid::ObjectId::new(), "kind": "scan_virus", "state": "new",
            "args": { "mediaId": bson::oid::ObjectId::new() }, "limitKey": "theirs",
            "limitSlot": "theirs#0",
        };
        bench.store.insert(&JOBS, job).await.unwrap();
    }

    let taken = bench.records.take_in(9).await.unwrap();
    let first = bench.claim_one("one").await;
    let full = bench.claim("one", 9).await;

    assert_eq!((taken, full.len()), (2, 0));
    let running = bench.document(&first).await;
    assert_eq!(running.get("limitMost"), Some(&Bson::Int64(1)));
}
