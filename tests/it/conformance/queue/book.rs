//! What operators see and do, on both engines.

use std::time::Duration;

use bson::{Document, doc, oid::ObjectId};
use iven_worker::adapters::records::collections::JOBS;
use jobs::{
    job::Queue,
    ports::{Arrivals, Clock, Ending, JobBook, JobFilter, JobState, Leases, Orders, later},
};

use super::{Bench, LEASE, error, on_every_engine, ticket};

on_every_engine![
    jobs_are_found_by_how_their_error_begins,
    pages_by_error_are_whole,
    pages_follow_each_other_within_one_millisecond,
    a_job_with_a_key_that_is_open_is_not_put_twice,
    a_dead_job_is_retried_from_the_beginning,
    a_retried_job_is_due_anew,
    pages_of_jobs_without_a_lane_come_to_an_end,
    a_job_that_was_never_taken_in_comes_anew,
    a_wish_to_cancel_reaches_the_one_who_has_the_job,
    a_lane_is_paused_and_goes_on,
    what_ended_since_a_moment_is_counted_by_how,
    a_lane_rests_for_all_until_the_latest_time_that_was_asked_for,
];

async fn what_ended_since_a_moment_is_counted_by_how(bench: Bench) {
    bench.push(&[ticket("a"), ticket("b"), ticket("c"), ticket("d")]).await;
    let jobs = bench.claim("one", 4).await;
    bench.end(&jobs[0], Ending::Done(None)).await;
    bench.clock.forward(LEASE);
    let since = bench.at(0);
    bench.end(&jobs[1], Ending::Done(None)).await;
    bench.end(&jobs[2], Ending::Dead(error("late"))).await;

    let of = async |queue| bench.records.ended_since(queue, since).await.unwrap();

    let [done, dead, cancelled] = JobState::ENDED;
    assert_eq!(of(Queue::Scan).await, [(done, 1), (dead, 1), (cancelled, 0)]);
    assert_eq!(of(Queue::Media).await, [(done, 0), (dead, 0), (cancelled, 0)]);
}

async fn a_retried_job_is_due_anew(bench: Bench) {
    let put = bench.at(0);
    bench.push(&[ticket("a")]).await;
    let first = bench.claim_one("one").await;
    bench.end(&first, Ending::Dead(error("late"))).await;
    bench.clock.forward(LEASE * 9);

    bench.records.retry(first.id).await.unwrap();

    let again = bench.claim_one("one").await;
    assert_eq!((first.due_at, again.due_at), (put, bench.at(0)));
}

async fn put_by_another(bench: &Bench, kind: &str) -> ObjectId {
    let id = ObjectId::new();
    let job = doc! { "_id": id, "kind": kind, "args": {}, "state": "new" };
    bench.store.insert(&JOBS, job).await.unwrap();
    id
}

async fn pages_of_jobs_without_a_lane_come_to_an_end(bench: Bench) {
    for _ in 0..3 {
        put_by_another(&bench, "typo").await;
    }

    let (mut pages, mut after) = (Vec::new(), None);
    for _ in 0..2 {
        let filter =
            JobFilter { after, limit: 2, state: Some(JobState::New), ..JobFilter::default() };
        let page = bench.records.list(&filter).await.unwrap();
        after = page.next;
        pages.push((page.jobs.len(), after.is_some()));
    }

    assert_eq!(pages, [(2, true), (1, false)]);
}

async fn a_job_that_was_never_taken_in_comes_anew(bench: Bench) {
    let id = put_by_another(&bench, "typo").await;
    bench.records.take_in(9).await.unwrap();
    let dead = bench.records.show(id).await.unwrap();

    let again = bench.records.retry(id).await.unwrap();
    let ready = bench.records.any_ready().await.unwrap();

    assert_eq!((dead.get_str("state").unwrap(), ready), ("dead", false));
    assert_eq!(again.get_str("state").unwrap(), "new");
    assert_eq!(bench.records.take_in(9).await.unwrap(), 1, "it is looked at again");
}

fn names(jobs: &[Document]) -> Vec<&str> {
    jobs.iter().map(|job| job.get_document("args").unwrap().get_str("name").unwrap()).collect()
}

async fn jobs_are_found_by_how_their_error_begins(bench: Bench) {
    bench.push(&[ticket("a"), ticket("b"), ticket("c")]).await;
    for (job, code) in bench.claim("one", 3).await.iter().zip(["busy", "busier", "late"]) {
        bench.end(job, Ending::Dead(error(code))).await;
    }
    let find = async |text: &str, state| {
        let filter =
            JobFilter { error: Some(text.into()), state, limit: 9, ..JobFilter::default() };
        bench.records.list(&filter).await.unwrap().jobs.len()
    };

    assert_eq!((find("busy: ", None).await, find("bus", None).await), (1, 2));
    assert_eq!(find("busier: it went wrong", Some(JobState::Dead)).await, 1);
    assert_eq!((find("bus", Some(JobState::Done)).await, find("c", None).await), (0, 0));
}

