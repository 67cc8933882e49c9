//! Who may end a job, and how it comes back.

use std::time::Duration;

use bson::{Document, doc};
use jobs::{
    job::Queue,
    ports::{Clock, Ending, Held, JobBook, Leased, Leases},
    progress::Report,
};

use iven_worker::adapters::{
    documents::{Change, Guard, Query},
    records::collections::JOBS,
};

use super::{Bench, LEASE, error, names, on_every_engine, ticket};

on_every_engine![
    who_lost_the_lease_changes_nothing,
    a_job_ends_once,
    only_who_has_the_job_says_how_far_it_is,
    the_next_lapse_is_that_of_the_oldest_lease,
    heartbeats_keep_a_job,
    a_job_whose_worker_died_beside_others_is_a_suspect,
    a_job_whose_worker_died_comes_back_with_a_crash,
    what_a_process_of_this_machine_left_is_inherited_at_once,
    a_job_that_cannot_be_read_dies_and_keeps_nobody_waiting,
    a_job_whose_errors_are_odd_dies_and_keeps_nobody_waiting,
    a_retry_counts_the_attempt_only_when_it_is_said_so,
    who_wished_a_job_to_end_does_not_wait_for_its_retry,
    a_dead_job_keeps_its_last_ten_errors,
    a_job_that_is_given_back_has_lost_no_attempt,
];

async fn who_lost_the_lease_changes_nothing(bench: Bench) {
    bench.push(&[ticket("a")]).await;
    let slow = bench.claim_one("slow").await;
    bench.clock.forward(LEASE);
    let reaped = bench.reap().await;
    let between = bench.document(&slow).await;
    let again = Ending::Again { at: bench.at(9), counted: true, error: Some(error("late")) };
    let endings = [Ending::Done(None), Ending::Dead(error("late")), again];

    for ending in &endings {
        assert!(!bench.end(&slow, ending.clone()).await, "the job waits for another");
    }
    assert_eq!(bench.document(&slow).await, between);
    let quick = bench.claim_one("quick").await;
    let before = bench.document(&quick).await;
    for ending in endings {
        assert!(!bench.end(&slow, ending).await, "another has the job");
    }
    let extended = bench.records.extend(&[slow.held()], bench.at(99)).await.unwrap();
    let released = bench.records.release(&[slow.held()]).await.unwrap();

    assert_eq!((reaped, extended, released), (1, 0, 0));
    assert_eq!(quick.id, slow.id);
    assert_ne!(quick.token, slow.token);
    assert_eq!(bench.document(&quick).await, before);
    assert!(bench.end(&quick, Ending::Done(None)).await);
}

async fn a_job_ends_once(bench: Bench) {
    bench.push(&[ticket("a")]).await;
    let job = bench.claim_one("one").await;

    let first = bench.end(&job, Ending::Done(Some("a note".into()))).await;
    let second = bench.end(&job, Ending::Dead(error("late"))).await;

    assert_eq!((first, second), (true, false));
    let document = bench.document(&job).await;
    assert_eq!(document.get_str("state").unwrap(), "done");
    assert_eq!(document.get_str("note").unwrap(), "a note");
    assert_eq!(document.get_datetime("finishedAt").unwrap(), &bench.clock.now());
    assert!(document.get_datetime("expireAt").unwrap() > &bench.clock.now());
    assert!(document.get("lease").is_none() && document.get("errors").is_none(), "{document}");
}

async fn only_who_has_the_job_says_how_far_it_is(bench: Bench) {
    bench.push(&[ticket("a")]).await;
    let report = |pct, note: &str| Report { pct, note: note.to_owned() };
    let slow = bench.claim_one("slow").await;

    assert!(bench.records.report(slow.held(), report(40, "40 of 100")).await.unwrap());
    let said = bench.document(&slow).await;
    bench.clock.forward(LEASE);
    bench.reap().await;
    let waiting = bench.document(&slow).await;
    let quick = bench.claim_one("quick").await;
    let late = bench.records.report(slow.held(), report(90, "late")).await.unwrap();
    assert!(bench.records.report(quick.held(), report(5, "again")).await.unwrap());
    let again = bench.document(&quick).await;
    assert!(bench.end(&quick, Ending::Done(None)).await);
    let after = bench.records.report(quick.held(), report(99, "after")).await.unwrap();

    assert_eq!(said.get_document("progress").unwrap(), &doc! { "pct": 40, "note": "40 of 100" });
    assert_eq!(again.get_document("progress").unwrap(), &doc! { "pct": 5, "note": "again" });
    assert_eq!((late, after, waiting.get("progress")), (false, false, None));
    assert_eq!(bench.document(&quick).await.get("progress"), None);
}

