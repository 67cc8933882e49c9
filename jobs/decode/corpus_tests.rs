//! A walk over the whole corpus: facts against what exiftool and ffprobe say of the same files.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fixtures::{corpus, format_of};
use crate::{DecodeError, Exif, Facts, Kind, Limits, facts, video};

/// What one file's facts are, and how long they took.
pub(crate) fn look(root: &Path, path: &str) -> Option<(Result<Facts, DecodeError>, Duration)> {
    let format = format_of(path)?;
    let file = File::open(root.join(path)).unwrap();
    let start = Instant::now();
    let facts = facts(&file, format, &Limits::within(Duration::from_secs(5)));
    Some((facts, start.elapsed()))
}

pub(crate) fn truth(root: &Path) -> Vec<(String, Value)> {
    let lines = std::fs::read_to_string(root.join("truth.jsonl")).unwrap();
    let values = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    values.map(|value| (value["path"].as_str().unwrap().to_owned(), value)).collect()
}

/// The fields of the agreement figure: theirs and ours in one notation, blank values as none.
fn fields(truth: &Value, exif: &Exif) -> Vec<(&'static str, Option<String>, Option<String>)> {
    let film = truth["ffprobe"].is_object();
    let text = |name: &str| truth[name].as_str().map(str::trim).map(str::to_owned);
    let number = |name: &str| truth[name].as_f64().filter(|number| *number != 0.0);
    let places = |digits: usize| move |number: f64| format!("{number:.digits$}");
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let time = |text: String| {
        let time = text.trim_end_matches('Z');
        let digits = time.chars().any(|c| c.is_ascii_digit());
        digits.then(|| time.replacen(':', "-", 2).replacen(' ', "T", 1))
    };
    let ours = exif.local_time.as_ref().map(|time| time[..19].to_owned());
    let offset = exif.offset_minutes.map(|minutes| {
        let (sign, size) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
        format!("{sign}{:02}:{:02}", size / 60, size % 60)
    });
    let place = |name| number(name).map(places(4));
    let created = text("CreateDate").filter(|time| film && !time.starts_with("0000"));
    let theirs_time = text("DateTimeOriginal").and_then(time).or(created.and_then(time));
    // Containers of films write UTC.
    let utc = theirs_time.as_ref().filter(|_| film).map(|_| "+00:00".to_owned());
    let theirs_offset = filled(text("OffsetTimeOriginal")).or(utc);
    vec![
        ("Make", filled(text("Make")), exif.make.clone()),
        ("Model", filled(text("Model")), exif.model.clone()),
        (
            "Orientation",
            number("Orientation").filter(|turn| *turn <= 8.0).map(places(0)),
            exif.orientation.map(|turn| turn.to_string()),
        ),
        ("DateTimeOriginal", theirs_time, ours),
        ("OffsetTimeOriginal", theirs_offset, offset),
        ("GPSLatitude", place("GPSLatitude"), exif.gps.map(|gps| places(4)(gps.latitude))),
        ("GPSLongitude", place("GPSLongitude"), exif.gps.map(|gps| places(4)(gps.longitude))),
        (
            "Flash",
            truth["Flash"].as_u64().map(|flash| (flash & 1 == 1).to_string()),
            exif.flash.map(|flash| flash.to_string()),
        ),
        ("FocalLength", number("FocalLength").map(places(2)), exif.focal_length_mm.map(places(2))),
        ("FNumber", number("FNumber").map(places(2)), exif.f_number.map(places(2))),
        ("ISO", number("ISO").map(places(0)), exif.iso.map(|iso| iso.to_string())),
    ]
}

