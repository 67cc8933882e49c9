//! HDR: the curves by their standards, films and stills against a table that was computed apart.

use crate::fixtures::{fixture, limits};
use crate::tone::Hdr;
use crate::{Raster, Size, heif, picture::Wish, video};

const BT2020: i32 = 9;
const PQ: i32 = 16;
const HLG: i32 = 18;

/// What the fixtures show, each in a patch of 20 x 30 pixels: greys of 0, 1, 10, 50, 100, 203, 400
/// and 1000 cd/m2, and below them colours of sRGB whose white is 203 cd/m2. In sRGB they are these,
/// by the formulas of BT.2100, BT.2390 and IEC 61966-2-1 in double precision.
const GREYS: [u8; 8] = [0, 15, 63, 136, 186, 229, 250, 255];
const COLOURS: [[u8; 3]; 8] = [
    [200, 60, 50],
    [60, 170, 70],
    [50, 79, 199],
    [216, 177, 59],
    [209, 149, 119],
    [87, 155, 213],
    [128, 128, 128],
    [40, 30, 60],
];

/// How far the middles of all patches are from the table, in levels: the most and the mean.
fn distance(picture: &Raster) -> (u8, f64) {
    assert_eq!((picture.width, picture.height), (160, 90));
    let at = |x: usize, y: usize| {
        let start = (y * 160 + x) * 3;
        <[u8; 3]>::try_from(&picture.rgb[start..start + 3]).unwrap()
    };
    let greys = GREYS.iter().enumerate().map(|(n, grey)| (at(n * 20 + 10, 15), [*grey; 3]));
    let colours = COLOURS.iter().enumerate().map(|(n, colour)| (at(n * 20 + 10, 45), *colour));
    let (mut most, mut sum) = (0, 0.0);
    for (made, wanted) in greys.chain(colours) {
        let apart = (0..3).map(|n| made[n].abs_diff(wanted[n]));
        for apart in apart {
            most = most.max(apart);
            sum += f64::from(apart) / 48.0;
        }
        println!("{made:?} {wanted:?}");
    }
    (most, sum)
}

#[test]
fn posters_of_hdr_films_look_as_their_scene_does_in_srgb() {
    for path in ["videos/pq.mp4", "videos/hlg.mp4"] {
        let (file, format) = fixture(path);

        let (most, mean) = distance(&video::poster(&file, format, &limits()).unwrap());

        // What the codec loses is in it.
        println!("{path}: {most} levels at most, {mean:.2} in the mean");
        assert!(most <= 3 && mean < 1.0, "{path}: {most} {mean}");
    }
}

#[test]
fn hdr_stills_look_as_their_scene_does_in_srgb() {
    let (file, _) = fixture("images/pq.avif");
    let wish = Wish { sizes: &[Size::square(160)], limits: &limits() };

    let made = heif::decode(&file, wish).unwrap();

    let raster = Raster { width: made.width, height: made.height, rgb: made.pixels };
    let (most, mean) = distance(&raster);
    println!("{most} levels at most, {mean:.2} in the mean");
    assert!(most <= 3 && mean < 1.0, "{most} {mean}");
}

fn shown(transfer: i32, signals: [f64; 3]) -> [u8; 3] {
    let bits = signals.map(|signal| ((signal * 65_535.0).round() as u16).to_le_bytes());
    let mut rgb = Vec::new();
    Hdr::of_code_points(BT2020, transfer).unwrap().push_row(bits.as_flattened(), &mut rgb);
    rgb.try_into().unwrap()
}

#[test]
fn both_curves_show_the_same_light_as_the_same_shade() {
    // 203 cd/m2 are 58 % of PQ and 75 % of HLG (ITU-R BT.2408, table 1).
    let (pq, hlg) = (shown(PQ, [0.5807; 3]), shown(HLG, [0.75; 3]));

    assert!(pq.iter().all(|level| level.abs_diff(229) <= 1), "{pq:?}");
    assert!(hlg.iter().all(|level| level.abs_diff(229) <= 1), "{hlg:?}");
    assert_eq!((shown(PQ, [0.0; 3]), shown(HLG, [0.0; 3])), ([0; 3], [0; 3]));
    // 1000 cd/m2, and all that is above.
    assert_eq!((shown(PQ, [0.752; 3]), shown(HLG, [1.0; 3])), ([255; 3], [255; 3]));
    assert_eq!(shown(PQ, [1.0; 3]), [255; 3]);
}

#[test]
fn brighter_is_never_darker_and_colours_keep_their_order() {
    for transfer in [PQ, HLG] {
        let shades: Vec<u8> =
            (0..=1000).map(|n| shown(transfer, [f64::from(n) / 1000.0; 3])[0]).collect();
        assert!(shades.is_sorted(), "{transfer}: {shades:?}");
        for n in 0..1000 {
            let signal = f64::from(n) / 1000.0;
            let [red, green, blue] = shown(transfer, [signal, signal * 0.95, signal * 0.9]);
            assert!(red >= green && green >= blue, "{transfer} {signal}: {red} {green} {blue}");
        }
    }
}

#[test]
fn what_is_not_hdr_is_left_alone() {
    for transfer in [-1, 0, 1, 2, 13, 14, 15, 17, i32::MAX] {
        assert_eq!(Hdr::of_code_points(BT2020, transfer), None);
    }
}
