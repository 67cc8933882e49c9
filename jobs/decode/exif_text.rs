//! Texts, times and places of EXIF and of films, as cameras write them.

use crate::Gps;

/// The longest text that is kept of a maker or model.
const TEXT_CHARS: usize = 128;

/// The text up to its first NUL, without the blanks around it; `None` when nothing is left.
pub(crate) fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let bytes = bytes.get(..end)?;
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // Old cameras write Latin-1 where the standard asks for ASCII.
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    let text: String = text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// `YYYY:MM:DD HH:MM:SS` as `YYYY-MM-DDTHH:MM:SS`, with the digits behind the second.
///
/// Other marks between the numbers are taken too: `/`, `-`, `T`. A time that is in no calendar
/// (`0000:00:00`, month 13, blanks) is none.
pub(crate) fn local_time(time: &str, fraction: Option<&str>) -> Option<String> {
    let bytes = time.as_bytes();
    let number = |at: usize, length: usize| -> Option<u32> {
        let digits = bytes.get(at..at + length)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    // A second of 60 is a leap second.
    if !is_date(year, month, day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let whole = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let fraction = fraction.unwrap_or_default().trim();
    let fraction = fraction.get(..fraction.len().min(9)).unwrap_or_default();
    Some(match !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("{whole}.{fraction}"),
        false => whole,
    })
}

fn is_date(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        1..=12 => 31,
        _ => 0,
    };
    year > 0 && (1..=days).contains(&day)
}

/// `+08:00`, `-0330` or `Z` in minutes.
pub(crate) fn offset_minutes(offset: &str) -> Option<i32> {
    if offset == "Z" {
        return Some(0);
    }
    let sign = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = offset.get(1..)?.chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = digits.split_at(2);
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    // The clocks of the earth are between -12:00 and +14:00.
    (minutes < 60 && hours <= 14).then_some(sign * (hours * 60 + minutes))
}

/// A place that can be: on the earth, and not where a camera without reception is (0, 0).
pub(crate) fn place(latitude: f64, longitude: f64) -> Option<Gps> {
    let possible = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    let known = latitude != 0.0 || longitude != 0.0;
    (possible && known).then_some(Gps { latitude, longitude })
}

/// A place by ISO 6709, as films have it: `+48.8584+002.2945/`.
pub(crate) fn iso_6709(text: &str) -> Option<Gps> {
    let is_sign = |c: char| c == '+' || c == '-';
    let rest = text.trim();
    let second = rest.get(1..)?.find(is_sign)? + 1;
    let (latitude, rest) = rest.split_at_checked(second)?;
    let end = rest.get(1..)?.find(|c| is_sign(c) || c == '/' || c == 'C');
    let longitude = rest.get(..end.map_or(rest.len(), |end| end + 1))?;
    place(degrees(latitude, 2)?, degrees(longitude, 3)?)
}

/// Degrees with `whole` digits, and minutes and seconds of two digits where there are any.
fn degrees(text: &str, whole: usize) -> Option<f64> {
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let text = text.strip_prefix(['+', '-'])?;
    let digits = text.split('.').next()?.len();
    let part = |at: usize, end: usize| text.get(at..end)?.parse::<f64>().ok();
    let minutes = |at| part(at, at + 2);
    let size = match digits.checked_sub(whole)? {
        0 => text.parse().ok()?,
        2 => part(0, whole)? + part(whole, text.len())? / 60.0,
        4 => part(0, whole)? + minutes(whole)? / 60.0 + part(whole + 2, text.len())? / 3600.0,
        _ => return None,
    };
    Some(sign * size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_at_its_first_nul() {
        assert_eq!(text(b"Canon\0\0garbage"), Some("Canon".to_owned()));
        assert_eq!(text(b"  NIKON CORPORATION \0"), Some("NIKON CORPORATION".to_owned()));
        assert_eq!(text(b"Soci\xe9t\xe9"), Some("Soci\u{e9}t\u{e9}".to_owned()));
        assert_eq!(text(b"\0\0\0"), None);
        assert_eq!(text(b"   "), None);
    }

    #[test]
    fn a_time_that_is_in_no_calendar_is_none() {
        for wrong in [
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "2024:13:01 10:00:00",
            "2023:02:29 10:00:00",
            "2024:02:30 10:00:00",
            "2024:05:17 24:00:00",
            "2024:05:17 10:60:00",
            "2024:05:17",
            "yesterday",
            "",
        ] {
            assert_eq!(local_time(wrong, None), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_is_written_in_one_way() {
        let time = |text, fraction| local_time(text, fraction).unwrap();

        assert_eq!(time("2024:05:17 10:20:30", None), "2024-05-17T10:20:30");
        assert_eq!(time("2024:02:29 10:20:30", Some("123")), "2024-02-29T10:20:30.123");
        assert_eq!(time("2002/07/13 00:07:18", Some("  ")), "2002-07-13T00:07:18");
        assert_eq!(time("2024-05-17T10:20:30", Some("-1")), "2024-05-17T10:20:30");
    }

    #[test]
    fn offsets_are_minutes() {
        assert_eq!(offset_minutes("+08:00"), Some(480));
        assert_eq!(offset_minutes("-0330"), Some(-210));
        assert_eq!(offset_minutes("Z"), Some(0));
        assert_eq!(offset_minutes("+25:00"), None);
        assert_eq!(offset_minutes("   :  "), None);
        assert_eq!(offset_minutes(""), None);
    }

    #[test]
    fn no_reception_is_no_place() {
        assert_eq!(place(0.0, 0.0), None);
        assert_eq!(place(91.0, 10.0), None);
        assert_eq!(place(10.0, f64::NAN), None);
        assert_eq!(place(0.0, 10.0), Some(Gps { latitude: 0.0, longitude: 10.0 }));
    }

    #[test]
    fn places_of_films_are_read() {
        let at = |text| iso_6709(text).map(|gps| (gps.latitude, gps.longitude));

        assert_eq!(at("+48.8584+002.2945/"), Some((48.8584, 2.2945)));
        assert_eq!(at("-33.5+151.25+010.000/"), Some((-33.5, 151.25)));
        assert_eq!(at("+4830.0-00230.0/"), Some((48.5, -2.5)));
        assert_eq!(at("+00.0000+000.0000/"), None);
        assert_eq!(at("+\u{e9}48+2"), None);
        assert_eq!(at("nowhere"), None);
    }
}
