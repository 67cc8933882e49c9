//! Schedules on both engines: one job a tick, however many schedulers there are and whoever dies.

use bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use iven_worker::{
    adapters::{
        documents::{Change, Documents, Guard},
        records::{
            Records,
            collections::{JOBS, SCHEDULES},
        },
    },
    worker::Scheduler,
};
use jobs::{
    job::Queue,
    model::{Misfire, Rule, Schedule, ScheduleName},
    ports::{Clock, Ending, Leases, PortError, Schedules, later},
};

use std::{sync::Arc, time::Duration};

use super::{Bench, on_every_engine};
use crate::{
    crash::fuse::{Fuse, Fused},
    house::{HandClock, jobs_in},
};

/// More writes than a round does here.
const MOST: i64 = 40;
const MINUTE: Duration = Duration::from_secs(60);

on_every_engine! {
    a_definition_leaves_alone_what_an_operator_has_changed,
    a_new_definition_counts_where_nobody_has_changed_the_old_one,
    a_schedule_moves_on_once,
    the_soonest_come_first_and_before_them_those_that_are_new,
    each_tick_of_what_is_built_in_is_one_job_with_three_schedulers,
    one_scheduler_that_dies_anywhere_loses_and_doubles_nothing,
    every_tick_has_its_job_through_both_changes_of_the_clock,
    a_paused_schedule_puts_nothing_and_makes_up_for_nothing,
    a_schedule_that_cannot_be_followed_does_not_stop_the_others,
    jitter_lets_a_job_wait_for_a_part_of_it,
}

fn name(name: &str) -> ScheduleName {
    ScheduleName(name.to_owned())
}

fn scheduler(store: Arc<dyn Documents>, clock: &Arc<HandClock>) -> Scheduler {
    let records = Arc::new(Records::new(store, clock.clone()));
    Scheduler::new(records.clone(), records, clock.clone())
}

impl Bench {
    fn scheduler(&self) -> Scheduler {
        scheduler(self.store.clone(), &self.clock)
    }

    async fn define(&self, called: &str, rule: &Rule) {
        self.records.define(&name(called), rule).await.unwrap();
    }

    async fn schedule(&self, called: &str) -> Schedule {
        self.records.schedule(&name(called)).await.unwrap()
    }

    async fn write(&self, called: &str, change: Change) {
        let id = Bson::from(called);
        self.store.patch(&SCHEDULES, &id, Guard::none(), change).await.unwrap().unwrap();
    }

    /// The jobs that have been put, oldest tick first.
    async fn put(&self) -> Vec<Document> {
        let mut jobs = Vec::new();
        for state in ["scheduled", "ready", "running", "done"] {
            let query = jobs_in(state);
            jobs.extend(self.store.find(&JOBS, query).await.unwrap());
        }
        jobs.sort_by_key(|job| job.get_datetime("runAt").copied().unwrap());
        jobs
    }

    async fn ticks(&self) -> Vec<DateTime> {
        self.put().await.iter().map(|job| *job.get_datetime("runAt").unwrap()).collect()
    }

    /// Does all that waits.
    async fn work(&self) {
        let until = later(self.clock.now(), MINUTE);
        for queue in Queue::ALL {
            for job in self.records.claim("hand", queue, 100, until).await.unwrap() {
                assert!(self.records.end(&job, Ending::Done(None)).await.unwrap());
            }
        }
    }
}

async fn a_definition_leaves_alone_what_an_operator_has_changed(bench: Bench) {
    let mut rule = Rule::new("sweep", "* * * * *");
    rule.args = doc! { "id": ObjectId::new(), "at": bench.clock.now(), "n": 5_i64 };
    bench.define("s", &rule).await;
    assert_eq!(bench.schedule("s").await.rule, rule);
    let at = bench.at(30);
    let change = Change::new().set("paused", true).set("cron", "*/5 * * * *").set("nextAt", at);
    bench.write("s", change).await;

    bench.define("s", &rule).await;
    let newer = Rule { catch_up_seconds: 60, cron: "*/2 * * * *".to_owned(), ..rule.clone() };
    bench.define("s", &newer).await;

    let Schedule { rule: stands, paused, next_at, .. } = bench.schedule("s").await;
    assert_eq!(stands, Rule { cron: "*/5 * * * *".to_owned(), ..newer });
    assert_eq!((paused, next_at), (true, Some(at)));
}

async fn a_new_definition_counts_where_nobody_has_changed_the_old_one(bench: Bench) {
    let rule = Rule::new("sweep", "* * * * *");
    bench.define("s", &rule).await;
    bench.write("s", Change::new().set("nextAt", bench.at(30)).set("paused", true)).await;

    let newer = Rule { time_zone: "Europe/Paris".to_owned(), ..rule };
    bench.define("s", &newer).await;

    let schedule = bench.schedule("s").await;
    assert_eq!(schedule.rule, newer);
    assert_eq!((schedule.paused, schedule.next_at), (true, None), "its next tick is another one");
}

