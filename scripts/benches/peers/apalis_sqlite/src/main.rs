//! apalis-sqlite on jobs that do nothing: all of them wait, then one worker works through them.
//!
//! usage: apalis_sqlite_peer FILE JOBS BATCH shipped|durable; prints one JSON object.
//! `shipped` is as its own `setup` leaves the file (no sync), `durable` syncs each commit.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteStorage};
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};

/// How often it is looked whether all is over; each look costs.
const LOOK: Duration = Duration::from_millis(20);

static DONE: AtomicU32 = AtomicU32::new(0);

async fn noop(_: u32) -> Result<(), BoxDynError> {
    DONE.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

async fn pool(file: &str, is_durable: bool) -> SqlitePool {
    let sync = if is_durable { SqliteSynchronous::Full } else { SqliteSynchronous::Off };
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(sync);
    let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    SqliteStorage::migrations().run(&pool).await.unwrap();
    pool
}

/// User and system time of this process, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let ticks = rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, jobs, batch, mode] = &arguments[..] else { panic!("usage: see above") };
    let (jobs, batch): (u32, usize) = (jobs.parse().unwrap(), batch.parse().unwrap());
    let config = Config::default().queue("noop").batch_size(batch);
    let pool = pool(file, mode == "durable").await;
    let mut storage = SqliteStorage::<u32>::new(&pool).with_config(config);
    for first in (0..jobs).step_by(500) {
        storage.push_bulk((first..jobs.min(first + 500)).collect()).await.unwrap();
    }

    let (began, before) = (Instant::now(), cpu());
    let storage = storage.poll_with_interval(Duration::from_millis(10));
    let worker = WorkerBuilder::new("noop").backend(storage).parallelize(tokio::spawn).build(noop);
    let running = tokio::spawn(worker.run());
    let done = "SELECT COUNT(*) FROM Jobs WHERE status = 'Done'";
    loop {
        tokio::time::sleep(LOOK).await;
        assert!(!running.is_finished(), "the worker ended");
        if DONE.load(Ordering::Relaxed) >= jobs {
            let done: i64 = sqlx::query_scalar(done).fetch_one(&pool).await.unwrap();
            if done >= i64::from(jobs) {
                break;
            }
        }
    }
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu() - before);
    let jobs = f64::from(jobs);
    let (rate, micros) = (jobs / seconds, cpu / jobs * 1e6);
    println!("{{\"jobsPerSecond\": {rate}, \"cpuMicrosPerJob\": {micros}}}");
}
