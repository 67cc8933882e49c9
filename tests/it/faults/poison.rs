//! A job that ends every process it runs in, among others that do not.

use std::{collections::BTreeSet, time::Duration};

use jobs::ports::Ticket;

use super::{
    journal::What,
    kinds::{Abort, LANE},
    record::Record,
    within,
    yard::Yard,
};

/// So many good jobs.
const GOOD: usize = 100;
/// How many jobs run at once.
const PLACES: u32 = 8;
/// Each start of a worker is followed by its end, or by the end of all work, within this.
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test]
async fn a_job_that_ends_its_process_is_dead_after_three_crashes_and_no_other_is() {
    let yard = Yard::embedded(PLACES);
    let mut tickets: Vec<_> = (0..GOOD).map(|n| yard.linger(&format!("good-{n}"), 20)).collect();
    let abort = Abort { journal: yard.journal.0.clone(), name: "poison".to_owned() };
    tickets.insert(GOOD / 2, Ticket::of(&abort).unwrap());
    yard.open().await.push(&tickets).await;

    let mut died = Vec::new();
    let last = loop {
        let mut worker = yard.worker();
        let ended = within(PATIENCE, "an end", async || {
            let over = yard.journal.count(What::GivenUp) > 0;
            // A worker may die between a job's work and its record: that job works twice.
            let ends = yard.journal.entries().into_iter().filter(|entry| entry.what == What::End);
            let worked = ends.map(|entry| entry.name).collect::<BTreeSet<_>>().len() >= GOOD;
            worker.ended().map(Some).or((over && worked).then_some(None))
        })
        .await;
        match ended {
            None => break worker,
            Some(status) => assert!(!status.success(), "a worker ended by itself"),
        }
        died.push(worker.pid());
    };
    last.stop().await;

    let store = yard.open().await;
    let (done, dead) = (store.jobs("done").await, store.jobs("dead").await);
    let record = Record::new(yard.journal.entries(), &done);
    record.nothing_is_lost(GOOD);
    record.nothing_is_finished_twice();
    record.only_the_killed_are_begun_again(&died, PLACES as usize);
    assert_eq!(yard.journal.about(What::Start, "poison").len(), 3, "{died:?}");
    assert_eq!(died.len(), 3);
    assert_eq!(dead.len(), 1, "{dead:?}");
    let args = dead[0].get_document("args").unwrap();
    assert_eq!(args.get_str("name").unwrap(), "poison");
    assert_eq!(dead[0].get_str("queue").unwrap(), LANE.as_str());
    for state in ["new", "scheduled", "ready", "running"] {
        assert_eq!(store.count(state).await, Some(0), "{state}");
    }
}
