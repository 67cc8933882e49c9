//! Workers that are killed in the middle of their work.

use std::time::{Duration, Instant};

use iven_worker::worker::LEASE;

use super::{
    is_full,
    journal::What,
    record::Record,
    within,
    worker::Worker,
    yard::{Seen, Yard},
};
use crate::servers::{OwnServer, mongodb_url};

/// How many jobs a worker has at once.
const PLACES: u32 = 4;
/// The longest of the jobs among which workers die.
const LONGEST: Duration = Duration::from_millis(200);
/// No job of this length ends before its test does.
const ENDLESS: Duration = Duration::from_secs(500);
/// What should happen has happened after so long, also on a busy machine with a slow server.
const PATIENCE: Duration = Duration::from_secs(240);

#[tokio::test]
async fn workers_killed_at_random_lose_nothing_and_finish_nothing_twice() {
    let (count, kills, patience) =
        if is_full() { (5000, 50, PATIENCE * 10) } else { (160, 6, PATIENCE) };
    let mut chance = fastrand::Rng::with_seed(20_240_115);
    let yard = Yard::mongodb(&mongodb_url(), PLACES);
    let store = yard.open().await;
    let longest = u64::try_from(LONGEST.as_millis()).unwrap();
    let tickets: Vec<_> =
        (0..count).map(|n| yard.linger(&format!("job-{n}"), chance.u64(0..longest))).collect();
    // Two kills' work waits at any time: the more there is, the slower the test's server claims.
    let pace = count / (kills + 1);
    let mut waiting = tickets.chunks(pace);
    for some in waiting.by_ref().take(2) {
        store.push(some).await;
    }

    let mut workers: Vec<Worker> = (0..3).map(|_| yard.worker()).collect();
    let mut killed = Vec::new();
    for kill in 0..kills {
        let ends = kill * pace + chance.usize(1..=pace);
        within(patience, "work", async || (yard.journal.count(What::End) >= ends).then_some(()))
            .await;
        // Half of the kills come whenever they come; the others in the middle of a job.
        let busy = async || yard.journal.open().iter().find_map(|pid| position(&workers, *pid));
        let victim = match kill % 2 {
            0 => chance.usize(0..3),
            _ => within(patience, "a job in flight", busy).await,
        };
        let victim = &mut workers[victim];
        victim.kill();
        killed.push(victim.pid());
        *victim = yard.worker();
        store.push(waiting.next().unwrap_or_default()).await;
    }
    for some in waiting {
        store.push(some).await;
    }
    all_done(&yard, &store, count, patience).await;

    let record = Record::new(yard.journal.entries(), &store.jobs("done").await);
    record.nothing_is_lost(count);
    record.nothing_is_finished_twice();
    // As many may have run, and as many have left their place while their end was being written.
    let beyond = record.only_the_killed_are_begun_again(&killed, 2 * PLACES as usize);
    assert!(beyond > 0, "no kill hit a job");
    println!("{count} jobs, {kills} kills: {beyond} starts beyond one");
}

fn position(workers: &[Worker], pid: u32) -> Option<usize> {
    workers.iter().position(|worker| worker.pid() == pid)
}

/// Waits for the journal first: asking the store all the time would slow the workers down.
async fn all_done(yard: &Yard, store: &Seen, count: usize, patience: Duration) {
    within(patience, "the last work", async || {
        (yard.journal.count(What::End) >= count).then_some(())
    })
    .await;
    within(patience, "the last end", async || (store.count("done").await? >= count).then_some(()))
        .await;
}

/// Waits until the job has begun so often.
async fn begun(yard: &Yard, name: &str, times: usize) {
    within(PATIENCE, "a start", async || {
        (yard.journal.about(What::Start, name).len() >= times).then_some(())
    })
    .await;
}

fn endless() -> u64 {
    u64::try_from(ENDLESS.as_millis()).unwrap()
}

#[tokio::test]
async fn a_killed_workers_job_goes_on_elsewhere_within_a_lease_and_two_seconds() {
    // Other tests' load would be measured, too.
    let server = OwnServer::start();
    let url = server.as_ref().map_or_else(mongodb_url, |server| server.url.clone());
    let yard = Yard::mongodb(&url, 1);
    let store = yard.open().await;
    store.push(&[yard.linger("held", endless())]).await;
    let mut dying = yard.worker();
    begun(&yard, "held", 1).await;
    let other = yard.worker();
    // The dying one's only place is taken, so the other one is at work when this begins.
    store.push(&[yard.linger("probe", 0)]).await;
    begun(&yard, "probe", 1).await;
    assert_eq!(yard.journal.about(What::Start, "probe")[0].pid, other.pid());

    // Right after a renewal: the lease then lasts longest.
    let until = async || {
        let held = store.jobs("running").await;
        let lease = held.first()?.get_document("lease").ok()?;
        lease.get_datetime("until").ok().copied()
    };
    let before = within(PATIENCE, "a lease", until).await;
    within(PATIENCE, "a renewal", async || (until().await? > before).then_some(())).await;
    dying.kill();
    let killed = Instant::now();
    begun(&yard, "held", 2).await;
    let took = killed.elapsed();

    println!("the job of a killed worker began again after {took:?}");
    assert!(took <= LEASE + Duration::from_secs(2), "{took:?}");
    assert_eq!(yard.journal.about(What::Start, "held")[1].pid, other.pid());
}

#[tokio::test]
async fn a_worker_that_is_started_again_goes_on_within_two_seconds() {
    let yard = Yard::embedded(PLACES);
    yard.open().await.push(&[yard.linger("held", endless())]).await;
    let mut dying = yard.worker();
    begun(&yard, "held", 1).await;

    dying.kill();
    let killed = Instant::now();
    let _next = yard.worker();
    begun(&yard, "held", 2).await;
    let took = killed.elapsed();

    println!("the job of a killed worker began again in the next one after {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}
