//! When a user is not to be woken, by the clock of the place where the user is. Pure.
//!
//! Where the clock is put forward over the end, the quiet ends at the first moment after the gap;
//! where it shows the end twice, at the first time.

use bson::DateTime;
use jiff::{
    Timestamp, ToSpan, Zoned,
    civil::{Time, time},
    tz::TimeZone,
};

use crate::{
    model::{NotificationId, QuietHours},
    ports::PortError,
};

/// What waited for the end comes within so many seconds after it, not all at once.
const SPREAD_SECONDS: i64 = 300;

/// Refuses what is no time of the day: `bad_quiet_hours`.
pub fn check(hours: &QuietHours) -> Result<(), PortError> {
    minutes(&hours.start).and(minutes(&hours.end)).map(drop).ok_or_else(|| {
        let message = "quietHours.start and quietHours.end are not of the form HH:MM";
        PortError::refused("bad_quiet_hours", message)
    })
}

/// Refuses what is no zone: `bad_time_zone`.
pub fn check_zone(name: &str) -> Result<(), PortError> {
    TimeZone::get(name).map(drop).map_err(|_| {
        let message = format!("{name:?} is no time zone such as Europe/Paris");
        PortError::refused("bad_time_zone", message)
    })
}

/// When the quiet that `now` lies in ends; `None` if none does. An unknown zone is that of UTC.
pub fn end(hours: &QuietHours, zone: Option<&str>, now: DateTime) -> Option<DateTime> {
    let (start, end) = (minutes(&hours.start)?, minutes(&hours.end)?);
    let zone = zone.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    let now = Timestamp::from_millisecond(now.timestamp_millis()).ok()?.to_zoned(zone);
    let here = now.time();
    let is_quiet = match start.cmp(&end) {
        std::cmp::Ordering::Less => (start..end).contains(&here),
        std::cmp::Ordering::Greater => here >= start || here < end,
        // The whole day: nobody means that, nothing would ever come.
        std::cmp::Ordering::Equal => false,
    };
    let day = if here < end { now.date() } else { now.date().checked_add(1.day()).ok()? };
    let end = day.to_datetime(end).to_zoned(now.time_zone().clone()).ok();
    // Where the clock shows the end twice, the quiet was over at the first time.
    end.filter(|end| is_quiet && *end > now)
        .map(|end: Zoned| DateTime::from_millis(end.timestamp().as_millisecond()))
}

/// A moment soon after `end`, another one for each notification, the same each time.
pub fn spread(end: DateTime, id: NotificationId) -> DateTime {
    let bytes = id.0.bytes();
    // The counter, which differs most between ids made together.
    let number = bytes.iter().skip(9).fold(0_i64, |number, byte| number * 256 + i64::from(*byte));
    let wait = number.wrapping_mul(7_919).rem_euclid(SPREAD_SECONDS * 1_000);
    DateTime::from_millis(end.timestamp_millis().saturating_add(wait))
}

/// The time of the day in `HH:MM`.
fn minutes(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| {
        let is_plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i8>().ok().filter(|_| is_plain)
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    ((0..24).contains(&hour) && (0..60).contains(&minute)).then(|| time(hour, minute, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime {
        DateTime::parse_rfc3339_str(text).unwrap()
    }

    fn hours(start: &str, end: &str) -> QuietHours {
        let (start, end) = (start.to_owned(), end.to_owned());
        QuietHours { start, end, channels: Vec::new(), except: Vec::new() }
    }

    fn paris(start: &str, stop: &str, now: &str) -> Option<DateTime> {
        end(&hours(start, stop), Some("Europe/Paris"), at(now))
    }

    #[test]
    fn a_night_ends_in_the_morning_of_the_users_own_place() {
        for (now, ends) in [
            ("2024-01-15T20:59:59Z", None),
            ("2024-01-15T21:00:00Z", Some("2024-01-16T06:00:00Z")),
            ("2024-01-16T05:59:59Z", Some("2024-01-16T06:00:00Z")),
            ("2024-01-16T06:00:00Z", None),
            ("2024-07-15T20:00:00Z", Some("2024-07-16T05:00:00Z")),
        ] {
            assert_eq!(paris("22:00", "07:00", now), ends.map(at), "{now}");
        }
        assert_eq!(
            paris("12:30", "14:00", "2024-01-15T12:00:00Z"),
            Some(at("2024-01-15T13:00:00Z"))
        );
        assert_eq!(paris("00:00", "00:00", "2024-01-15T12:00:00Z"), None);
    }

    #[test]
    fn the_night_on_which_the_clock_is_changed_ends_as_the_clock_says() {
        // Put forward at 02:00 to 03:00, and back at 03:00 to 02:00.
        for (start, stop, now, ends) in [
            ("22:00", "07:00", "2024-03-30T23:00:00Z", "2024-03-31T05:00:00Z"),
            ("22:00", "02:30", "2024-03-30T23:00:00Z", "2024-03-31T01:30:00Z"),
            ("22:00", "07:00", "2024-10-26T22:00:00Z", "2024-10-27T06:00:00Z"),
            ("22:00", "02:30", "2024-10-26T22:00:00Z", "2024-10-27T00:30:00Z"),
        ] {
            assert_eq!(paris(start, stop, now), Some(at(ends)), "{start} {stop} {now}");
        }
        // Half past two comes a second time, when the quiet is over.
        assert_eq!(paris("22:00", "02:30", "2024-10-27T01:10:00Z"), None);
    }

    #[test]
    fn what_is_no_time_is_refused_and_never_quiet() {
        for odd in ["24:00", "7:00", "07:60", "", "07", "-1:00", "0x:00", "07:00:00"] {
            assert!(check(&hours(odd, "07:00")).is_err(), "{odd}");
            assert_eq!(end(&hours("00:00", odd), None, at("2024-01-15T12:00:00Z")), None);
        }
    }

    #[test]
    fn what_waited_comes_one_after_the_other() {
        let end = at("2024-01-16T06:00:00Z");
        let ids: Vec<_> = (0..1_000).map(|_| NotificationId(bson::oid::ObjectId::new())).collect();

        let mut times: Vec<_> = ids.iter().map(|id| spread(end, *id)).collect();
        times.sort();

        let seconds = |time: &DateTime| (time.timestamp_millis() - end.timestamp_millis()) / 1_000;
        assert!(times.iter().all(|time| (0..300).contains(&seconds(time))));
        let minutes: Vec<_> =
            (0..5).map(|m| times.iter().filter(|time| seconds(time) / 60 == m).count()).collect();
        assert!(minutes.iter().all(|count| (100..400).contains(count)), "{minutes:?}");
    }
}
