//! What is seen of HEIF pictures: transparency on white paper, and the clean aperture.

use std::io::Read;

use crate::fixtures::{fixture, limits, nameless};
use crate::heif_shown::Aperture;
use crate::picture::Wish;
use crate::thumbnails::still;
use crate::{Format, Raster, Size};

fn shown(data: &[u8], edge: u32) -> (Raster, bool) {
    let wish = Wish { sizes: &[Size::square(edge)], limits: &limits() };
    let (shown, truncated) = still(&nameless(data), Format::Avif, wish).unwrap();
    (shown.into_raster().unwrap(), truncated)
}

fn bytes(path: &str) -> Vec<u8> {
    let mut data = Vec::new();
    fixture(path).0.read_to_end(&mut data).unwrap();
    data
}

fn near(picture: &Raster, (x, y): (u32, u32), wanted: [u8; 3]) {
    let at = ((y * picture.width + x) * 3) as usize;
    let made = &picture.rgb[at..at + 3];
    let far = made.iter().zip(wanted).map(|(one, other)| one.abs_diff(other)).max().unwrap();
    assert!(far < 10, "{made:?} at {x} {y}, not {wanted:?}");
}

// Red beside blue; the upper third is opaque, the middle one half so, the rest not at all.
const RED: [u8; 3] = [220, 30, 30];
const BLUE: [u8; 3] = [30, 60, 200];
const HALF_RED: [u8; 3] = [237, 142, 142];
const HALF_BLUE: [u8; 3] = [142, 157, 227];
const WHITE: [u8; 3] = [255; 3];

#[test]
fn what_is_transparent_is_seen_on_white_paper() {
    for path in ["images/alpha.avif", "images/alpha_premultiplied.avif"] {
        let (picture, truncated) = shown(&bytes(path), 64);

        assert!(!truncated);
        assert_eq!((picture.width, picture.height), (64, 48));
        let places = [(16, 8), (48, 8), (16, 24), (48, 24), (16, 40), (48, 40)];
        for (place, wanted) in
            places.into_iter().zip([RED, BLUE, HALF_RED, HALF_BLUE, WHITE, WHITE])
        {
            near(&picture, place, wanted);
        }
    }
    let (small, _) = shown(&bytes("images/alpha.avif"), 16);
    near(&small, (4, 10), WHITE);
}

#[test]
fn a_picture_is_opaque_where_its_transparency_is_damaged_or_another_thing() {
    let whole = bytes("images/alpha.avif");
    let name = whole.windows(5).position(|part| part == b"alpha").unwrap();
    let mut other = whole.clone();
    other[name] = b'x';
    let (picture, truncated) = shown(&other, 64);
    assert!(!truncated);
    near(&picture, (16, 24), RED);

    // The kind of the second item is one that nobody decodes.
    let mut unknown = whole;
    let kinds: Vec<_> =
        (0..unknown.len() - 4).filter(|at| unknown[*at..].starts_with(b"av01")).collect();
    unknown[kinds[1]..kinds[1] + 4].copy_from_slice(b"xxxx");
    let (picture, truncated) = shown(&unknown, 64);
    assert!(truncated);
    near(&picture, (16, 24), RED);
}

#[test]
fn what_lies_outside_of_the_clean_aperture_is_cut_off() {
    // 40 x 24 pixels from 16, 8 on.
    let (picture, _) = shown(&bytes("images/alpha_clap.avif"), 64);

    assert_eq!((picture.width, picture.height), (40, 24));
    near(&picture, (4, 4), RED);
    near(&picture, (36, 4), BLUE);
    near(&picture, (4, 16), HALF_RED);
    let (small, _) = shown(&bytes("images/alpha_clap.avif"), 20);
    assert_eq!((small.width, small.height), (20, 12));
}

fn aperture(numbers: [i32; 8], size: (u32, u32)) -> Option<Aperture> {
    Aperture::of(numbers.map(i32::to_be_bytes).as_flattened(), size)
}

#[test]
fn apertures_outside_of_the_picture_count_as_none() {
    let found = aperture([30, 1, 21, 1, -1, 2, 1, 2], (64, 48)).unwrap();
    assert_eq!(found, Aperture { left: 17, top: 14, width: 30, height: 21 });
    for odd in [
        [65, 1, 48, 1, 0, 1, 0, 1],
        [40, 1, 24, 1, 13, 1, 0, 1],
        [40, 1, 24, 1, -13, 1, 0, 1],
        [40, 0, 24, 1, 0, 1, 0, 1],
        [0, 1, 24, 1, 0, 1, 0, 1],
        [40, 1, 24, 1, 0, 1, i32::MIN, 1],
        [-1, 1, -1, 1, 0, 1, 0, 1],
    ] {
        assert_eq!(aperture(odd, (64, 48)), None, "{odd:?}");
    }
    assert_eq!(Aperture::of(&[0; 31], (64, 48)), None);
}
