//! Small pictures: their sizes, their colours, upright, of every coding.

use std::io::Read;

use crate::fixtures::{fixture, limits, nameless};
use crate::picture::Ink;
use crate::turbo::{self, Wanted};
use crate::{Format, Pictures, Raster, Size, Thumbnail, thumbnails};

fn sizes(edges: &[u32]) -> Vec<Size> {
    edges.iter().copied().map(Size::square).collect()
}

fn pictures(path: &str, edges: &[u32]) -> Pictures {
    let (file, format) = fixture(path);
    thumbnails(&file, format, &sizes(edges), &limits()).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn only(path: &str, edge: u32) -> Raster {
    pixels(&pictures(path, &[edge]).thumbnails[0])
}

fn pixels(thumbnail: &Thumbnail) -> Raster {
    let wanted = Wanted { eighths: 8, ink: Ink::Rgb, memory_bytes: 64 << 20, scans: 1 };
    let decoded = turbo::decompress(&thumbnail.bytes, wanted).unwrap();
    assert_eq!(decoded.warning, None);
    let (width, height) = (decoded.width as u32, decoded.height as u32);
    assert_eq!((width, height), (thumbnail.width, thumbnail.height));
    Raster { width, height, rgb: decoded.pixels }
}

/// The mean difference of two pictures of the same size, in levels.
fn difference(one: &Raster, other: &Raster) -> f64 {
    assert_eq!((one.width, one.height), (other.width, other.height));
    let sum: u64 = one.rgb.iter().zip(&other.rgb).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.rgb.len() as f64
}

fn colour(raster: &Raster, x: u32, y: u32) -> [u8; 3] {
    let at = ((y * raster.width + x) * 3) as usize;
    raster.rgb[at..at + 3].try_into().unwrap()
}

fn is_near(colour: [u8; 3], expected: [u8; 3]) -> bool {
    colour.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 12)
}

#[test]
fn sizes_come_smallest_first_and_never_enlarge() {
    let made = pictures("images/photo.jpg", &[960, 100, 1920, 200]);

    let found: Vec<_> =
        made.thumbnails.iter().map(|it| (it.name.as_str(), it.width, it.height)).collect();
    assert_eq!(found, [("100", 100, 70), ("200", 200, 140), ("960", 320, 224)]);
    assert!(!made.truncated);
}

#[test]
fn a_size_that_holds_the_whole_source_is_the_last() {
    let made = pictures("images/photo.jpg", &[320, 960]);

    assert_eq!(made.thumbnails.len(), 1);
    assert_eq!((made.thumbnails[0].width, made.thumbnails[0].height), (320, 224));
}

#[test]
fn thumbnails_carry_no_metadata() {
    for path in ["images/display_p3.jpg", "images/orientation_6.jpg"] {
        let jpeg = &pictures(path, &[100]).thumbnails[0].bytes;

        let markers: Vec<u8> =
            jpeg.windows(2).filter(|pair| pair[0] == 0xFF).map(|pair| pair[1]).collect();
        assert!(!markers.iter().any(|marker| (0xE1..=0xEF).contains(marker)), "{path}");
    }
}

#[test]
fn all_orientations_give_the_same_upright_picture() {
    let upright = only("images/orientation_1.jpg", 90);
    for orientation in 2..=8 {
        let turned = only(&format!("images/orientation_{orientation}.jpg"), 90);

        // The pictures differ in the digit that is written on them.
        assert!(difference(&upright, &turned) < 6.0, "orientation {orientation}");
    }
}

#[test]
fn every_coding_of_a_jpeg_gives_the_same_picture() {
    let plain = only("images/photo.jpg", 160);
    for coding in [
        "411",
        "440",
        "arithmetic",
        "cmyk",
        "extraneous_bytes",
        "progressive",
        "restart",
        "rgb",
        "ycck",
    ] {
        let path = format!("images/{coding}.jpg");
        let other = pictures(&path, &[160]);

        assert!(difference(&plain, &pixels(&other.thumbnails[0])) < 4.0, "{coding}");
        assert!(!other.truncated, "{coding}");
    }
}

#[test]
fn a_progressive_preview_without_its_detail_scans_is_the_same() {
    let plain = only("images/photo.jpg", 40);
    let progressive = only("images/progressive.jpg", 40);

    assert!(difference(&plain, &progressive) < 1.5);
}

