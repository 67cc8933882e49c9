//! Our pictures at a half have the slow waves of the library's, and no others.

use std::f64::consts::PI;
use std::fs;

use turbojpeg_sys as sys;

use crate::fixtures::{corpus, limits};
use crate::jpeg_eighth_tests::picture;
use crate::picture::Ink;
use crate::planes::{Plane, Planes};
use crate::turbo::{self, Wanted};
use crate::{jpeg_half, jpeg_header};

const SAMPLINGS: [sys::TJSAMP; 4] = [
    sys::TJSAMP_TJSAMP_444,
    sys::TJSAMP_TJSAMP_420,
    sys::TJSAMP_TJSAMP_422,
    sys::TJSAMP_TJSAMP_440,
];

fn ours(data: &[u8]) -> Option<Planes> {
    jpeg_half::decode(data, &limits()).unwrap()
}

fn wanted() -> Wanted {
    Wanted { eighths: 8, ink: Ink::Rgb, memory_bytes: 256 << 20, scans: 1 }
}

/// The wave of this number at this place, of so many places.
fn wave(number: usize, place: usize, of: usize) -> f64 {
    let by = if number == 0 { (1.0 / of as f64).sqrt() } else { (2.0 / of as f64).sqrt() };
    by * ((2 * place + 1) as f64 * number as f64 * PI / (2 * of) as f64).cos()
}

/// What means of two have of the four slowest waves of eight values.
fn halved(eight: [f64; 8]) -> [f64; 4] {
    let part = |number| (0..8).map(|place| eight[place] * wave(number, place, 8)).sum::<f64>();
    let parts = [0, 1, 2, 3].map(part);
    let left = |number: usize| (number as f64 * PI / 16.0).cos();
    let value = |place| {
        (0..4).map(|number| left(number) * parts[number] * wave(number, place, 4)).sum::<f64>()
    };
    [0, 1, 2, 3].map(|place| value(place) / 2f64.sqrt())
}

/// The largest difference and the mean of all, of blocks that are whole, between ours and what
/// comes of the library's whole plane.
fn difference(ours: &Plane, whole: &Plane) -> (f64, f64) {
    assert_eq!(ours.panels, whole.panels);
    assert_eq!(ours.size, (whole.size.0.div_ceil(2), whole.size.1.div_ceil(2)));
    let (mut worst, mut sum, mut count) = (0.0f64, 0.0, 0);
    let (across, down) = (whole.size.0 as usize / 8, whole.size.1 as usize / 8);
    for panel in 0..ours.panels {
        for block in 0..across * down {
            let (left, top) = (block % across * 8, block / across * 8);
            let at = |y| (top + y) * whole.row() + panel * whole.held.0 + left;
            let rows: [[f64; 4]; 8] = std::array::from_fn(|y| {
                halved(std::array::from_fn(|x| f64::from(whole.bytes[at(y) + x])))
            });
            for x in 0..4 {
                let column = halved(rows.map(|row| row[x]));
                for (y, value) in column.iter().enumerate() {
                    let at = (top / 2 + y) * ours.row() + panel * ours.held.0 + left / 2 + x;
                    let gap = (f64::from(ours.bytes[at]) - value.clamp(0.0, 255.0)).abs();
                    worst = worst.max(gap);
                    sum += gap;
                    count += 1;
                }
            }
        }
    }
    (worst, sum / f64::from(count.max(1)))
}

/// `most`: where a whole picture has bytes that are cut to what a byte holds, its waves are others.
fn check(case: &str, data: &[u8], made: &Planes, most: f64) {
    let (whole, _) = turbo::decompress_planes(data, wanted()).unwrap().unwrap();
    for (ours, whole) in [(&made.light, &whole.light), (&made.colours, &whole.colours)] {
        let (worst, mean) = difference(ours, whole);
        assert!(worst <= most && mean < 0.5, "{case}: {worst}, {mean}");
    }
}

#[test]
fn every_usual_sampling_with_and_without_restarts_has_the_slow_waves() {
    for sampling in SAMPLINGS {
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

                let made = ours(&data).unwrap_or_else(|| panic!("{case}"));

                assert_eq!(made.size(), (width.div_ceil(2), height.div_ceil(2)), "{case}");
                check(&case, &data, &made, 8.0);
            }
        }
    }
}

#[test]
fn a_grey_picture_and_a_cut_or_bent_one_are_left_to_the_library() {
    let of = |sampling| {
        let parameters = [
            (sys::TJPARAM_TJPARAM_SUBSAMP, sampling),
            (sys::TJPARAM_TJPARAM_QUALITY, 80),
            (sys::TJPARAM_TJPARAM_RESTARTBLOCKS, 5),
        ];
        turbo::compress_with(&picture(200, 120), 200, 120, &parameters).unwrap()
    };
    let data = of(sys::TJSAMP_TJSAMP_420);
    let whole = ours(&data).unwrap();
    let scan = data.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();

    assert!(ours(&of(sys::TJSAMP_TJSAMP_GRAY)).is_none());
    assert_eq!(ours(&data[..data.len() - 2]).unwrap().light.bytes, whole.light.bytes);
    for length in (0..data.len() - 3).step_by(7) {
        assert!(ours(&data[..length]).is_none(), "{length}");
    }
    let mut differ = 0;
    for at in scan..data.len() {
        for bit in 0..8 {
            let mut bent = data.clone();
            bent[at] ^= 1 << bit;
            // Whatever it is, it is of this size.
            differ += usize::from(ours(&bent).is_none_or(|made| {
                assert_eq!(made.size(), whole.size());
                made.light.bytes != whole.light.bytes
            }));
        }
    }
    assert!(differ > 0);
}

#[test]
fn the_photos_of_the_corpus_have_the_slow_waves() {
    let Some(root) = corpus("manifest.csv") else { return };
    let (mut own, mut all) = (0, 0);
    for path in fs::read_dir(root.join("photos")).unwrap().map(|entry| entry.unwrap().path()) {
        let data = fs::read(&path).unwrap();
        let Ok(header) = jpeg_header::read(&data) else { continue };
        let is_usual =
            header.frame.process == 0 && header.ended && header.frame.sampling.len() == 3;
        all += usize::from(is_usual);
        let Some(made) = ours(&data).filter(|_| is_usual) else { continue };
        own += 1;
        check(&path.display().to_string(), &data, &made, 255.0);
    }
    assert!(own * 10 >= all * 8, "only {own} of {all}");
}