async fn the_next_lapse_is_that_of_the_oldest_lease(bench: Bench) {
    let before = bench.records.next_lapse().await.unwrap();
    bench.push(&[ticket("a"), ticket("b")]).await;
    let kept = bench.claim("one", 1).await.remove(0);
    let first = bench.at(15);
    bench.clock.forward(Duration::from_secs(5));
    bench.claim("two", 1).await;

    let lapses = bench.records.next_lapse().await.unwrap();
    bench.records.extend(&[kept.held()], bench.at(20)).await.unwrap();
    let later = bench.records.next_lapse().await.unwrap();

    assert_eq!((before, lapses, later), (None, Some(first), Some(bench.at(15))));
}

async fn heartbeats_keep_a_job(bench: Bench) {
    bench.push(&[ticket("a"), ticket("b")]).await;
    let kept = bench.claim("one", 1).await.remove(0);
    let lost = bench.claim("two", 1).await.remove(0);

    for _ in 0..4 {
        bench.clock.forward(Duration::from_secs(10));
        let until = bench.at(15);
        let one = [kept.held(), Held { job: lost.id, token: kept.token }];
        assert_eq!(bench.records.extend(&one, until).await.unwrap(), 1);
        bench.reap().await;
    }

    assert_eq!(bench.document(&kept).await.get_str("state").unwrap(), "running");
    assert_eq!(bench.document(&lost).await.get_str("state").unwrap(), "ready");
    assert!(bench.end(&kept, Ending::Done(None)).await);
}

async fn a_job_whose_worker_died_beside_others_is_a_suspect(bench: Bench) {
    bench.push(&[ticket("a"), ticket("b")]).await;
    let lost = bench.claim("mortal", 2).await;
    bench.clock.forward(LEASE);

    assert_eq!(bench.reap().await, 2);
    let again = bench.claim("survivor", 2).await;
    assert!(
        bench.end(&again[0], Ending::Again { at: bench.at(0), counted: true, error: None }).await
    );
    let cleared = bench.claim_one("survivor").await;

    assert!(lost.iter().all(|job| !job.runs_alone()));
    assert!(again.iter().all(|job| job.runs_alone() && job.crashes == 0 && job.attempt == 1));
    assert!(!cleared.runs_alone(), "it has ended without a crash");
    assert_eq!(cleared.attempt, 2);
}

async fn what_a_process_of_this_machine_left_is_inherited_at_once(bench: Bench) {
    bench.push(&[ticket("a"), ticket("b")]).await;
    let left = bench.claim("ended", 1).await.remove(0);
    let kept = bench.claim("running", 1).await.remove(0);

    let inherited = bench.records.inherit(&|owner| owner == "ended", 9).await.unwrap();

    assert_eq!(inherited, 1);
    assert!(bench.end(&kept, Ending::Done(None)).await);
    let again = bench.claim_one("next").await;
    assert!(again.id == left.id && again.runs_alone());
}

async fn a_job_whose_worker_died_comes_back_with_a_crash(bench: Bench) {
    bench.push(&[ticket("a")]).await;
    let first = bench.claim_one("mortal").await;
    bench.clock.forward(LEASE);
    assert_eq!((bench.reap().await, bench.reap().await), (1, 0));
    assert!(!bench.records.alone(first.held()).await.unwrap(), "another has it");

    // Beside others it was a suspect; alone, that crash turns out to be its own, too.
    for (crashes, attempt) in [(0, 1), (2, 2)] {
        let job = bench.claim_one("mortal").await;
        assert_eq!((job.crashes, job.attempt), (crashes, attempt));
        assert!(bench.records.alone(job.held()).await.unwrap());
        bench.clock.forward(LEASE - Duration::from_millis(1));
        assert_eq!(bench.reap().await, 0, "the lease still holds");
        bench.clock.forward(Duration::from_millis(1));
        assert_eq!((bench.reap().await, bench.reap().await), (1, 0));
    }

    let job = bench.claim_one("survivor").await;
    assert_eq!(job.crashes, 3);
    let document = bench.document(&job).await;
    let errors = document.get_array("errors").unwrap();
    let codes = errors.iter().map(|e| e.as_document().unwrap().get_str("code").unwrap());
    assert_eq!(codes.collect::<Vec<_>>(), ["worker_lost"; 3]);
}

async fn a_job_that_cannot_be_read_dies_and_keeps_nobody_waiting(bench: Bench) {
    bench.push(&[ticket("odd"), ticket("good")]).await;
    let query = Query::over("claim", 1).at(Queue::Scan.as_str());
    let odd = bench.store.find(&JOBS, query).await.unwrap().remove(0);
    let odd = odd.get("_id").unwrap();
    let change = Change::new().set("timeoutMs", "soon");
    bench.store.patch(&JOBS, odd, Guard::none(), change).await.unwrap().unwrap();

    let claimed = bench.claim("one", 9).await;
    bench.clock.forward(LEASE);
    let reaped = bench.reap().await;

    assert_eq!((names(&claimed), reaped), (vec!["good"], 2));
    assert_eq!(names(&bench.claim("two", 9).await), ["good"]);
    let odd = bench.store.get(&JOBS, odd).await.unwrap().unwrap();
    assert_eq!(odd.get_str("state").unwrap(), "dead");
    let errors = odd.get_array("errors").unwrap();
    assert_eq!(errors[0].as_document().unwrap().get_str("code").unwrap(), "malformed_document");
}