async fn pages_by_error_are_whole(bench: Bench) {
    let all: Vec<_> = (0..9).map(|n| ticket(&n.to_string())).collect();
    bench.push(&all).await;
    for (n, job) in bench.claim("one", 9).await.iter().enumerate() {
        let error = error(["busy", "busier", "late"][n % 3]);
        let again = Ending::Again { at: bench.at(0), counted: true, error: Some(error.clone()) };
        bench.end(job, if n < 4 { again } else { Ending::Dead(error) }).await;
        bench.clock.forward(Duration::from_millis(1));
    }
    // Two of those whose error begins so run again: they have no time of a change.
    assert_eq!(bench.claim("one", 3).await.len(), 3);

    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let text = Some("bus".to_owned());
        let filter = JobFilter { error: text, after, limit: 2, ..JobFilter::default() };
        let page = bench.records.list(&filter).await.unwrap();
        seen.extend(page.jobs.iter().map(|job| job.get_object_id("_id").unwrap()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }

    let found = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((found, seen.len()), (6, 6));
}

async fn pages_follow_each_other_within_one_millisecond(bench: Bench) {
    let all: Vec<_> = (0..7).map(|n| ticket(&n.to_string())).collect();
    bench.push(&all).await;

    let (mut seen, mut after) = (Vec::new(), None);
    for _ in 0..4 {
        let filter = JobFilter { after, limit: 2, ..JobFilter::default() };
        let page = bench.records.list(&filter).await.unwrap();
        assert_eq!(page.next.is_some(), seen.len() < 6);
        seen.extend(names(&page.jobs).into_iter().map(str::to_owned));
        after = page.next;
    }

    seen.sort();
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "6"]);
}

async fn a_job_with_a_key_that_is_open_is_not_put_twice(bench: Bench) {
    let (first, is_first) = bench.records.put(&ticket("a")).await.unwrap();
    let (second, is_second) = bench.records.put(&ticket("a")).await.unwrap();
    let job = bench.claim_one("one").await;
    bench.end(&job, Ending::Done(None)).await;
    let (third, is_third) = bench.records.put(&ticket("a")).await.unwrap();

    assert_eq!((is_first, is_second, is_third), (true, false, true));
    assert_eq!(first.get("_id"), second.get("_id"));
    assert_ne!(first.get("_id"), third.get("_id"));
}

async fn a_dead_job_is_retried_from_the_beginning(bench: Bench) {
    bench.push(&[ticket("a")]).await;
    let job = bench.claim_one("one").await;
    bench.end(&job, Ending::Dead(error("late"))).await;

    bench.records.retry(job.id).await.unwrap();
    let twice = bench.records.put(&ticket("a")).await.unwrap();
    let again = bench.claim_one("two").await;
    bench.end(&again, Ending::Dead(error("late"))).await;
    bench.push(&[ticket("a")]).await;
    let taken = bench.records.retry(job.id).await.unwrap_err();

    assert!(!twice.1, "its key is taken again");
    assert_eq!((again.id, again.attempt, again.crashes), (job.id, 1, 0));
    assert!(taken.to_string().starts_with("another open job does the work"), "{taken}");
}

async fn a_wish_to_cancel_reaches_the_one_who_has_the_job(bench: Bench) {
    bench.push(&[ticket("a"), ticket("b")]).await;
    let running = bench.claim("one", 1).await.remove(0);
    let kept = bench.claim("one", 1).await.remove(0);
    let held = [running.held(), kept.held()];

    let none = bench.records.cancelled(&held).await.unwrap();
    bench.records.cancel(running.id).await.unwrap();
    let wanted = bench.records.cancelled(&held).await.unwrap();
    bench.end(&running, Ending::Cancelled).await;
    let after = bench.records.cancelled(&held).await.unwrap();

    assert_eq!((none.len(), wanted, after.len()), (0, vec![running.held()], 0));
    let ended = bench.document(&running).await;
    assert_eq!(ended.get_str("state").unwrap(), "cancelled");
    assert!(ended.get("uniqueKey").is_none() && ended.get("expireAt").is_some());
    assert!(bench.records.cancel(running.id).await.is_err());
}

async fn a_lane_is_paused_and_goes_on(bench: Bench) {
    assert_eq!(bench.records.paused().await.unwrap(), []);
    for paused in [true, true] {
        bench.records.pause(Queue::Scan, paused).await.unwrap();
    }
    assert_eq!(bench.records.paused().await.unwrap(), [Queue::Scan]);
    bench.records.pause(Queue::Scan, false).await.unwrap();
    assert_eq!(bench.records.paused().await.unwrap(), []);
}

async fn a_lane_rests_for_all_until_the_latest_time_that_was_asked_for(bench: Bench) {
    let at = |seconds| later(bench.clock.now(), Duration::from_secs(seconds));
    let [soon, late] = [at(10), at(60)];

    bench.records.rest(Queue::Email, soon).await.unwrap();
    bench.records.rest(Queue::Email, late).await.unwrap();
    bench.records.rest(Queue::Email, soon).await.unwrap();
    bench.records.pause(Queue::Scan, true).await.unwrap();
    let orders = bench.records.orders().await.unwrap();
    bench.clock.forward(Duration::from_secs(60));
    let after = bench.records.orders().await.unwrap();

    assert_eq!(orders, Orders { paused: vec![Queue::Scan], resting: vec![(Queue::Email, late)] });
    assert_eq!(after, Orders { paused: vec![Queue::Scan], resting: vec![] });
}
