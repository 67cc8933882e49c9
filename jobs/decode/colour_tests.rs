//! Colours come out as a full conversion before shrinking gives them.

use std::io::Read;

use moxcms::{ColorProfile, Layout, TransformOptions};

use crate::fixtures::{fixture, limits};
use crate::picture::{Ink, Wish, fit};
use crate::turbo::{self, Wanted};
use crate::{Limits, Size, colour, jpeg_header, resize, thumbnails};

/// The upright picture of `path`, before it is compressed again.
fn shrunk_then_converted(path: &str, edge: u32, limits: &Limits) -> Vec<u8> {
    let (file, format) = fixture(path);
    thumbnails::still(&file, format, Wish { sizes: &[Size::square(edge)], limits })
        .unwrap()
        .0
        .into_raster()
        .unwrap()
        .rgb
}

/// All pixels in their own colours and in sRGB, each shrunk last.
fn shrunk_last(path: &str, edge: u32) -> (Vec<u8>, Vec<u8>) {
    let mut data = Vec::new();
    fixture(path).0.read_to_end(&mut data).unwrap();
    let wanted = Wanted { eighths: 8, ink: Ink::Rgb, memory_bytes: 64 << 20, scans: 1 };
    let whole = turbo::decompress(&data, wanted).unwrap();
    let icc = jpeg_header::read(&data).unwrap().icc.unwrap();
    let profile = ColorProfile::new_from_slice(&icc).unwrap();
    let options = TransformOptions { prefer_fixed_point: false, ..TransformOptions::default() };
    let srgb = ColorProfile::new_srgb();
    let transform =
        profile.create_transform_8bit(Layout::Rgb, &srgb, Layout::Rgb, options).unwrap();
    let mut converted = vec![0; whole.pixels.len()];
    transform.transform(&whole.pixels, &mut converted).unwrap();

    let from = (whole.width as u32, whole.height as u32);
    let to = fit(from.0, from.1, edge);
    let shrink = |pixels: &[u8]| resize::lanczos(pixels, 3, from, to).unwrap();
    (shrink(&whole.pixels), shrink(&converted))
}

/// The mean difference, and the share of values that differ by more than 2 levels.
fn distance(one: &[u8], other: &[u8]) -> (f64, f64) {
    assert_eq!(one.len(), other.len());
    let gaps: Vec<u8> = one.iter().zip(other).map(|(a, b)| a.abs_diff(*b)).collect();
    let far = gaps.iter().filter(|&&gap| gap > 2).count();
    let sum: u64 = gaps.iter().map(|&gap| u64::from(gap)).sum();
    (sum as f64 / gaps.len() as f64, far as f64 / gaps.len() as f64)
}

#[test]
fn wide_colours_come_out_as_if_converted_before_shrinking() {
    for path in ["images/adobe_rgb.jpg", "images/display_p3.jpg"] {
        let (untouched, reference) = shrunk_last(path, 200);
        let ours = shrunk_then_converted(path, 200, &limits());

        let (mean, far) = distance(&ours, &reference);
        assert!(mean < 0.5, "{path}: {mean} levels off");
        assert!(far < 0.02, "{path}: {far} of the values are more than 2 levels off");
        let (without, _) = distance(&untouched, &reference);
        assert!(without > 2.0, "{path}: the profile changes only {without} levels");
    }
}

#[test]
fn known_colours_are_converted_as_their_profiles_say() {
    // Display P3 of 200, 100, 50 and Adobe RGB of the same, by the matrices of CSS Color 4.
    let cases = [
        (ColorProfile::new_display_p3(), [200, 100, 50], [215, 93, 31]),
        (ColorProfile::new_adobe_rgb(), [200, 100, 50], [227, 100, 42]),
    ];
    for (profile, source, expected) in cases {
        let icc = profile.encode().unwrap();
        let rgb = colour::to_srgb(source.to_vec(), Ink::Rgb, Some(&icc));

        let near = rgb.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2);
        assert!(near, "{rgb:?} is not {expected:?}");
    }
}

#[test]
fn a_gray_profile_brightens_or_darkens() {
    let with = shrunk_then_converted("images/gray_gamma.jpg", 100, &limits());

    assert!(with.chunks(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
}

#[test]
fn a_profile_for_other_channels_or_of_chance_bytes_counts_as_none() {
    let srgb = ColorProfile::new_srgb().encode().unwrap();
    let gray = colour::to_srgb(vec![10, 200], Ink::Gray, Some(&srgb));
    assert_eq!(gray, [10, 10, 10, 200, 200, 200]);
    let rgb = colour::to_srgb(vec![1, 2, 3], Ink::Rgb, Some(&[0xAB; 200]));
    assert_eq!(rgb, [1, 2, 3]);
    let same = colour::to_srgb(vec![1, 2, 3], Ink::Rgb, Some(&srgb));
    assert_eq!(same, [1, 2, 3]);
}

#[test]
fn inks_without_a_profile_are_filters() {
    let rgb = colour::to_srgb(vec![0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255], Ink::Cmyk, None);

    assert_eq!(rgb, [255, 255, 255, 0, 255, 255, 0, 0, 0]);
}
