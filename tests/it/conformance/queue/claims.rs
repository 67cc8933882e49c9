//! Who gets a job, and when.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bson::doc;
use jobs::{
    job::Queue,
    ports::{About, Clock, Ending, JobQueue, Leased, Leases, Ticket},
};

use super::{Bench, error, names, on_every_engine, ticket};

/// A case that gets nowhere ends after so long.
const PATIENCE: Duration = Duration::from_secs(60);

on_every_engine![
    a_ticket_is_claimed_once,
    of_eight_claimers_one_gets_the_ticket,
    the_best_priority_comes_first_and_then_the_oldest,
    a_claim_takes_no_more_than_its_slots_and_only_of_its_queue,
    a_key_is_taken_until_its_job_has_ended,
    a_once_key_stays_taken,
    a_future_job_is_ready_when_its_time_has_come,
    a_job_is_open_until_it_has_ended,
];

async fn a_ticket_is_claimed_once(bench: Bench) {
    let created = bench.clock.now();
    bench.push(&[ticket("a")]).await;

    let first = bench.claim_one("one").await;
    let second = bench.claim("two", 9).await;

    assert_eq!(second, Vec::<Leased>::new());
    let Leased { kind, queue, args, attempt, max_attempts, crashes, timeout, due_at, .. } = first;
    assert_eq!((kind.as_str(), queue, args), ("scan_virus", Queue::Scan, doc! { "name": "a" }));
    assert_eq!((attempt, max_attempts, crashes), (1, 3, 0));
    assert_eq!((timeout, due_at), (Duration::from_secs(60), created));
}

async fn of_eight_claimers_one_gets_the_ticket(bench: Bench) {
    let tickets: Vec<Ticket> = (0..40).map(|n| ticket(&format!("{n:02}"))).collect();
    bench.push(&tickets).await;
    let taken = AtomicUsize::new(0);

    let claimers = (0..8).map(|owner| {
        let (bench, taken) = (&bench, &taken);
        async move {
            let mut mine = Vec::new();
            while taken.load(Ordering::SeqCst) < 40 {
                let jobs = bench.claim(&format!("owner {owner}"), 3).await;
                taken.fetch_add(jobs.len(), Ordering::SeqCst);
                mine.extend(jobs);
            }
            mine
        }
    });
    let all = futures_util::future::join_all(claimers);
    let all = tokio::time::timeout(PATIENCE, all).await.expect("every ticket is found");

    let all: Vec<Leased> = all.into_iter().flatten().collect();
    let mut found = names(&all);
    found.sort_unstable();
    let expected: Vec<String> = (0..40).map(|n| format!("{n:02}")).collect();
    assert_eq!(found, expected);
    for job in &all {
        assert!(bench.end(job, Ending::Done(None)).await, "the claimer has the lease");
    }
}

async fn the_best_priority_comes_first_and_then_the_oldest(bench: Bench) {
    for (name, priority) in [("old", 4), ("late", 9), ("young", 4), ("urgent", 0)] {
        bench.push(&[Ticket { priority, ..ticket(name) }]).await;
        bench.clock.forward(Duration::from_millis(1));
    }

    let jobs = bench.claim("one", 9).await;

    assert_eq!(names(&jobs), ["urgent", "old", "young", "late"]);
}

async fn a_claim_takes_no_more_than_its_slots_and_only_of_its_queue(bench: Bench) {
    bench.push(&[ticket("a"), ticket("b"), ticket("c")]).await;
    bench.push(&[Ticket { queue: Queue::Media, ..ticket("other") }]).await;

    assert_eq!(bench.claim("one", 2).await.len(), 2);
    assert_eq!(bench.claim("one", 9).await.len(), 1);
    assert_eq!(bench.count("ready").await, 1, "the other queue's job still waits");
}

async fn a_key_is_taken_until_its_job_has_ended(bench: Bench) {
    let mut tomorrow = ticket("later");
    tomorrow.run_at = Some(bench.at(86_400));
    bench.push(&[ticket("a"), ticket("a"), tomorrow.clone()]).await;
    let first = bench.claim_one("one").await;

    bench.push(&[ticket("a"), ticket("later")]).await;
    let while_open = bench.claim("two", 9).await;
    bench.end(&first, Ending::Done(None)).await;
    bench.push(&[ticket("a")]).await;
    let again = bench.claim_one("two").await;
    bench.end(&again, Ending::Dead(error("broken"))).await;
    bench.push(&[ticket("a")]).await;

    assert_eq!(while_open, Vec::<Leased>::new());
    assert_ne!(again.id, first.id);
    assert_eq!(names(&bench.claim("three", 9).await), ["a"]);
    assert_eq!(bench.count("scheduled").await, 1);
}

async fn a_once_key_stays_taken(bench: Bench) {
    let tick = Ticket { once_key: Some("cron:sweep:1".into()), ..ticket("tick") };
    let next = Ticket { once_key: Some("cron:sweep:2".into()), ..ticket("tick") };
    bench.push(std::slice::from_ref(&tick)).await;
    let job = bench.claim_one("one").await;
    bench.end(&job, Ending::Done(None)).await;

    bench.push(&[tick]).await;
    let same = bench.claim("one", 9).await;
    bench.push(&[next]).await;

    assert_eq!(same, Vec::<Leased>::new());
    assert_eq!(names(&bench.claim("one", 9).await), ["tick"]);
}

async fn a_future_job_is_ready_when_its_time_has_come(bench: Bench) {
    let soon = Ticket { run_at: Some(bench.at(60)), ..ticket("soon") };
    let next_year = Ticket { run_at: Some(bench.at(31_536_000)), ..ticket("next year") };
    let due = [bench.at(60), bench.at(31_536_000)].map(Some);
    let next_due = async || bench.records.next_due().await.unwrap();
    assert_eq!(next_due().await, None);
    bench.push(&[next_year]).await;
    let far = next_due().await;
    bench.push(&[soon]).await;
    assert_eq!([next_due().await, far], due);
    assert!(!bench.records.any_ready().await.unwrap());

    bench.clock.forward(Duration::from_millis(59_999));
    let early = (bench.records.promote(100).await.unwrap(), bench.claim("one", 9).await.len());
    bench.clock.forward(Duration::from_millis(1));
    let due = bench.records.promote(100).await.unwrap();

    assert_eq!((early, due), ((0, 0), 1));
    assert!(bench.records.any_ready().await.unwrap());
    assert_eq!(names(&bench.claim("one", 9).await), ["soon"]);
    assert_eq!(bench.records.promote(100).await.unwrap(), 0);
}

async fn a_job_is_open_until_it_has_ended(bench: Bench) {
    let about = |id: &str| About { collection: "event_media", id: id.to_owned() };
    let open = async |id: &str| bench.records.is_open(&about(id)).await.unwrap();
    let scheduled = Ticket { run_at: Some(bench.at(60)), ..ticket("later") };
    bench.push(&[ticket("a"), scheduled]).await;

    let waiting = (open("a").await, open("later").await, open("never").await);
    let job = bench.claim_one("one").await;
    let running = open("a").await;
    bench.end(&job, Ending::Done(None)).await;
    let ended = open("a").await;
    let elsewhere = About { collection: "albums", id: "later".to_owned() };

    assert_eq!(waiting, (true, true, false));
    assert_eq!((running, ended), (true, false));
    assert!(!bench.records.is_open(&elsewhere).await.unwrap());
}
