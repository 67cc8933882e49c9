//! Our pictures at an eighth are the library's.

use std::fs;

use turbojpeg_sys as sys;

use crate::fixtures::{corpus, limits};
use crate::jpeg_eighth;
use crate::jpeg_header;
use crate::picture::Ink;
use crate::turbo::{self, Decoded, Wanted};

fn ours(data: &[u8]) -> Option<Decoded> {
    jpeg_eighth::decode(data, &limits()).unwrap()
}

fn theirs(data: &[u8], channels: usize, eighths: u8) -> Decoded {
    let ink = if channels == 1 { Ink::Gray } else { Ink::Rgb };
    let wanted = Wanted { eighths, ink, memory_bytes: 256 << 20, scans: 1 };
    turbo::decompress(data, wanted).unwrap()
}

/// The largest difference, and the mean of all.
fn difference(one: &[u8], other: &[u8]) -> (u8, f64) {
    assert_eq!(one.len(), other.len());
    let gaps = one.iter().zip(other).map(|(a, b)| a.abs_diff(*b));
    let sum: u64 = gaps.clone().map(u64::from).sum();
    (gaps.max().unwrap(), sum as f64 / one.len() as f64)
}

/// Ours is the library's at an eighth; or where that takes one colour for several pixels, ours is
/// no farther than it from the means of all pixels.
fn check(case: &str, data: &[u8], small: &Decoded) {
    let channels = small.pixels.len() / (small.width * small.height);
    let eighth = theirs(data, channels, 1);
    assert_eq!((small.width, small.height), (eighth.width, eighth.height), "{case}");
    let (worst, mean) = difference(&small.pixels, &eighth.pixels);
    if worst > 3 {
        let whole = theirs(data, channels, 8);
        let means = means(&whole, channels);
        let (_, ours) = difference(&small.pixels, &means);
        let (_, other) = difference(&eighth.pixels, &means);
        assert!(ours <= other, "{case}: {worst}, {mean}; {ours} and {other} from the means");
    }
}

/// The mean of each block of 8 x 8 pixels, or of what there is of it.
fn means(whole: &Decoded, channels: usize) -> Vec<u8> {
    let (across, down) = (whole.width.div_ceil(8), whole.height.div_ceil(8));
    let mean = |n: usize| {
        let (block, channel) = (n / channels, n % channels);
        let (left, top) = (block % across * 8, block / across * 8);
        let (right, bottom) = ((left + 8).min(whole.width), (top + 8).min(whole.height));
        let places = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
        let values = places.map(|(x, y)| whole.pixels[(y * whole.width + x) * channels + channel]);
        let count = (right - left) * (bottom - top);
        ((values.map(usize::from).sum::<usize>() + count / 2) / count) as u8
    };
    (0..across * down * channels).map(mean).collect()
}

/// A picture with soft and hard edges in all colours.
pub(crate) fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut state = 1u32;
    let pixel = |n: u32| {
        let (x, y) = (n % width, n / width);
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 29) as u8;
        let edge = if (x / 21 + y / 13) % 3 == 0 { 120 } else { 0 };
        [(x * 255 / width) as u8, (y * 255 / height) as u8 ^ edge, edge + noise]
    };
    (0..width * height).flat_map(pixel).collect()
}

#[test]
fn every_usual_sampling_with_and_without_restarts_is_as_the_library_has_it() {
    let samplings = [
        sys::TJSAMP_TJSAMP_444,
        sys::TJSAMP_TJSAMP_420,
        sys::TJSAMP_TJSAMP_GRAY,
        sys::TJSAMP_TJSAMP_422,
        sys::TJSAMP_TJSAMP_440,
    ];
    for sampling in samplings {
        for (width, height) in [(1, 1), (8, 8), (17, 9), (333, 215), (640, 16)] {
            for (restart, quality, optimised) in [(0, 80, 0), (1, 95, 1), (7, 40, 0), (0, 100, 1)] {
                let parameters = [
                    (sys::TJPARAM_TJPARAM_SUBSAMP, sampling),
                    (sys::TJPARAM_TJPARAM_QUALITY, quality),
                    (sys::TJPARAM_TJPARAM_OPTIMIZE, optimised),
                    (sys::TJPARAM_TJPARAM_RESTARTBLOCKS, restart),
                ];
                let pixels = picture(width, height);
                let data = turbo::compress_with(&pixels, width, height, &parameters).unwrap();
                let case = format!("{sampling} {width} x {height}, {restart}, {quality}");

                let small = ours(&data).unwrap_or_else(|| panic!("{case}"));

                check(&case, &data, &small);
            }
        }
    }
}

#[test]
fn a_cut_or_bent_picture_is_left_to_the_library() {
    let parameters = [
        (sys::TJPARAM_TJPARAM_SUBSAMP, sys::TJSAMP_TJSAMP_420),
        (sys::TJPARAM_TJPARAM_QUALITY, 80),
        (sys::TJPARAM_TJPARAM_RESTARTBLOCKS, 5),
    ];
    let data = turbo::compress_with(&picture(200, 120), 200, 120, &parameters).unwrap();
    let whole = ours(&data).unwrap();
    let scan = data.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();

    // Without the end marker all blocks are there; without a byte before it they are not.
    assert_eq!(ours(&data[..data.len() - 2]).unwrap().pixels, whole.pixels);
    for length in (0..data.len() - 3).step_by(7) {
        assert!(ours(&data[..length]).is_none(), "{length}");
    }
    let mut differ = 0;
    for at in scan..data.len() {
        for bit in 0..8 {
            let mut bent = data.clone();
            bent[at] ^= 1 << bit;
            // Whatever it is, it is of this size.
            differ += usize::from(ours(&bent).is_none_or(|small| {
                assert_eq!(small.pixels.len(), whole.pixels.len());
                small.pixels != whole.pixels
            }));
        }
    }
    assert!(differ > 0);
}

#[test]
fn the_photos_of_the_corpus_are_as_the_library_has_them() {
    let Some(root) = corpus("manifest.csv") else { return };
    let (mut own, mut all) = (0, 0);
    for folder in ["photos", "orientation", "hostile"] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let data = fs::read(&path).unwrap();
            let Ok(header) = jpeg_header::read(&data) else { continue };
            let is_usual = header.frame.process == 0 && header.ended;
            all += usize::from(is_usual);
            let Some(small) = ours(&data).filter(|_| is_usual) else { continue };
            own += 1;
            check(&path.display().to_string(), &data, &small);
        }
    }
    assert!(own * 10 >= all * 8, "only {own} of {all}");
}
