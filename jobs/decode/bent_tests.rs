//! Bent files: each fixture with some bytes changed, which must be answered, not survived.

use std::fs::File;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::fixtures::{fixture, limits};
use crate::{Kind, facts, video};

const FIXTURES: &[&str] = &[
    "documents/fr_1page.pdf",
    "documents/french_no_lang.pdf",
    "images/animated.png",
    "images/animated.webp",
    "images/bigtiff.tif",
    "images/exif.avif",
    "images/exif_loop.jpg",
    "images/exif_prefix.webp",
    "images/five_frames.gif",
    "images/gps_iphone.jpg",
    "images/short.bmp",
    "videos/rot90_gps.mp4",
    "videos/stream.ts",
    "videos/tone.flac",
    "videos/tone.mp3",
    "videos/tone.opus",
    "videos/tone.wav",
    "videos/truncated.webm",
];

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // Xorshift, after Marsaglia.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// A file without a name that holds `bytes`.
fn nameless(bytes: &[u8]) -> File {
    let path = std::env::temp_dir().join(format!("iven-bent-{}", std::process::id()));
    let mut options = File::options();
    let mut file = options.read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[test]
fn bent_files_are_answered_in_time() {
    let mut dice = Dice(0x1234_5678_9ABC_DEF1);
    for path in FIXTURES {
        let (mut file, format) = fixture(path);
        let mut whole = Vec::new();
        file.read_to_end(&mut whole).unwrap();
        for round in 0..60 {
            let mut bent = whole.clone();
            // Headers are at the front, and at the end in some formats.
            let reach = if round % 2 == 0 { bent.len().min(512) } else { bent.len() };
            for _ in 0..=dice.below(8) {
                let at = dice.below(reach);
                bent[at] = [0x00, 0xFF, 0x7F, 0x80, bent[at] ^ 0x10][dice.below(5)];
            }
            if round % 5 == 0 {
                bent.truncate(dice.below(whole.len()).max(1));
            }
            let file = nameless(&bent);
            let start = Instant::now();

            let _ = facts(&file, format, &limits());
            if format.kind() == Kind::Video {
                let _ = video::poster(&file, format, &limits());
            }

            assert!(start.elapsed() < Duration::from_secs(5), "{path}, round {round}");
        }
    }
}