async fn a_schedule_moves_on_once(bench: Bench) {
    bench.define("s", &Rule::new("sweep", "* * * * *")).await;
    let before = bench.schedule("s").await;
    let move_on = async |before: &Schedule, seconds: u64| {
        let next = bench.at(seconds);
        bench.records.move_on(before, next, Some(bench.clock.now())).await.unwrap()
    };

    assert!(move_on(&before, 60).await);
    assert!(!move_on(&before, 120).await, "somebody else was first");
    let after = bench.schedule("s").await;
    assert_eq!((after.next_at, after.last_at), (Some(bench.at(60)), Some(bench.clock.now())));
    bench.write("s", Change::new().set("cron", "*/7 * * * *")).await;
    assert!(!move_on(&after, 120).await, "its times are others now");
    let missing = bench.records.schedule(&name("none")).await;
    assert!(matches!(missing, Err(PortError::Missing(_))));
}

async fn the_soonest_come_first_and_before_them_those_that_are_new(bench: Bench) {
    for (called, next) in [("late", Some(90)), ("soon", Some(30)), ("new", None)] {
        bench.define(called, &Rule::new("sweep", "* * * * *")).await;
        if let Some(next) = next {
            bench.write(called, Change::new().set("nextAt", bench.at(next))).await;
        }
    }

    let soonest = bench.records.soonest(2).await.unwrap();

    let names: Vec<&str> = soonest.iter().map(|schedule| schedule.name.0.as_str()).collect();
    assert_eq!(names, ["new", "soon"]);
}

async fn each_tick_of_what_is_built_in_is_one_job_with_three_schedulers(bench: Bench) {
    let three = [(); 3].map(|()| bench.scheduler());
    let [a, b, c] = &three;
    let all = async || {
        let (a, b, c) = tokio::join!(a.round(), b.round(), c.round());
        a.unwrap().min(b.unwrap()).min(c.unwrap())
    };
    let (a_defined, b_defined, c_defined) = tokio::join!(a.define(), b.define(), c.define());
    a_defined.and(b_defined).and(c_defined).unwrap();
    let begin = bench.clock.now();

    for minute in 0..5_usize {
        let pause = all().await;
        assert_eq!(pause, Duration::from_secs(10), "nothing to do for longer than the cap");
        assert_eq!(bench.put().await.len(), 2 * minute, "one of each");
        bench.clock.forward(MINUTE - Duration::from_millis(400));
        assert_eq!(all().await, Duration::from_millis(400), "it looks when the tick is due");
        bench.clock.forward(Duration::from_millis(400));
        all().await;
        bench.work().await;
    }

    let expected: Vec<DateTime> = (1..=5).map(|minute| later(begin, MINUTE * minute)).collect();
    let both = expected.iter().flat_map(|tick| [*tick; 2]).collect::<Vec<_>>();
    assert_eq!(bench.ticks().await, both);
    assert_eq!(bench.schedule("sweep").await.last_at, expected.last().copied());
}

async fn one_scheduler_that_dies_anywhere_loses_and_doubles_nothing(bench: Bench) {
    for misfire in [Misfire::FireOnce, Misfire::Skip, Misfire::All] {
        for writes in 0..MOST {
            let called = format!("{misfire:?}-{writes}");
            let rule = Rule { misfire, ..Rule::new("sweep", "* * * * *") };
            bench.define(&called, &rule).await;
            let before = bench.put().await.len();
            let fuse = Fuse::after(writes);
            let store = Fused::<dyn Documents> { inner: bench.store.clone(), fuse: fuse.clone() };
            let dying = scheduler(Arc::new(store), &bench.clock);
            let others = [bench.scheduler(), bench.scheduler()];

            let life = async {
                for _ in 0..3 {
                    dying.round().await.unwrap();
                    bench.work().await;
                    bench.clock.forward(MINUTE);
                }
            };
            let survived = tokio::select! {
                biased;
                () = fuse.blown() => false,
                () = life => true,
            };
            drop(dying);
            // Until the third tick is over for everybody.
            let begin = bench.schedule(&called).await.next_at;
            for _ in 0..4 {
                let (a, b) = tokio::join!(others[0].round(), others[1].round());
                a.and(b).unwrap();
                bench.work().await;
                bench.clock.forward(MINUTE);
            }

            let mut ticks = bench.ticks().await.split_off(before);
            let put = ticks.len();
            ticks.dedup();
            assert_eq!(ticks.len(), put, "{called}: a tick has two jobs");
            let gaps = ticks
                .windows(2)
                .map(|pair| pair[1].timestamp_millis() - pair[0].timestamp_millis());
            assert!(gaps.clone().all(|gap| gap == 60_000), "{called}: a tick has no job");
            assert!(put >= 3, "{called} died at {begin:?}: {put} jobs");
            let id = Bson::from(called.as_str());
            assert!(bench.store.delete(&SCHEDULES, &id, Guard::none()).await.unwrap());
            if survived {
                assert!(writes >= 3, "the fuse was in the way");
                break;
            }
        }
    }
}