#[test]
fn a_gray_picture_is_gray() {
    let gray = only("images/gray.jpg", 100);

    assert!(gray.rgb.chunks(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
}

#[test]
fn a_cut_file_gives_a_picture_and_says_so() {
    let whole = only("images/photo.jpg", 100);
    let made = pictures("images/truncated.jpg", &[100]);

    assert!(made.truncated);
    let cut = pixels(&made.thumbnails[0]);
    let fifth = |raster: &Raster| {
        let rows = raster.height / 5;
        let rgb = raster.rgb[..(raster.width * rows * 3) as usize].to_vec();
        Raster { width: raster.width, height: rows, rgb }
    };
    // It is the library that reads a cut one; ours leaves out the fastest waves.
    let far = difference(&fifth(&whole), &fifth(&cut));
    assert!(far < 3.0, "what came before the cut is whole: {far}");
}

#[test]
fn transparency_is_seen_on_white_paper() {
    let gif = only("images/alpha.gif", 256);
    assert!(is_near(colour(&gif, 2, 250), [255; 3]), "{:?}", colour(&gif, 2, 250));
    let webp = only("images/lossy_alpha.webp", 100);
    assert!(is_near(colour(&webp, 1, 1), [255; 3]), "{:?}", colour(&webp, 1, 1));
    let png = only("images/palette_alpha.png", 32);
    assert!(is_near(colour(&png, 0, 0), [255; 3]), "{:?}", colour(&png, 0, 0));
    let animated = only("images/animated.png", 128);
    assert!(is_near(colour(&animated, 64, 32), [255, 0, 0]), "{:?}", colour(&animated, 64, 32));
}

#[test]
fn planes_palettes_bits_and_floats_of_tiff_are_read() {
    let planar = only("images/planar.tif", 16);
    assert!(is_near(colour(&planar, 4, 4), [64, 128, 128]), "{:?}", colour(&planar, 4, 4));
    let palette = only("images/palette4.tif", 16);
    let expected = [8 * 17, 0, 255 - 8 * 17];
    assert!(is_near(colour(&palette, 8, 4), expected), "{:?}", colour(&palette, 8, 4));
    let fax = only("images/fax4.tif", 460);
    assert!(is_near(colour(&fax, 0, 0), [255; 3]) || is_near(colour(&fax, 0, 0), [0; 3]));
    let float = only("images/float.tif", 32);
    let big = only("images/bigtiff.tif", 64);
    assert_eq!(((float.width, float.height), (big.width, big.height)), ((32, 32), (64, 64)));
}

#[test]
fn a_large_png_is_shrunk_while_it_is_read() {
    // Left half blue, right half a fine pattern of black and white that must become gray.
    let (width, height) = (1600u32, 1200u32);
    let mut data = Vec::new();
    let mut encoder = png::Encoder::new(&mut data, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pattern: Vec<u8> = rows
        .flat_map(|(x, y)| match (x < width / 2, (x + y) % 2) {
            (true, _) => [0, 0, 255],
            (false, 0) => [0; 3],
            (false, _) => [255; 3],
        })
        .collect();
    encoder.write_header().unwrap().write_image_data(&pattern).unwrap();
    let file = nameless(&data);

    let made = thumbnails(&file, Format::Png, &sizes(&[100]), &limits()).unwrap();

    let small = pixels(&made.thumbnails[0]);
    assert_eq!((small.width, small.height), (100, 75));
    assert!(is_near(colour(&small, 20, 40), [0, 0, 255]), "{:?}", colour(&small, 20, 40));
    assert!(is_near(colour(&small, 80, 40), [127; 3]), "{:?}", colour(&small, 80, 40));
}

#[test]
fn the_placeholder_has_the_colour_and_shape_of_the_picture() {
    let made = pictures("images/photo.jpg", &[160]);

    assert!((5..=25).contains(&made.placeholder.len()));
    let ratio = thumbhash::thumb_hash_to_approximate_aspect_ratio(&made.placeholder).unwrap();
    assert!((ratio - 320.0 / 224.0).abs() < 0.2, "{ratio}");
}

#[test]
fn a_film_has_a_poster_and_sound_and_pages_have_none() {
    let poster = pictures("videos/rot90_gps.mp4", &[160]);
    assert_eq!(poster.thumbnails.len(), 1);
    for path in ["videos/tone.mp3", "documents/fr_1page.pdf"] {
        let made = pictures(path, &[160]);

        assert!(made.thumbnails.is_empty() && made.placeholder.is_empty(), "{path}");
    }
}

#[test]
fn the_picture_of_music_is_its_cover_and_a_broken_cover_is_none() {
    let cover = pictures("sounds/cover.mp3", &[64]);
    assert_eq!((cover.thumbnails[0].width, cover.thumbnails[0].height), (64, 43));
    assert!(!cover.placeholder.is_empty());

    // The cover ends before its picture, and is of no known type.
    let mut bytes = Vec::new();
    fixture("sounds/cover.mp3").0.read_to_end(&mut bytes).unwrap();
    let start = bytes.windows(3).position(|three| three == [0xFF, 0xD8, 0xFF]).unwrap();
    for broken in [start..start + 2, start + 20..start + 400] {
        let mut music = bytes.clone();
        music[broken].fill(0);
        let made = thumbnails(&nameless(&music), Format::Mp3, &sizes(&[64]), &limits()).unwrap();
        assert!(made.thumbnails.is_empty());
    }
}
