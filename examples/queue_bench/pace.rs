//! How long a job waits that comes to idle workers, at a steady pace.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Wish,
    spent::percentile,
    stage::{Noop, Stage, starts},
};

/// A hundred a second.
const PACE: Duration = Duration::from_millis(10);
/// How often the disk is measured.
const SYNCS: usize = 200;

/// From before the push until the job begins, beside what one sync of the disk takes.
pub async fn measure(wish: &Wish) -> Value {
    let stage = Stage::open(wish).await;
    let (sync, slow_sync) = fdatasync(&wish.data);
    let pool = stage.start();
    let mut every = tokio::time::interval(PACE);
    let mut pushed = Vec::new();
    for n in 0..wish.jobs {
        every.tick().await;
        pushed.push(Instant::now());
        stage.push([Noop { n, is_timed: true }].into_iter(), |ticket| ticket).await;
    }
    stage.all_done(wish.jobs).await;
    pool.stop().await;

    let waited = |(n, at): (u32, Instant)| Some(at - *pushed.get(n as usize)?);
    let mut waits: Vec<Duration> = starts().into_iter().filter_map(waited).collect();
    json!({
        "p50": percentile(&mut waits, 0.5), "p99": percentile(&mut waits, 0.99), "fdatasync": sync,
        "fdatasyncP99": slow_sync,
    })
}

/// What one write of a page and its sync take on the disk of the data, in milliseconds: the middle
/// and the tail.
fn fdatasync(folder: &Path) -> (f64, f64) {
    let mut file = File::create(folder.join("sync")).unwrap();
    let mut took = Vec::new();
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        took.push(began.elapsed());
    }
    (percentile(&mut took, 0.5), percentile(&mut took, 0.99))
}