async fn a_job_whose_errors_are_odd_dies_and_keeps_nobody_waiting(bench: Bench) {
    bench.push(&[ticket("odd")]).await;
    let odd = bench.claim_one("one").await;
    let change = Change::new().set("errors", "none");
    bench.store.patch(&JOBS, &odd.id.into(), Guard::none(), change).await.unwrap().unwrap();
    bench.push(&[ticket("good")]).await;
    let good = bench.claim_one("one").await;

    bench.clock.forward(LEASE);
    let reaped = bench.reap().await;

    assert_eq!((reaped, bench.claim_one("two").await.id), (2, good.id));
    assert_eq!(bench.document(&odd).await.get_str("state").unwrap(), "dead");
}

async fn who_wished_a_job_to_end_does_not_wait_for_its_retry(bench: Bench) {
    bench.push(&[ticket("a")]).await;
    let job = bench.claim_one("one").await;
    bench.records.cancel(job.id).await.unwrap();
    let again = Ending::Again { at: bench.at(999), counted: true, error: Some(error("busy")) };

    let ended = bench.end(&job, again).await;
    let written = bench.document(&job).await;
    let next = bench.claim_one("two").await;

    assert!(ended && next.cancel_requested);
    let found = (written.get_str("state").unwrap(), *written.get_datetime("runAt").unwrap());
    assert_eq!(found, ("ready", bench.clock.now()));
    assert_eq!(next.id, job.id);
}

async fn a_retry_counts_the_attempt_only_when_it_is_said_so(bench: Bench) {
    bench.push(&[ticket("a")]).await;
    let again = |at, counted| Ending::Again { at, counted, error: Some(error("busy")) };

    let first = bench.claim_one("one").await;
    assert!(bench.end(&first, again(bench.clock.now(), true)).await);
    let second = bench.claim_one("one").await;
    assert!(bench.end(&second, again(bench.clock.now(), false)).await);
    let third = bench.claim_one("one").await;
    assert!(bench.end(&third, again(bench.at(30), false)).await);
    let early = bench.claim("one", 9).await;
    bench.clock.forward(Duration::from_secs(30));
    bench.records.promote(100).await.unwrap();
    let last = bench.claim_one("one").await;

    assert_eq!([first.attempt, second.attempt, third.attempt, last.attempt], [1, 2, 2, 2]);
    assert_eq!((early.len(), last.crashes), (0, 0));
}

async fn a_dead_job_keeps_its_last_ten_errors(bench: Bench) {
    bench.push(&[ticket("a")]).await;
    for n in 1..=12 {
        let job = bench.claim_one("one").await;
        let (at, error) = (bench.clock.now(), Some(error(&format!("e{n}"))));
        bench.end(&job, Ending::Again { at, counted: true, error }).await;
        bench.clock.forward(Duration::from_secs(1));
    }
    let job = bench.claim_one("one").await;

    assert!(bench.end(&job, Ending::Dead(error("e13"))).await);

    let document = bench.document(&job).await;
    assert_eq!(document.get_str("state").unwrap(), "dead");
    let errors = document.get_array("errors").unwrap().iter();
    let errors: Vec<&Document> = errors.map(|error| error.as_document().unwrap()).collect();
    let codes: Vec<_> = errors.iter().map(|error| error.get_str("code").unwrap()).collect();
    assert_eq!(codes, ["e4", "e5", "e6", "e7", "e8", "e9", "e10", "e11", "e12", "e13"]);
    let last = doc! {
        "at": bench.clock.now(), "attempt": 13_i64, "class": "transient", "code": "e13",
        "message": "it went wrong: e13",
    };
    assert_eq!(errors[9], &last);
    assert_eq!(bench.claim("one", 9).await, Vec::<Leased>::new());
}

async fn a_job_that_is_given_back_has_lost_no_attempt(bench: Bench) {
    bench.push(&[ticket("a"), ticket("b")]).await;
    let mine = bench.claim("one", 1).await.remove(0);
    let other = bench.claim("two", 1).await.remove(0);

    let one = [mine.held(), Held { job: other.id, token: mine.token }];
    let released = bench.records.release(&one).await.unwrap();
    let again = bench.claim_one("three").await;

    assert_eq!(released, 1);
    assert_eq!((again.id, again.attempt, again.crashes), (mine.id, 1, 0));
    assert!(!bench.end(&mine, Ending::Done(None)).await, "who gave it back has no say");
    assert!(bench.end(&other, Ending::Done(None)).await);
}
