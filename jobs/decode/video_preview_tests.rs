//! Previews of films: what moves, how large, how long; damage and limits.

use std::time::{Duration, Instant};

use crate::fixtures::{corpus, fixture, format_of, limits, nameless};
use crate::picture::Wish;
use crate::thumbnails::still;
use crate::{Code, DecodeError, Format, Limits, Size, Thumbnail, facts, preview};

fn preview_of(path: &str, seconds: u32) -> Result<Option<Thumbnail>, DecodeError> {
    let (file, format) = fixture(path);
    preview(&file, format, seconds, &limits())
}

/// Pictures and seconds of an animation.
fn length(made: &Thumbnail) -> (u32, f64) {
    let facts = facts(&nameless(&made.bytes), Format::WebP, &limits()).unwrap();
    (facts.frames.unwrap_or(1), facts.duration_seconds.unwrap_or(0.0))
}

#[test]
fn a_turned_film_moves_upright_and_without_sound() {
    let made = preview_of("videos/rot90_gps.mp4", 3).unwrap().unwrap();

    assert_eq!((made.name.as_str(), made.width, made.height), ("preview", 90, 160));
    let (pictures, seconds) = length(&made);
    assert!(pictures >= 4 && seconds > 0.4, "{pictures} {seconds}");
    // As the poster has it: red above, cyan below.
    let wish = Wish { sizes: &[Size::square(160)], limits: &limits() };
    let (shown, _) = still(&nameless(&made.bytes), Format::WebP, wish).unwrap();
    let shown = shown.into_raster().unwrap();
    let colour = |y: usize| {
        let at = (y * 90 + 18) * 3;
        <[u8; 3]>::try_from(&shown.rgb[at..at + 3]).unwrap()
    };
    let [above, below] = [colour(8), colour(152)];
    assert!(above[0] > 180 && above[1] < 80, "{above:?}");
    assert!(below[0] < 80 && below[1] > 180 && below[2] > 180, "{below:?}");
}

#[test]
fn it_is_as_long_as_is_wished_and_the_film_allows() {
    for (seconds, least, most) in [(1, 0.9, 1.2), (3, 1.8, 2.2), (u32::MAX, 1.8, 2.2)] {
        let made = preview_of("videos/rot90_gps.mp4", seconds).unwrap().unwrap();

        let (pictures, length) = length(&made);
        assert!((least..=most).contains(&length), "{seconds}: {length}");
        assert!(f64::from(pictures) <= length * 8.0 + 1.0, "{pictures}");
    }
    assert!(preview_of("videos/rot90_gps.mp4", 0).unwrap().is_none());
}

#[test]
fn pixels_that_are_not_square_are_made_square() {
    let made = preview_of("videos/sar_64_45.mp4", 3).unwrap();

    assert!(made.is_none_or(|made| (made.width, made.height) == (182, 96)));
}

#[test]
fn a_film_that_is_cut_off_or_has_no_header_has_one() {
    for path in ["videos/truncated.webm", "videos/stream.ts"] {
        let made = preview_of(path, 3).unwrap().unwrap();

        assert!(length(&made).0 > 1, "{path}");
    }
}

#[test]
fn what_does_not_move_has_none() {
    for path in ["images/photo.jpg", "images/animated.webp", "videos/tone.m4a"] {
        assert!(preview_of(path, 3).unwrap().is_none(), "{path}");
    }
    for path in ["videos/black_only.mp4", "videos/pq.mp4"] {
        assert!(preview_of(path, 3).unwrap().is_none(), "{path}");
    }
}

#[test]
fn limits_hold_and_broken_films_are_refused() {
    let (file, format) = fixture("videos/rot90_gps.mp4");
    let code = |limits: &Limits| preview(&file, format, 3, limits).unwrap_err().code;

    assert_eq!(code(&Limits { memory_bytes: 100_000, ..limits() }), Code::MemoryLimit);
    assert_eq!(code(&Limits { pixels: 1000, ..limits() }), Code::PixelLimit);
    assert_eq!(code(&Limits { deadline: Instant::now(), ..limits() }), Code::DecodeTimeout);
    let broken = nameless(b"\0\0\0\x18ftypisom\0\0\0\0isommp42");
    assert_eq!(preview(&broken, format, 3, &limits()).unwrap_err().code, Code::CorruptFile);
}

#[test]
fn real_films_have_small_ones_in_little_time() {
    let Some(root) = corpus("truth.jsonl") else { return };
    let mut made = 0;

    for entry in std::fs::read_dir(root.join("video")).unwrap() {
        let path = entry.unwrap().path();
        let Some(format) = format_of(path.to_str().unwrap()) else { continue };
        let start = Instant::now();
        let answer = preview(&std::fs::File::open(&path).unwrap(), format, 3, &limits());
        assert!(start.elapsed() < Duration::from_secs(20), "{path:?}: {:?}", start.elapsed());
        if let Ok(Some(found)) = answer {
            let (bytes, (pictures, seconds)) = (found.bytes.len(), length(&found));
            println!("{path:?}: {bytes} B, {pictures}, {seconds} s, {:?}", start.elapsed());
            assert!(found.width.max(found.height) <= 320 && bytes < 2 << 20 && pictures <= 25);
            made += 1;
        }
    }

    assert!(made > 15, "{made}");
}
