//! Fields, zones, both changes of the clock, and late ticks.

use super::*;
use crate::model::ScheduleName;

fn at(text: &str) -> DateTime {
    DateTime::parse_rfc3339_str(text).unwrap()
}

fn ticks(cron: &str, zone: &str) -> Ticks {
    Ticks::of(&Rule { time_zone: zone.to_owned(), ..Rule::new("sweep", cron) }).unwrap()
}

/// The first `count` ticks after `from`, as the zone's clock shows them.
fn shown(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let ticks = ticks(cron, zone);
    let mut now = at(from);
    let next = || {
        now = ticks.after(now).unwrap();
        ticks.local(now).unwrap().strftime("%d %H:%M:%S %:z").to_string()
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn code(cron: &str, zone: &str) -> String {
    let rule = Rule { time_zone: zone.to_owned(), ..Rule::new("sweep", cron) };
    let ticked = Ticks::of(&rule).and_then(|ticks| ticks.after(at("2025-01-01T00:00:00Z")));
    match ticked {
        Err(PortError::Refused { code, .. }) => code,
        other => panic!("{cron} in {zone}: {other:?}"),
    }
}

#[test]
fn five_and_six_fields_are_read() {
    let from = "2025-01-31T22:59:58.500Z";

    let minutes = shown("*/20 * * * *", "UTC", from, 4);
    let seconds = shown("*/30 * * * * *", "UTC", from, 3);
    let fridays = shown("0 8 * * FRI", "UTC", from, 2);
    let last_days = shown("0 0 L * *", "UTC", from, 2);

    let expected = ["31 23:00:00", "31 23:20:00", "31 23:40:00", "01 00:00:00"];
    assert_eq!(minutes, expected.map(|time| format!("{time} +00:00")));
    let expected = ["31 23:00:00", "31 23:00:30", "31 23:01:00"];
    assert_eq!(seconds, expected.map(|time| format!("{time} +00:00")));
    assert_eq!(fridays, ["07 08:00:00 +00:00", "14 08:00:00 +00:00"]);
    assert_eq!(last_days, ["28 00:00:00 +00:00", "31 00:00:00 +00:00"]);
}

#[test]
fn a_time_is_that_of_the_zone() {
    for (zone, expected) in [
        ("Europe/Paris", "2025-07-01T06:00:00Z"),
        ("America/New_York", "2025-07-01T12:00:00Z"),
        ("Asia/Kolkata", "2025-07-01T02:30:00Z"),
        ("UTC", "2025-07-01T08:00:00Z"),
    ] {
        let next = ticks("0 8 * * *", zone).after(at("2025-07-01T00:00:00Z")).unwrap();
        assert_eq!(next, at(expected), "{zone}");
    }
}

#[test]
fn what_is_no_expression_or_never_comes_true_or_is_no_zone_is_refused() {
    for cron in ["", "a", "* * * *", "61 * * * *", "* * * * * 9", "*/0 * * * *", "* * * * * * 2030"]
    {
        assert_eq!(code(cron, "UTC"), "bad_cron", "{cron}");
    }
    assert_eq!(code("0 0 30 2 *", "UTC"), "bad_cron");
    assert_eq!(code("* * * * *", "Mars/Olympus"), "bad_time_zone");
    assert_eq!(code("* * * * *", ""), "bad_time_zone");
}

#[test]
fn half_past_two_runs_once_on_both_days_of_change() {
    let spring = shown("30 2 * * *", "Europe/Paris", "2025-03-29T00:00:00Z", 3);
    let autumn = shown("30 2 * * *", "Europe/Paris", "2025-10-25T00:00:00Z", 3);

    assert_eq!(spring, ["29 02:30:00 +01:00", "30 03:00:00 +02:00", "31 02:30:00 +02:00"]);
    assert_eq!(autumn, ["25 02:30:00 +02:00", "26 02:30:00 +02:00", "27 02:30:00 +01:00"]);
}

#[test]
fn steps_follow_the_clock_through_both_changes() {
    let spring = shown("*/30 * * * *", "Europe/Paris", "2025-03-30T00:20:00Z", 3);
    let autumn = shown("0 */30 * * * *", "Europe/Paris", "2025-10-26T00:10:00Z", 4);
    let list = shown("15,45 2 * * *", "Europe/Paris", "2025-03-29T12:00:00Z", 2);

    assert_eq!(spring, ["30 01:30:00 +01:00", "30 03:00:00 +02:00", "30 03:30:00 +02:00"]);
    let twice = ["26 02:30:00 +02:00", "26 02:00:00 +01:00", "26 02:30:00 +01:00"];
    assert_eq!(autumn[..3], twice);
    assert_eq!(autumn[3], "26 03:00:00 +01:00");
    assert_eq!(list, ["31 02:15:00 +02:00", "31 02:45:00 +02:00"]);
}

/// For every minute of the day: one tick a local day, at that time where the clock shows it; and
/// looking back from any moment finds the tick that looking forward has found.
#[test]
fn every_fixed_time_runs_once_a_day_around_both_changes() {
    for (zone, from, days) in [
        ("Europe/Paris", "2025-03-28T23:00:00Z", ["29", "30", "31"]),
        ("Europe/Paris", "2025-10-24T22:00:00Z", ["25", "26", "27"]),
        ("America/New_York", "2025-11-01T04:00:00Z", ["01", "02", "03"]),
        ("Australia/Lord_Howe", "2025-10-03T13:30:00Z", ["04", "05", "06"]),
    ] {
        for (hour, minute) in (0..24).flat_map(|hour| (0..60).map(move |minute| (hour, minute))) {
            let ticks = ticks(&format!("{minute} {hour} * * *"), zone);
            let mut last = DateTime::from_millis(at(from).timestamp_millis() - 1);
            for day in days {
                let next = ticks.after(last).unwrap();
                let local = ticks.local(next).unwrap();
                let clock = local.strftime("%d %H:%M").to_string();
                let on_day = local.date().at(hour, minute, 0, 0);
                let shown = ticks.zone.to_ambiguous_zoned(on_day);
                let expected = match shown.offset() {
                    jiff::tz::AmbiguousOffset::Gap { .. } => {
                        assert!(clock.starts_with(day), "{zone} {hour}:{minute} {clock}");
                        shown.later().unwrap().timestamp() >= local.timestamp()
                    }
                    _ => {
                        assert_eq!(clock, format!("{day} {hour:02}:{minute:02}"), "{zone}");
                        shown.earlier().unwrap().timestamp() == local.timestamp()
                    }
                };
                assert!(expected, "{zone} {hour}:{minute} {local}");
                for look in [next, later(next, Duration::from_secs(59))] {
                    assert_eq!(ticks.until(look).unwrap(), next, "{zone} back from {local}");
                }
                last = next;
            }
        }
    }
}

fn schedule(misfire: Misfire, cron: &str, next_at: &str) -> Schedule {
    let rule = Rule { misfire, ..Rule::new("sweep", cron) };
    let next_at = (!next_at.is_empty()).then(|| at(next_at));
    let name = ScheduleName("s".to_owned());
    Schedule { name, rule, paused: false, next_at, last_at: None }
}

fn planned(schedule: &Schedule, now: &str) -> (Vec<String>, String) {
    let Plan { fire, next } = plan(schedule, at(now)).unwrap().unwrap();
    let text = |at: DateTime| at.try_to_rfc3339_string().unwrap();
    (fire.into_iter().map(text).collect(), text(next))
}

const EVERY: [Misfire; 3] = [Misfire::FireOnce, Misfire::Skip, Misfire::All];

#[test]
fn a_tick_on_time_is_fired_by_every_policy() {
    for misfire in EVERY {
        let hourly = schedule(misfire, "0 * * * *", "2025-01-01T10:00:00Z");

        assert_eq!(plan(&hourly, at("2025-01-01T09:59:59.999Z")).unwrap(), None);
        for now in ["2025-01-01T10:00:00Z", "2025-01-01T10:01:00Z"] {
            let (fire, next) = planned(&hourly, now);
            assert_eq!(fire, ["2025-01-01T10:00:00Z"], "{misfire:?}");
            assert_eq!(next, "2025-01-01T11:00:00Z");
        }
    }
    let seconds = schedule(Misfire::Skip, "* * * * * *", "2025-01-01T10:00:00Z");
    assert_eq!(planned(&seconds, "2025-01-01T10:00:02.5Z").0.len(), 3, "each second has its job");
}

#[test]
fn missed_ticks_become_one_job_or_none_or_one_each() {
    let plans = EVERY.map(|misfire| {
        let hourly = schedule(misfire, "0 * * * *", "2025-01-01T10:00:00Z");
        planned(&hourly, "2025-01-01T12:30:00Z")
    });

    let hour = |hour: u8| format!("2025-01-01T{hour}:00:00Z");
    assert_eq!(plans[0].0, [hour(12)]);
    assert_eq!(plans[1].0, [""; 0]);
    assert_eq!(plans[2].0, [hour(10), hour(11), hour(12)]);
    assert!(plans.iter().all(|(_, next)| *next == hour(13)));
}

#[test]
fn a_missed_tick_beside_one_on_time_needs_no_job_of_its_own() {
    let minutes = schedule(Misfire::FireOnce, "* * * * *", "2025-01-01T10:00:00Z");

    let (fire, next) = planned(&minutes, "2025-01-01T10:03:30Z");

    assert_eq!(fire, ["2025-01-01T10:03:00Z"]);
    assert_eq!(next, "2025-01-01T10:04:00Z");
}

#[test]
fn what_is_older_than_the_window_is_never_made_up_for() {
    let window = |misfire, seconds| {
        let mut hourly = schedule(misfire, "0 * * * *", "2025-01-01T10:00:00Z");
        hourly.rule.catch_up_seconds = seconds;
        hourly
    };

    let now = "2025-01-01T12:30:00Z";
    assert_eq!(planned(&window(Misfire::All, 6000), now).0.len(), 2);
    assert_eq!(planned(&window(Misfire::FireOnce, 1700), now).0, [""; 0]);
    assert_eq!(planned(&window(Misfire::FireOnce, 1800), now).0.len(), 1);
    let (fire, next) = planned(&window(Misfire::All, u32::MAX), "2025-01-09T10:30:00Z");
    assert_eq!((fire.len(), fire[0].as_str()), (24, "2025-01-08T11:00:00Z"), "a day at most");
    assert_eq!(next, "2025-01-09T11:00:00Z");
}

#[test]
fn many_missed_ticks_are_made_up_for_in_batches() {
    let mut minutes = schedule(Misfire::All, "* * * * *", "2025-01-01T10:00:00Z");
    let now = "2025-01-01T12:30:00Z";

    let (first, next) = planned(&minutes, now);
    minutes.next_at = Some(at(&next));
    let (second, next) = planned(&minutes, now);

    assert_eq!((first.len(), second.len()), (100, 51));
    assert_eq!(second[0], "2025-01-01T11:40:00Z");
    assert_eq!(next, "2025-01-01T12:31:00Z");
}

#[test]
fn a_new_schedule_and_a_paused_one_only_find_out_when_they_are_due() {
    let new = schedule(Misfire::All, "0 * * * *", "");
    let mut paused = schedule(Misfire::All, "0 * * * *", "2025-01-01T10:00:00Z");
    paused.paused = true;

    for schedule in [new, paused] {
        let (fire, next) = planned(&schedule, "2025-01-01T12:30:00Z");
        assert_eq!((fire.len(), next.as_str()), (0, "2025-01-01T13:00:00Z"));
    }
}

#[test]
fn a_time_that_was_set_by_hand_is_a_tick() {
    for misfire in EVERY {
        let daily = schedule(misfire, "0 0 * * *", "2025-01-01T10:17:00Z");

        let (fire, next) = planned(&daily, "2025-01-01T10:17:01Z");

        assert_eq!(fire, ["2025-01-01T10:17:00Z"], "{misfire:?}");
        assert_eq!(next, "2025-01-02T00:00:00Z");
    }
}
