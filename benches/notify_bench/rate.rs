//! The same thing done many times, many at once: how fast, and for how much of the processors.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Does `one` so many times, with so many under way at once; it is told which time it is.
pub async fn measure<F, D>(times: usize, at_once: usize, one: F) -> Value
where
    F: Fn(usize) -> D + Send + Sync + 'static,
    D: Future<Output = ()> + Send,
{
    let (one, next) = (Arc::new(one), Arc::new(AtomicUsize::new(0)));
    let (began, before) = (Instant::now(), cpu());
    let mut hands = JoinSet::new();
    for _ in 0..at_once {
        let (one, next) = (Arc::clone(&one), Arc::clone(&next));
        hands.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= times {
                    return;
                }
                one(n).await;
            }
        });
    }
    hands.join_all().await;
    json!({
        "perSecond": times as f64 / began.elapsed().as_secs_f64(),
        "cpuMicros": (cpu() - before) * 1e6 / times as f64,
    })
}

/// The processor time spent so far, in seconds.
fn cpu() -> f64 {
    let mut spent = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of ours that outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut spent) };
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}
