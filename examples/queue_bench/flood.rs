//! Many jobs that are due in the same second, and urgent ones that come meanwhile.

use std::time::{Duration, Instant};

use jobs::ports::later;
use serde_json::{Value, json};

use crate::{
    Wish,
    spent::percentile,
    stage::{Noop, Stage, begun, starts},
};

/// How often an urgent one comes.
const URGENT_EVERY: Duration = Duration::from_millis(50);
/// The whole flood is written within this before it is due, for each 1,000 jobs.
const WRITTEN: Duration = Duration::from_millis(600);

pub async fn measure(wish: &Wish) -> Value {
    let stage = Stage::open(wish).await;
    let lead = Duration::from_secs(1) + WRITTEN * (wish.jobs / 1000);
    let due = later(stage.now(), lead);
    let jobs = (0..wish.jobs).map(|n| Noop { n, is_timed: false });
    stage
        .push(jobs, |mut ticket| {
            ticket.run_at = Some(due);
            ticket
        })
        .await;
    assert!(stage.now() < due, "the jobs are due before all of them are written");
    let pool = stage.start();
    while stage.now() < due {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    let began = Instant::now();
    let mut every = tokio::time::interval(URGENT_EVERY);
    let mut pushed = Vec::new();
    loop {
        every.tick().await;
        let n = u32::try_from(pushed.len()).unwrap();
        if begun() >= wish.jobs + n {
            break;
        }
        pushed.push(Instant::now());
        let urgent = |mut ticket: jobs::ports::Ticket| {
            ticket.priority = 0;
            ticket
        };
        stage.push([Noop { n, is_timed: true }].into_iter(), urgent).await;
    }
    let urgent = u32::try_from(pushed.len()).unwrap();
    stage.all_done(wish.jobs + urgent).await;
    let seconds = began.elapsed().as_secs_f64();
    let dead = stage.count("dead").await;
    pool.stop().await;

    let waited = |(n, at): (u32, Instant)| Some(at - *pushed.get(n as usize)?);
    let mut waits: Vec<Duration> = starts().into_iter().filter_map(waited).collect();
    json!({
        "seconds": seconds, "dead": dead, "urgent": urgent,
        "urgentP50": percentile(&mut waits, 0.5), "urgentP99": percentile(&mut waits, 0.99),
    })
}
