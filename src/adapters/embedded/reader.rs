//! The threads that read, each on a connection of its own: they never wait for the writer.

use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use super::store::Store;
use super::writer::Job;

/// Reads until nobody can ask any more. The readers share one queue: who is free takes the next.
pub(super) fn run(connection: &Connection, waiting: &Mutex<Receiver<Box<dyn Job>>>) {
    let store = Store::new(connection);
    while let Some(mut job) = next(waiting) {
        // Each statement sees all that was committed before it began.
        let end = job.run(&store);
        job.answer(end);
    }
}

fn next(waiting: &Mutex<Receiver<Box<dyn Job>>>) -> Option<Box<dyn Job>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
