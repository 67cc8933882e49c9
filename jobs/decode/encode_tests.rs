//! Small pictures as files: what they show, how large they are, and that they tell nothing else.

use crate::fixtures::{fixture, limits, nameless};
use crate::picture::Wish;
use crate::thumbnails::still;
use crate::{Coding, Format, Framing, Pictures, Raster, Size, facts, thumbnails};

/// Every coding there is, with its format.
const CODINGS: [(Coding, Format); 3] =
    [(Coding::Jpeg, Format::Jpeg), (Coding::WebP, Format::WebP), (Coding::Avif, Format::Avif)];

fn size(framing: Framing, (width, height): (u32, u32), coding: Coding) -> Size {
    let name = format!("{width}x{height}");
    Size { name, width, height, framing, coding, quality: 80 }
}

fn made(path: &str, sizes: &[Size]) -> Pictures {
    let (file, format) = fixture(path);
    thumbnails(&file, format, sizes, &limits()).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// What our own decoder makes of a file in its full size.
fn decoded(bytes: &[u8], format: Format) -> Raster {
    let limits = limits();
    let wish = Wish { sizes: &[Size::square(8192)], limits: &limits };
    let (shown, truncated) = still(&nameless(bytes), format, wish).unwrap();
    assert!(!truncated);
    shown.into_raster().unwrap()
}

fn only(path: &str, size: Size) -> Raster {
    let (_, format) = CODINGS.into_iter().find(|(coding, _)| *coding == size.coding).unwrap();
    let made = made(path, &[size]);
    let raster = decoded(&made.thumbnails[0].bytes, format);
    let told = (made.thumbnails[0].width, made.thumbnails[0].height);
    assert_eq!((raster.width, raster.height), told);
    raster
}

/// The mean difference of two pictures of the same size, in levels.
fn difference(one: &Raster, other: &Raster) -> f64 {
    assert_eq!((one.width, one.height), (other.width, other.height));
    let sum: u64 = one.rgb.iter().zip(&other.rgb).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.rgb.len() as f64
}

/// A part of a picture, in whole pixels.
fn part(raster: &Raster, left: u32, top: u32, (width, height): (u32, u32)) -> Raster {
    let row = |y: u32| {
        let at = ((y * raster.width + left) * 3) as usize;
        raster.rgb[at..at + (width * 3) as usize].to_vec()
    };
    Raster { width, height, rgb: (top..top + height).flat_map(row).collect() }
}

#[test]
fn every_coding_shows_the_same_picture() {
    let plain = only("images/photo.jpg", size(Framing::Fit, (160, 160), Coding::Jpeg));
    for (coding, _) in CODINGS {
        let other = only("images/photo.jpg", size(Framing::Fit, (160, 160), coding));

        assert!(difference(&plain, &other) < 4.0, "{coding:?}");
    }
}

#[test]
fn a_covering_picture_is_the_middle_in_the_shape_of_the_box() {
    for (coding, _) in CODINGS {
        let whole = only("images/photo.jpg", size(Framing::Fit, (320, 320), coding));
        let wide = only("images/photo.jpg", size(Framing::Cover, (320, 100), coding));
        let tall = only("images/photo.jpg", size(Framing::Cover, (100, 224), coding));

        assert_eq!((whole.width, whole.height), (320, 224));
        assert!(difference(&part(&whole, 0, 62, (320, 100)), &wide) < 3.0, "{coding:?}");
        assert!(difference(&part(&whole, 110, 0, (100, 224)), &tall) < 3.0, "{coding:?}");
    }
}

#[test]
fn a_covering_picture_of_a_turned_source_is_upright_and_large_enough() {
    let wide = |path: &str| only(path, size(Framing::Cover, (90, 30), Coding::Jpeg));
    let upright = wide("images/orientation_1.jpg");
    for orientation in 2..=8 {
        let turned = wide(&format!("images/orientation_{orientation}.jpg"));

        assert_eq!((turned.width, turned.height), (90, 30));
        // The pictures differ in the digit that is written on them.
        assert!(difference(&upright, &turned) < 20.0, "orientation {orientation}");
    }
}

#[test]
fn a_covering_picture_of_a_small_source_is_not_enlarged() {
    let made = only("images/photo.jpg", size(Framing::Cover, (4000, 4000), Coding::Jpeg));

    assert_eq!((made.width, made.height), (224, 224));
}

#[test]
fn pictures_of_all_kinds_come_from_one_decode_the_smallest_first() {
    let sizes = [
        size(Framing::Fit, (200, 200), Coding::Jpeg),
        size(Framing::Cover, (64, 64), Coding::WebP),
        size(Framing::Fit, (300, 100), Coding::WebP),
    ];

    let made = made("images/photo.jpg", &sizes);

    let found: Vec<_> = made.thumbnails.iter().map(|it| (it.width, it.height, it.coding)).collect();
    let expected = [(64, 64, Coding::WebP), (143, 100, Coding::WebP), (200, 140, Coding::Jpeg)];
    assert_eq!(found, expected);
}

#[test]
fn a_lower_quality_takes_fewer_bytes() {
    for (coding, _) in CODINGS {
        let length = |quality| {
            let size = Size { quality, ..size(Framing::Fit, (300, 300), coding) };
            made("images/photo.jpg", &[size]).thumbnails[0].bytes.len()
        };

        assert!(length(30) < length(60) && length(60) < length(90), "{coding:?}");
    }
}

#[test]
fn no_coding_carries_metadata() {
    for path in ["images/display_p3.jpg", "images/gps_iphone.jpg", "images/exif_prefix.webp"] {
        for (coding, format) in CODINGS {
            let made = made(path, &[size(Framing::Fit, (100, 100), coding)]);
            let bytes = &made.thumbnails[0].bytes;

            assert_eq!(facts(&nameless(bytes), format, &limits()).unwrap().exif, None);
            for word in [&b"Exif"[..], b"EXIF", b"ICC_PROFILE", b"ICCP", b"XMP", b"http", b"Apple"]
            {
                let has = bytes.windows(word.len()).any(|window| window == word);
                assert!(!has, "{path} {coding:?} {}", String::from_utf8_lossy(word));
            }
        }
    }
}
