//! Keys of which only so many jobs run, while workers are killed.

use std::time::Duration;

use iven_worker::adapters::clock::SystemClock;
use jobs::{
    job::Limit,
    ports::{Clock, Ticket},
};

use super::{journal::What, record::Record, within, yard::Yard};
use crate::servers::mongodb_url;

/// So many of a key run at the same time.
const MOST: usize = 2;
/// What should happen has happened after so long, also on a busy machine with a slow server.
const PATIENCE: Duration = Duration::from_secs(240);

#[tokio::test]
async fn of_one_key_no_more_run_though_a_worker_is_killed() {
    let yard = Yard::mongodb(&mongodb_url(), 4);
    let store = yard.open().await;
    let limit = Some(Limit { key: "k".to_owned(), most: u32::try_from(MOST).unwrap() });
    let names: Vec<String> = (0..16).map(|n| format!("job-{n}")).collect();
    let tickets: Vec<Ticket> = names
        .iter()
        .map(|name| Ticket { limit: limit.clone(), ..yard.linger(name, 300) })
        .collect();
    store.push(&tickets).await;

    let mut workers = [yard.worker(), yard.worker(), yard.worker()];
    let victim = within(PATIENCE, "a job under way", async || {
        let begun = yard.journal.entries();
        let ended = yard.journal.count(What::End);
        begun.last().filter(|last| ended >= 2 && last.what == What::Start).map(|last| last.pid)
    })
    .await;
    let dying = workers.iter_mut().find(|worker| worker.pid() == victim).unwrap();
    dying.kill();
    let killed = SystemClock.now();
    within(PATIENCE, "the last end", async || (store.count("done").await? == 16).then_some(()))
        .await;

    let record = Record::new(yard.journal.entries(), &store.jobs("done").await);
    record.nothing_is_lost(16);
    record.nothing_is_finished_twice();
    let mut running = Vec::new();
    for entry in yard.journal.entries() {
        // What was in the killed process runs no more.
        running.retain(|(pid, name)| *name != entry.name && (*pid != victim || entry.at <= killed));
        if entry.what == What::Start {
            running.push((entry.pid, entry.name));
        }
        assert!(running.len() <= MOST, "{running:?} run at the same time");
    }
}
