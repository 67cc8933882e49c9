//! Bent files: each fixture with some bytes changed, which must be answered, not survived.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::fixtures::{fixture, limits, nameless};
use crate::{Size, facts, thumbnails};

const FIXTURES: &[&str] = &[
    "documents/fr_1page.pdf",
    "documents/french_no_lang.pdf",
    "images/411.jpg",
    "images/adobe_rgb.jpg",
    "images/alpha.gif",
    "images/animated.png",
    "images/animated.webp",
    "images/arithmetic.jpg",
    "images/bigtiff.tif",
    "images/cmyk.jpg",
    "images/display_p3.png",
    "images/exif.avif",
    "images/thumbnail.heic",
    "images/exif_loop.jpg",
    "images/exif_prefix.webp",
    "images/fax4.tif",
    "images/five_frames.gif",
    "images/float.tif",
    "images/gps_iphone.jpg",
    "images/interlaced.png",
    "images/lossy_alpha.webp",
    "images/palette4.tif",
    "images/palette_alpha.png",
    "images/planar.tif",
    "images/progressive.jpg",
    "images/restart.jpg",
    "images/rgba16.png",
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

#[test]
fn bent_files_are_answered_in_time() {
    let sizes = [40, 320].map(Size::square);
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
            let _ = thumbnails(&file, format, &sizes, &limits());

            assert!(start.elapsed() < Duration::from_secs(5), "{path}, round {round}");
        }
    }
}
