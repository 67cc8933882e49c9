//! How fast waiting jobs are worked through.

use std::time::Instant;

use serde_json::{Value, json};

use crate::{
    Wish, spent,
    stage::{Noop, Stage},
};

/// From the start of the workers until the store knows of every job that it is done.
pub async fn measure(wish: &Wish) -> Value {
    let stage = Stage::open(wish).await;
    stage.push((0..wish.jobs).map(|n| Noop { n, is_timed: false }), |ticket| ticket).await;

    let (began, before) = (Instant::now(), spent::cpu());
    let pool = stage.start();
    stage.all_done(wish.jobs).await;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), spent::cpu() - before);
    pool.stop().await;

    let jobs = f64::from(wish.jobs);
    json!({ "jobsPerSecond": jobs / seconds, "cpuMicrosPerJob": cpu / jobs * 1e6 })
}
