//! What exiftool and ffprobe say of a file beside what its finished document says.

use bson::DateTime;
use jobs::model::Media;
use serde_json::Value;

/// The fields that are compared.
const NAMES: [&str; FIELDS] = [
    "width",
    "height",
    "Orientation",
    "GPSLatitude",
    "GPSLongitude",
    "takenAt",
    "DateTimeOriginal",
    "OffsetTimeOriginal",
    "duration",
    "codec",
    "pages",
    "language",
];

/// How many they are.
const FIELDS: usize = 12;

/// Whether this field is compared.
pub fn compares(field: &str) -> bool {
    NAMES.contains(&field)
}

/// How many values agree, and where the two differ: the field, and what both say. Nothing said is
/// the empty text.
pub fn differences(
    path: &str,
    truth: &Value,
    media: &Media,
) -> (usize, Vec<(&'static str, String)>) {
    let (mut same, mut different) = (0, Vec::new());
    let both = theirs(path, truth).into_iter().zip(ours(media));
    for (name, (theirs, ours)) in NAMES.into_iter().zip(both) {
        if theirs != ours {
            different.push((name, format!("`{theirs}`, we say `{ours}`")));
        } else if !ours.is_empty() {
            same += 1;
        }
    }
    (same, different)
}

fn theirs(path: &str, truth: &Value) -> [String; FIELDS] {
    let (wide, high) = size_as_shown(path, truth);
    let (time, offset) = time(truth);
    let place = |name: &str| number(&truth[name]).filter(|degrees| *degrees != 0.0);
    let orientation = truth["Orientation"].as_u64().filter(|turn| (1..=8).contains(turn));
    let codec = stream(truth, "video").or(stream(truth, "audio")).map(|s| text(&s["codec"]));
    let language = text(&truth["Language"]).chars().take(2).collect();
    [
        digits(wide, 0),
        digits(high, 0),
        said(orientation),
        digits(place("GPSLatitude"), 4),
        digits(place("GPSLongitude"), 4),
        moment(&time, &offset),
        time,
        offset,
        digits(number(&truth["ffprobe"]["duration"]), 3),
        codec.unwrap_or_default(),
        digits(number(&truth["PageCount"]), 0),
        language,
    ]
}

fn ours(media: &Media) -> [String; FIELDS] {
    let metadata = &media.metadata;
    let exif = metadata.exif.clone().unwrap_or_default();
    // Theirs has no fractions of seconds.
    let whole = |time: String| time.chars().take(19).collect::<String>();
    let taken_at = media.taken_at.map(|at| at.try_to_rfc3339_string().unwrap());
    [
        said(metadata.dimensions.map(|size| size.width)),
        said(metadata.dimensions.map(|size| size.height)),
        said(exif.orientation),
        digits(exif.location.as_ref().map(|place| place.latitude), 4),
        digits(exif.location.as_ref().map(|place| place.longitude), 4),
        taken_at.map(whole).unwrap_or_default(),
        exif.local_time.map(whole).unwrap_or_default(),
        exif.offset.unwrap_or_default(),
        // ffprobe was asked about films and sound alone; `decode` compares animated pictures.
        digits(metadata.duration.filter(|_| metadata.frames.is_none()), 3),
        metadata.codec.clone().unwrap_or_default(),
        said(metadata.pages),
        metadata.language.clone().unwrap_or_default(),
    ]
}

/// Theirs is as stored; a quarter turn for display swaps the two.
fn size_as_shown(path: &str, truth: &Value) -> (Option<f64>, Option<f64>) {
    let (wide, high) = match stream(truth, "video") {
        Some(film) => (number(&film["width"]), number(&film["height"])),
        None => (number(&truth["ImageWidth"]), number(&truth["ImageHeight"])),
    };
    // In HEIF the box turns the picture, and the orientation in its EXIF is only a copy.
    let heif = path.ends_with(".heic") || path.ends_with(".avif");
    let turn = match stream(truth, "video") {
        Some(film) => number(&film["rotation"]),
        None => number(&truth["Rotation"]).filter(|_| heif),
    };
    let quarter = turn.is_some_and(|turn| turn.abs() % 180.0 == 90.0);
    let mirror = truth["Orientation"].as_u64().filter(|_| !heif);
    if quarter || mirror.is_some_and(|turn| (5..=8).contains(&turn)) {
        return (high, wide);
    }
    (wide, high)
}

/// The longest edge of a film's picture once its pixels are made square.
pub fn longest_edge(path: &str, truth: &Value) -> Option<u32> {
    let film = stream(truth, "video")?;
    let aspect = text(&film["sample_aspect_ratio"]);
    let aspect = aspect.split_once(':').and_then(|(wide, high)| {
        Some(wide.parse::<f64>().ok()? / high.parse::<f64>().ok()?).filter(|aspect| *aspect > 0.0)
    });
    let (wide, high) = size_as_shown(path, truth);
    let longest = (wide? * aspect.unwrap_or(1.0)).max(high?).round();
    format!("{longest:.0}").parse().ok()
}

/// The camera's time and its offset; films carry UTC as the moment at which they were made.
fn time(truth: &Value) -> (String, String) {
    let film = truth["ffprobe"].is_object();
    let made = text(&truth["CreateDate"]);
    let made = Some(made).filter(|time| film && !time.starts_with("0000"));
    let taken = Some(text(&truth["DateTimeOriginal"])).filter(|time| has_digits(time));
    let time = taken.or(made).unwrap_or_default();
    let time = time.trim_end_matches('Z').replacen(':', "-", 2).replacen(' ', "T", 1);
    let offset = text(&truth["OffsetTimeOriginal"]);
    if film && offset.is_empty() && !time.is_empty() {
        return (time, "+00:00".to_owned());
    }
    (time, offset)
}

fn has_digits(text: &str) -> bool {
    text.chars().any(|char| char.is_ascii_digit())
}

/// The moment in UTC; a time without an offset is read as UTC.
fn moment(time: &str, offset: &str) -> String {
    let offset = if offset.is_empty() { "Z" } else { offset };
    match DateTime::parse_rfc3339_str(format!("{time}{offset}")) {
        Ok(at) => at.try_to_rfc3339_string().unwrap().chars().take(19).collect(),
        Err(_) => String::new(),
    }
}

fn stream<'t>(truth: &'t Value, kind: &str) -> Option<&'t Value> {
    truth["ffprobe"]["streams"].as_array()?.iter().find(|stream| stream["type"] == kind)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().trim().to_owned()
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn digits(number: Option<f64>, places: usize) -> String {
    number.map_or_else(String::new, |number| format!("{number:.places$}"))
}

fn said(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
