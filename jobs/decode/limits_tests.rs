//! Each limit lets through what just meets it, and refuses one more by its own code.

use std::time::Duration;

use crate::fixtures::{fixture, limits};
use crate::{Code, Limits, Size, thumbnails};

/// How the small pictures of `path` end within `limits`.
fn made(path: &str, limits: &Limits) -> Result<(), Code> {
    let (file, format) = fixture(path);
    let made = thumbnails(&file, format, &[Size::square(32)], limits);
    made.map(drop).map_err(|error| error.code)
}

/// One of each format, with its pixels.
const PICTURES: [(&str, u64); 8] = [
    ("images/orientation_6.jpg", 0),
    ("images/rgba16.png", 0),
    ("images/five_frames.gif", 0),
    ("images/exif_prefix.webp", 320 * 240),
    ("images/bigtiff.tif", 64 * 64),
    ("images/short.bmp", 127 * 64),
    ("images/exif.avif", 192 * 256),
    ("videos/rot90_gps.mp4", 160 * 90),
];

#[test]
fn pixels_of_each_format() {
    for (path, pixels) in PICTURES {
        let (file, format) = fixture(path);
        let facts = crate::facts(&file, format, &limits()).unwrap();
        let said = u64::from(facts.width.unwrap()) * u64::from(facts.height.unwrap());
        assert!(pixels == 0 || pixels == said, "{path}: {said}");

        let enough = Limits { pixels: said, ..limits() };
        assert_eq!(made(path, &enough), Ok(()), "{path}");
        let few = Limits { pixels: said - 1, ..limits() };
        assert_eq!(made(path, &few), Err(Code::PixelLimit), "{path}");
    }
}

#[test]
fn frames_of_each_animation() {
    for (path, frames) in
        [("images/five_frames.gif", 5), ("images/animated.webp", 6), ("images/animated.png", 2)]
    {
        let enough = Limits { frames, ..limits() };
        assert_eq!(made(path, &enough), Ok(()), "{path}");
        let few = Limits { frames: frames - 1, ..limits() };
        assert_eq!(made(path, &few), Err(Code::FrameLimit), "{path}");
    }
}

#[test]
fn length_of_a_film() {
    let path = "videos/rot90_gps.mp4";

    let enough = Limits { film: Duration::from_secs(2), ..limits() };
    assert_eq!(made(path, &enough), Ok(()));
    let short = Limits { film: Duration::from_millis(1999), ..limits() };
    assert_eq!(made(path, &short), Err(Code::DurationLimit));
}

#[test]
fn bytes_of_a_still_picture() {
    let path = "images/photo.jpg";
    let still_bytes = fixture(path).0.metadata().unwrap().len();

    assert_eq!(made(path, &Limits { still_bytes, ..limits() }), Ok(()));
    let short = Limits { still_bytes: still_bytes - 1, ..limits() };
    assert_eq!(made(path, &short), Err(Code::FileTooLarge));
}

#[test]
fn memory_and_time() {
    let path = "images/rgba16.png";

    assert_eq!(made(path, &Limits { memory_bytes: 100, ..limits() }), Err(Code::MemoryLimit));
    assert_eq!(made(path, &Limits::within(Duration::ZERO)), Err(Code::DecodeTimeout));
}

#[test]
fn facts_are_read_of_what_is_not_decoded() {
    let none = Limits { pixels: 1, frames: 1, film: Duration::ZERO, ..limits() };

    for (path, _) in PICTURES {
        let (file, format) = fixture(path);
        assert!(crate::facts(&file, format, &none).unwrap().width.is_some(), "{path}");
    }
}
