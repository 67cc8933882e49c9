//! Frames and time of animated pictures, also of hostile ones.

use std::io::Read;
use std::time::Instant;

use crate::corpus_tests::{look, report, truth, unexplained};
use crate::fixtures::{corpus, fixture, limits, nameless};
use crate::{Facts, Format, facts};

fn said(data: &[u8], format: Format) -> Facts {
    facts(&nameless(data), format, &limits()).unwrap()
}

fn bytes(path: &str) -> Vec<u8> {
    let mut data = Vec::new();
    fixture(path).0.read_to_end(&mut data).unwrap();
    data
}

#[test]
fn frames_and_time_of_each_kind() {
    let of = |path| {
        let (file, format) = fixture(path);
        let facts = facts(&file, format, &limits()).unwrap();
        (facts.frames, facts.duration_seconds)
    };

    assert_eq!(of("images/five_frames.gif"), (Some(5), Some(5.0)));
    assert_eq!(of("images/animated.webp"), (Some(6), Some(0.6)));
    assert_eq!(of("images/animated.png"), (Some(2), Some(0.2)));
    assert_eq!(of("images/alpha.gif"), (None, None));
    assert_eq!(of("images/lossy_alpha.webp"), (None, None));
}

/// A PNG of 1 x 1 by its header, with such chunks and no picture.
fn png(chunks: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let header: &[u8] = &[0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0];
    for (name, body) in [(&b"IHDR"[..], header)].iter().chain(chunks) {
        png.extend((body.len() as u32).to_be_bytes());
        png.extend([name, body, &[0; 4][..]].concat());
    }
    png
}

#[test]
fn delays_of_a_png_are_fractions_and_in_hundredths_without_a_lower_part() {
    let delay = |over: u16, under: u16| {
        let mut body = vec![0; 26];
        body[20..22].copy_from_slice(&over.to_be_bytes());
        body[22..24].copy_from_slice(&under.to_be_bytes());
        body
    };
    let (third, hundredths) = (delay(1, 3), delay(50, 0));
    let data = png(&[(b"fcTL", &third), (b"fcTL", &third), (b"fcTL", &hundredths)]);

    assert_eq!(said(&data, Format::Png).duration_seconds, Some(1.167));
}

#[test]
fn a_delay_of_a_gif_is_of_the_next_frame_alone() {
    let gif = bytes("images/five_frames.gif");
    let control = gif.windows(3).position(|three| three == [0x21, 0xF9, 4]).unwrap();
    // The delay of the first frame stands twice, the second time with 655.35 s.
    let mut twice = gif[control..control + 8].to_vec();
    twice[4..6].fill(0xFF);
    let data = [&gif[..control + 8], &twice, &gif[control + 8..]].concat();

    assert_eq!(said(&data, Format::Gif).duration_seconds, Some(655.35 + 4.0));
}

#[test]
fn frames_without_end_are_walked_over_in_time() {
    let start = Instant::now();
    let gif = bytes("images/five_frames.gif");
    let head = 13 + if gif[10] & 0x80 == 0 { 0 } else { 3 << ((gif[10] & 7) + 1) };
    let frame = [0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 0];
    let data = [&gif[..head], &frame.repeat(2_000_000)].concat();
    let mut webp = b"RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0".to_vec();
    webp.extend([2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let piece = [&b"ANMF\x10\0\0\0"[..], &[0xFF; 16]].concat();
    webp.extend(piece.repeat(1_000_000));
    let chunk = [&[0, 0, 0, 26][..], b"fcTL", &[0xFF; 26 + 4]].concat();
    let png = [png(&[]), chunk.repeat(500_000)].concat();

    for (data, format) in [(data, Format::Gif), (webp, Format::WebP), (png, Format::Png)] {
        assert!(said(&data, format).frames.unwrap() >= 100_000, "{format:?}");
    }
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn frames_and_time_agree_with_exiftool() {
    let Some(root) = corpus("truth.jsonl") else { return };
    let (mut same, mut different) = (0, Vec::new());

    for (path, truth) in truth(&root) {
        let is_animation = [".gif", ".webp"].iter().any(|ending| path.ends_with(ending));
        let Some(theirs) = truth["Duration"].as_f64().filter(|_| is_animation) else { continue };
        let Some((Ok(facts), _)) = look(&root, &path) else { continue };
        let Some(ours) = facts.duration_seconds else { continue };
        match (theirs - ours).abs() < 0.006 {
            true => same += 1,
            false => different.push(format!("{path} duration: {theirs}, we say {ours}")),
        }
    }

    report(&[("different", &different)]);
    println!("animations: {same} lengths agree");
    assert!(same > 5, "{same}");
    assert_eq!(unexplained(different), Vec::<String>::new());
}