async fn every_tick_has_its_job_through_both_changes_of_the_clock(bench: Bench) {
    let zone = "Europe/Paris".to_owned();
    let rule = Rule { time_zone: zone, ..Rule::new("sweep", "30 2 * * *") };
    bench.define("nightly", &rule).await;
    let mut expected = Vec::new();
    for (from, ticks) in [
        (
            "2025-03-29T00:00:00Z",
            ["2025-03-29T01:30:00Z", "2025-03-30T01:00:00Z", "2025-03-31T00:30:00Z"],
        ),
        (
            "2025-10-25T00:00:00Z",
            ["2025-10-25T00:30:00Z", "2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z"],
        ),
    ] {
        let from = DateTime::parse_rfc3339_str(from).unwrap();
        let ahead = from.timestamp_millis() - bench.clock.now().timestamp_millis();
        bench.clock.forward(Duration::from_millis(ahead.try_into().unwrap()));
        bench.write("nightly", Change::new().unset("nextAt")).await;
        let three = [(); 3].map(|()| bench.scheduler());
        for _ in 0..3 * 48 {
            let [a, b, c] = &three;
            let (a, b, c) = tokio::join!(a.round(), b.round(), c.round());
            a.and(b).and(c).unwrap();
            bench.work().await;
            bench.clock.forward(Duration::from_secs(1800));
        }
        expected.extend(ticks.map(|tick| DateTime::parse_rfc3339_str(tick).unwrap()));
    }

    assert_eq!(bench.ticks().await, expected);
}

async fn a_paused_schedule_puts_nothing_and_makes_up_for_nothing(bench: Bench) {
    let rule = Rule { misfire: Misfire::All, ..Rule::new("sweep", "* * * * *") };
    bench.define("s", &rule).await;
    let scheduler = bench.scheduler();
    let minutes = async |count: u32| {
        for _ in 0..count {
            scheduler.round().await.unwrap();
            bench.clock.forward(MINUTE);
        }
    };

    bench.write("s", Change::new().set("paused", true)).await;
    minutes(5).await;
    let paused = bench.put().await.len();
    scheduler.round().await.unwrap();
    bench.write("s", Change::new().set("paused", false)).await;
    minutes(2).await;

    assert_eq!((paused, bench.put().await.len()), (0, 1), "only the tick after the pause");
}

async fn a_schedule_that_cannot_be_followed_does_not_stop_the_others(bench: Bench) {
    let zone = Rule { time_zone: "Mars".to_owned(), ..Rule::new("sweep", "* * * * *") };
    let never = Rule::new("sweep", "0 0 30 2 *");
    let unknown = Rule::new("of_tomorrow", "* * * * *");
    for (called, rule) in [("a", zone), ("b", never), ("c", unknown)] {
        bench.define(called, &rule).await;
    }
    bench.write("c", Change::new().set("nextAt", bench.clock.now())).await;
    bench.define("d", &Rule::new("sweep", "* * * * *")).await;
    let scheduler = bench.scheduler();

    scheduler.round().await.unwrap();
    bench.clock.forward(MINUTE);
    scheduler.round().await.unwrap();

    assert_eq!(bench.put().await.len(), 1);
    let left = bench.schedule("c").await.next_at;
    assert_eq!(
        left,
        Some(later(bench.clock.now(), Duration::ZERO))
            .map(|now| { DateTime::from_millis(now.timestamp_millis() - 60_000) }),
        "a version that knows the kind finds it still due"
    );
    bench.write("a", Change::new().set("timeZone", "Europe/Paris")).await;
    scheduler.round().await.unwrap();
    assert!(bench.schedule("a").await.next_at.is_some(), "what is put right is followed");
}

async fn jitter_lets_a_job_wait_for_a_part_of_it(bench: Bench) {
    let rule =
        Rule { jitter_seconds: 30, misfire: Misfire::All, ..Rule::new("sweep", "* * * * *") };
    bench.define("s", &rule).await;
    let scheduler = bench.scheduler();
    let begin = bench.clock.now();

    for _ in 0..20 {
        scheduler.round().await.unwrap();
        bench.clock.forward(MINUTE);
    }

    let late: Vec<i64> = bench
        .ticks()
        .await
        .iter()
        .zip(1_i64..)
        .map(|(at, minute)| at.timestamp_millis() - begin.timestamp_millis() - minute * 60_000)
        .collect();
    assert_eq!(late.len(), 19);
    assert!(late.iter().all(|late| (0..30_000).contains(late)), "{late:?}");
    assert!(late.iter().any(|first| *first != late[0]), "{late:?}");
}
