//! HEIC and AVIF: small pictures inside, tiles, turns, damage.

use crate::fixtures::{fixture, limits, nameless};
use crate::picture::Wish;
use crate::{Code, DecodeError, Limits, Pictures, Size, heif, source, thumbnails};

fn pictures(path: &str, edge: u32) -> Result<Pictures, DecodeError> {
    let (file, format) = fixture(path);
    thumbnails(&file, format, &[Size::square(edge)], &limits())
}

/// The colour at a place of a still, as it is stored: before it is turned.
fn stored(path: &str, edge: u32, across: f64, down: f64) -> ([u8; 3], (u32, u32)) {
    let (file, _) = fixture(path);
    let limits = limits();
    let made = heif::decode(&file, Wish { sizes: &[Size::square(edge)], limits: &limits }).unwrap();
    let x = (f64::from(made.width) * across) as usize;
    let y = (f64::from(made.height) * down) as usize;
    let at = (y * made.width as usize + x) * 3;
    (made.pixels[at..at + 3].try_into().unwrap(), (made.width, made.height))
}

#[test]
fn the_small_picture_inside_is_used_where_it_is_large_enough() {
    // The picture has a red corner, the small one inside, of 160 x 120, a green one.
    let (small, held) = stored("images/thumbnail.heic", 160, 0.1, 0.1);
    assert_eq!(held, (160, 120));
    assert!(small[1] > 150 && small[0] < 90, "{small:?}");

    let (whole, held) = stored("images/thumbnail.heic", 161, 0.1, 0.1);
    assert_eq!(held, (320, 240));
    assert!(whole[0] > 170 && whole[1] < 90, "{whole:?}");
}

#[test]
fn a_turn_of_the_container_is_applied_once() {
    // 320 x 240 with a quarter turn anticlockwise.
    for edge in [160, 320] {
        let made = pictures("images/thumbnail.heic", edge).unwrap();
        let size = (made.thumbnails[0].width, made.thumbnails[0].height);
        assert_eq!(size, (edge * 3 / 4, edge));
    }
}

#[test]
fn tiles_make_one_picture_at_every_scale() {
    let whole = pictures("images/grid.avif", 1920).unwrap();
    assert_eq!((whole.thumbnails[0].width, whole.thumbnails[0].height), (1216, 912));
    assert!(!whole.truncated);

    let sizes = [150, 300, 600, 1216].map(|edge| stored("images/grid.avif", edge, 0.75, 0.75));
    for (colour, _) in &sizes {
        let far = |n: usize| colour[n].abs_diff(sizes[3].0[n]);
        assert!((0..3).all(|n| far(n) < 24), "{sizes:?}");
    }
    // Shrunk by a whole number while it is decoded.
    assert_eq!(sizes[0].1, (304, 228));
}

#[test]
fn more_memory_than_the_limit_is_refused_before_it_is_taken() {
    let (file, format) = fixture("images/grid.avif");
    let limits = Limits { memory_bytes: 100_000, ..limits() };

    let refusal = thumbnails(&file, format, &[], &limits).unwrap_err();

    assert_eq!(refusal.code, Code::MemoryLimit);
}

/// Each byte of the boxes and of the coded picture, made another one: no crash, no endless work.
#[test]
fn no_byte_that_is_another_one_does_harm() {
    for path in ["images/thumbnail.heic", "images/exif.avif", "images/alpha_clap.avif"] {
        let (file, format) = fixture(path);
        let whole = source::read(&file, &limits()).unwrap();
        for at in 0..whole.len().min(1_200) {
            for bits in [0x01, 0x80, 0xFF] {
                let mut bent = whole.clone();
                bent[at] ^= bits;
                let file = nameless(&bent);
                let size = Size::square(64);
                match thumbnails(&file, format, &[size], &limits()) {
                    Ok(made) => assert!(made.thumbnails[0].width <= 64),
                    Err(error) => assert_ne!(error.code, Code::DecodeTimeout, "{at} {bits}"),
                }
            }
        }
    }
}