#[test]
fn exif_agrees_with_exiftool() {
    let Some(root) = corpus("truth.jsonl") else { return };
    let (mut same, mut missing, mut more, mut wrong) = (0, Vec::new(), Vec::new(), Vec::new());

    for (path, truth) in truth(&root) {
        let Some((Ok(facts), _)) = look(&root, &path) else { continue };
        for (field, theirs, ours) in fields(&truth, &facts.exif.unwrap_or_default()) {
            let line = format!("{path} {field}: {theirs:?}, we say {ours:?}");
            match (theirs, ours) {
                (None, None) => {}
                (Some(theirs), Some(ours)) if theirs == ours => same += 1,
                (Some(_), None) => missing.push(line),
                (None, Some(_)) => more.push(line),
                _ => wrong.push(line),
            }
        }
    }

    report(&[("missing", &missing), ("more", &more), ("wrong", &wrong)]);
    let all = same + missing.len() + wrong.len();
    let percent = same as f64 / all as f64 * 100.0;
    println!("exif: {same} of {all} values agree, {percent:.2} %");
    assert!(percent >= 97.5, "{percent:.2} %");
    assert_eq!(unexplained(wrong), Vec::<String>::new());
    assert_eq!(unexplained(more), Vec::<String>::new());
}

/// Size as shown, frames, length, codec, rates: theirs and ours.
fn measures(path: &str, truth: &Value, facts: &Facts) -> Vec<(&'static str, String, String)> {
    let streams = truth["ffprobe"]["streams"].as_array().cloned().unwrap_or_default();
    let first = |kind: &str| streams.iter().find(|stream| stream["type"] == kind);
    let (video, audio) = (first("video"), first("audio"));
    let number = |value: &Value| {
        value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse::<f64>().ok()))
    };
    let rate = |value: &Value| {
        let (count, seconds) = value.as_str()?.split_once('/')?;
        Some(count.parse::<f64>().ok()? / seconds.parse::<f64>().ok()?)
    };
    let written = |value: Option<f64>| value.map_or_else(String::new, |v| format!("{v:.3}"));
    let source = video.unwrap_or(truth);
    let (wide, high) = match video {
        Some(_) => (number(&source["width"]), number(&source["height"])),
        None => (number(&source["ImageWidth"]), number(&source["ImageHeight"])),
    };
    let turn = video.and_then(|stream| number(&stream["rotation"]));
    // ffprobe counts against the clock.
    let turn = turn.map(|turn| (360.0 - turn) % 360.0);
    let heif = path.ends_with(".heic") || path.ends_with(".avif");
    let quarter = number(&truth["Rotation"]).filter(|_| heif).or(turn).unwrap_or(0.0) % 180.0;
    let exif_turn = truth["Orientation"].as_u64().filter(|_| !heif).unwrap_or(1);
    let sideways = quarter == 90.0 || (5..=8).contains(&exif_turn);
    let (wide, high) = if sideways { (high, wide) } else { (wide, high) };
    let probe = &truth["ffprobe"];
    let codec = video.or(audio).and_then(|stream| stream["codec"].as_str()).unwrap_or_default();
    let frames = number(&truth["FrameCount"]).filter(|_| path.ends_with(".gif"));
    let theirs_rate = number(&probe["bit_rate"]).map(|rate| (rate / 1000.0).round());
    let hertz = audio.and_then(|stream| number(&stream["sample_rate"]));
    let pages = number(&truth["PageCount"]);
    let language = truth["Language"].as_str().map(|tag| tag[..2].to_owned());
    vec![
        ("width", written(wide), written(facts.width.map(f64::from))),
        ("height", written(high), written(facts.height.map(f64::from))),
        ("rotation", written(turn), written(facts.rotation_degrees.map(f64::from))),
        (
            "duration",
            written(number(&probe["duration"])),
            // That of animations is compared elsewhere.
            written(facts.duration_seconds.filter(|_| facts.frames.is_none())),
        ),
        ("codec", codec.to_owned(), facts.codec.clone().unwrap_or_default()),
        (
            "frame rate",
            written(video.and_then(|stream| rate(&stream["avg_frame_rate"]))),
            written(facts.frame_rate),
        ),
        ("bitrate", written(theirs_rate), written(facts.bitrate_kbps.map(f64::from))),
        ("sample rate", written(hertz), written(facts.sample_rate_hz.map(f64::from))),
        ("frames", written(frames), written(facts.frames.map(f64::from).filter(|_| is_gif(path)))),
        ("pages", written(pages), written(facts.pages.map(f64::from))),
        ("language", language.unwrap_or_default(), facts.language.clone().unwrap_or_default()),
    ]
}

