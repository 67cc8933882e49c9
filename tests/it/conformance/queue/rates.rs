//! How fast lanes begin jobs, over all workers.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use bson::{Bson, doc};
use iven_worker::adapters::{
    documents::{Change, Guard},
    records::{Records, collections::QUEUES},
};
use jobs::{
    job::Queue,
    ports::{Drawn, JobBook, Rate, Rates},
};

use super::{Bench, on_every_engine};

/// Ten a second, ten at once.
const RATE: Rate = Rate { per_minute: 600, burst: Duration::from_secs(1) };

on_every_engine![
    a_lane_begins_its_burst_and_then_as_time_passes,
    what_is_put_back_is_drawn_again,
    workers_together_never_draw_more_than_burst_and_time_bring,
    a_lane_keeps_what_operators_said,
    what_cannot_be_read_is_an_empty_bucket,
];

async fn draw(bench: &Bench, wanted: u32) -> Drawn {
    bench.records.draw(Queue::Scan, RATE, wanted).await.unwrap()
}

async fn a_lane_begins_its_burst_and_then_as_time_passes(bench: Bench) {
    let burst = [draw(&bench, 6).await, draw(&bench, 6).await, draw(&bench, 6).await];
    let other = bench.records.draw(Queue::Media, RATE, 1).await.unwrap();
    bench.clock.forward(Duration::from_millis(250));
    let after = [draw(&bench, 6).await, draw(&bench, 6).await];

    let not_before = |millis| Drawn::NotBefore(Duration::from_millis(millis));
    assert_eq!(burst, [Drawn::Jobs(6), Drawn::Jobs(4), not_before(100)]);
    assert_eq!(other, Drawn::Jobs(1), "each lane has its own");
    assert_eq!(after, [Drawn::Jobs(2), not_before(50)]);
}

async fn what_is_put_back_is_drawn_again(bench: Bench) {
    bench.records.put_back(Queue::Scan, 5).await.unwrap();
    draw(&bench, 10).await;

    bench.records.put_back(Queue::Scan, 3).await.unwrap();
    let again = draw(&bench, 10).await;
    bench.records.put_back(Queue::Scan, 3).await.unwrap();
    bench.clock.forward(Duration::from_secs(60));

    assert_eq!(again, Drawn::Jobs(3));
    assert_eq!(draw(&bench, 99).await, Drawn::Jobs(10), "no more than the burst is kept");
}

/// Each with repositories of its own, as in processes of their own.
async fn workers_together_never_draw_more_than_burst_and_time_bring(bench: Bench) {
    let drawn = AtomicU32::new(0);

    for second in 0..3 {
        let workers = (0..4).map(|_| {
            let records = Records::new(bench.store.clone(), bench.clock.clone());
            let drawn = &drawn;
            async move {
                while let Drawn::Jobs(jobs) = records.draw(Queue::Scan, RATE, 3).await.unwrap() {
                    drawn.fetch_add(jobs, Ordering::SeqCst);
                    if jobs == 3 {
                        records.put_back(Queue::Scan, 1).await.unwrap();
                        drawn.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            }
        });
        futures_util::future::join_all(workers).await;

        assert_eq!(drawn.load(Ordering::SeqCst), 10 + second * 10);
        bench.clock.forward(Duration::from_secs(1));
    }
}

async fn a_lane_keeps_what_operators_said(bench: Bench) {
    bench.records.pause(Queue::Scan, true).await.unwrap();
    draw(&bench, 10).await;
    let paused = bench.records.paused().await.unwrap();
    bench.records.pause(Queue::Scan, false).await.unwrap();

    assert_eq!(paused, [Queue::Scan]);
    assert!(matches!(draw(&bench, 1).await, Drawn::NotBefore(_)), "a pause fills no bucket");
    assert_eq!(bench.records.draw(Queue::Media, RATE, 1).await.unwrap(), Drawn::Jobs(1));
    assert_eq!(bench.records.paused().await.unwrap(), Vec::<Queue>::new());
}

async fn what_cannot_be_read_is_an_empty_bucket(bench: Bench) {
    for odd in [Bson::from(7), Bson::from(doc! { "units": "many" }), Bson::from("full")] {
        draw(&bench, 1).await;
        let change = Change::new().set("rate", odd);
        let lane = Bson::from(Queue::Scan.as_str());
        bench.store.patch(&QUEUES, &lane, Guard::none(), change).await.unwrap().unwrap();

        assert!(matches!(draw(&bench, 1).await, Drawn::NotBefore(_)));
        bench.clock.forward(Duration::from_secs(1));
    }
}
