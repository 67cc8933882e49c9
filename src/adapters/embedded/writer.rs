//! The one thread that writes: takes all that waits, writes it in one transaction, answers.
//!
//! One sync of the disk then pays for many writes, and no two connections fight for the lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;

use jobs::ports::PortError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::store::Store;

/// At most so many writes in one transaction, so that the first is not kept waiting by a flood.
const LARGEST_BATCH: usize = 512;

/// After a transaction of so many writes others are on their way, and the next one waits for them:
/// half of what a transaction costs does not depend on how much is in it.
const BUSY: usize = 8;
/// So long; less than the disk takes for a transaction.
const GATHER: std::time::Duration = std::time::Duration::from_micros(200);

/// Something to do on a connection, and somebody who waits for it.
pub(super) trait Job: Send {
    /// Does it. An error is the store's trouble: nothing of the transaction may stay.
    fn run(&mut self, store: &Store<'_>) -> Result<(), PortError>;
    /// Says how it ended; with an error, whatever `run` found out does not hold.
    fn answer(self: Box<Self>, end: Result<(), PortError>);
}

/// A closure as a job.
pub(super) struct Call<F, T> {
    work: Option<F>,
    outcome: Option<Result<T, PortError>>,
    to: oneshot::Sender<Result<T, PortError>>,
}

impl<F, T> Call<F, T> {
    /// The job, and where its answer will come.
    pub(super) fn new(work: F) -> (Box<Self>, oneshot::Receiver<Result<T, PortError>>) {
        let (to, answer) = oneshot::channel();
        (Box::new(Self { work: Some(work), outcome: None, to }), answer)
    }
}

impl<F, T> Job for Call<F, T>
where
    F: FnOnce(&Store<'_>) -> Result<T, PortError> + Send,
    T: Send,
{
    fn run(&mut self, store: &Store<'_>) -> Result<(), PortError> {
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        // The thread outlives whatever one call does to it.
        let done = catch_unwind(AssertUnwindSafe(|| work(store)));
        match done.unwrap_or_else(|_| Err(stumbled())) {
            Err(PortError::Unavailable(reason)) => Err(PortError::Unavailable(reason)),
            outcome => {
                self.outcome = Some(outcome);
                Ok(())
            }
        }
    }

    fn answer(self: Box<Self>, end: Result<(), PortError>) {
        let Self { outcome, to, .. } = *self;
        // Who has gone meanwhile does not want to know.
        drop(to.send(end.and_then(|()| outcome.unwrap_or_else(|| Err(stumbled())))));
    }
}

fn stumbled() -> PortError {
    PortError::Unavailable("the store stumbled over this call".to_owned())
}

/// Writes until nobody can ask any more.
pub(super) fn run(connection: &Connection, waiting: &Receiver<Box<dyn Job>>) {
    let (store, mut is_busy) = (Store::new(connection), false);
    while let Ok(first) = waiting.recv() {
        if is_busy {
            std::thread::sleep(GATHER);
        }
        let mut batch = vec![first];
        batch.extend(waiting.try_iter().take(LARGEST_BATCH - 1));
        is_busy = batch.len() >= BUSY;
        let end = write(&store, &mut batch);
        if let Err(error) = &end {
            tracing::warn!(%error, writes = batch.len(), "a transaction was undone");
        }
        batch.into_iter().for_each(|job| job.answer(end.clone()));
    }
}

/// One transaction around the whole batch.
fn write(store: &Store<'_>, batch: &mut [Box<dyn Job>]) -> Result<(), PortError> {
    let result = attempt(store, batch);
    if result.is_err() && !store.connection.is_autocommit() {
        // SQLite may have rolled back by itself; if this fails too, the next BEGIN says so.
        drop(store.connection.execute_batch("ROLLBACK"));
    }
    result
}

fn attempt(store: &Store<'_>, batch: &mut [Box<dyn Job>]) -> Result<(), PortError> {
    store.control("BEGIN IMMEDIATE")?;
    batch.iter_mut().try_for_each(|job| job.run(store))?;
    store.control("COMMIT")
}

#[cfg(test)]
mod tests {
    use bson::{Bson, doc};
    use jobs::ports::PortError;

    use crate::adapters::documents::{
        Collection, Documents, Guard, Index, IndexOption, Order, Query,
    };
    use crate::adapters::embedded::open;

    static THINGS: &[Collection] = &[Collection {
        name: "things",
        indexes: &[Index {
            name: "by_n",
            keys: &[("n", Order::Asc)],
            unique: false,
            only: &[],
            option: IndexOption::Plain,
        }],
    }];

    #[tokio::test]
    async fn a_full_disk_is_unavailable_until_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let (store, things) = (open(folder.path(), THINGS).unwrap(), &THINGS[0]);
        store.migrate().await.unwrap();
        let pages = |pages: u32| {
            store.write(move |store| {
                // SQLite's own disk, as it were: beyond it each write ends as on a full one.
                store.connection.pragma_update(None, "max_page_count", pages).unwrap();
                Ok(())
            })
        };
        pages(60).await.unwrap();

        let (mut stored, mut full) = (0, 0);
        for n in 0..40 {
            match store.insert(things, doc! {"_id": n, "n": n, "text": "x".repeat(9_000)}).await {
                Ok(()) => stored += 1,
                Err(PortError::Unavailable(_)) => full += 1,
                Err(other) => panic!("{other:?}"),
            }
        }

        assert!(stored > 5 && full > 5, "{stored} stored, {full} not");
        assert_eq!(store.count(things, Query::over("by_n", 99)).await.unwrap(), stored);
        pages(100_000).await.unwrap();
        store.insert(things, doc! {"_id": "room", "n": 1}).await.unwrap();
        assert!(store.delete(things, &Bson::from("room"), Guard::none()).await.unwrap());
    }
}