fn is_gif(path: &str) -> bool {
    path.ends_with(".gif")
}

pub(crate) fn report(lists: &[(&str, &Vec<String>)]) {
    for (name, list) in lists {
        println!("{name}: {}\n    {}", list.len(), list.join("\n    "));
    }
}

/// Leaves the lines for which `fixtures/disagreements.csv` has no reason.
pub(crate) fn unexplained(mut lines: Vec<String>) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/disagreements.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let mut reasons = Vec::new();
    for row in text.lines().skip(1) {
        let mut columns = row.splitn(3, ',');
        let (path, fields) = (columns.next().unwrap(), columns.next().unwrap());
        reasons.extend(fields.split(' ').map(|field| format!("{path} {field}: ")));
    }
    lines.retain(|line| !reasons.iter().any(|start| line.starts_with(start)));
    lines
}

#[test]
fn sizes_and_films_agree_with_exiftool_and_ffprobe() {
    let Some(root) = corpus("truth.jsonl") else { return };
    let (mut same, mut different) = (0, Vec::new());

    for (path, truth) in truth(&root) {
        let Some((Ok(facts), _)) = look(&root, &path) else { continue };
        for (field, theirs, ours) in measures(&path, &truth, &facts) {
            match theirs == ours {
                true if ours.is_empty() => {}
                true => same += 1,
                false => different.push(format!("{path} {field}: {theirs}, we say {ours}")),
            }
        }
    }

    report(&[("different", &different)]);
    println!("sizes and films: {same} values agree, {} do not", different.len());
    assert_eq!(unexplained(different), Vec::<String>::new());
}

#[test]
fn only_damaged_files_have_no_facts_and_none_takes_long() {
    let Some(root) = corpus("truth.jsonl") else { return };
    let mut refused = Vec::new();

    for (path, _) in truth(&root) {
        let Some((facts, time)) = look(&root, &path) else { continue };
        assert!(time < Duration::from_secs(2), "{path} took {time:?}");
        if let Err(error) = facts {
            refused.push(format!("{path} facts: {} ({error})", error.code.as_str()));
        }
    }

    report(&[("refused", &refused)]);
    assert_eq!(unexplained(refused), Vec::<String>::new());
}

#[test]
fn every_film_has_a_poster_that_shows_something() {
    let Some(root) = corpus("truth.jsonl") else { return };
    let mut refused = Vec::new();

    for (path, _) in truth(&root) {
        let Some(format) = format_of(&path).filter(|format| format.kind() == Kind::Video) else {
            continue;
        };
        let file = File::open(root.join(&path)).unwrap();
        let start = Instant::now();
        match video::poster(&file, format, &Limits::within(Duration::from_secs(5))) {
            Ok(poster) => {
                let pixels = poster.width as usize * poster.height as usize;
                assert_eq!(poster.rgb.len(), pixels * 3, "{path}");
                let (least, most) = (poster.rgb.iter().min(), poster.rgb.iter().max());
                assert!(most.unwrap() - least.unwrap() > 100, "{path} shows nothing");
            }
            Err(error) => refused.push(format!("{path} poster: {} ({error})", error.code.as_str())),
        }
        assert!(start.elapsed() < Duration::from_secs(2), "{path} took {:?}", start.elapsed());
    }

    report(&[("without a poster", &refused)]);
    assert_eq!(unexplained(refused), Vec::<String>::new());
}
