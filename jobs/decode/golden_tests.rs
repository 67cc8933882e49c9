//! What the small pictures of every fixture look like, against a committed table.
//!
//! A perceptual hash stays when an encoder rounds otherwise, and changes when a picture is turned,
//! mirrored, cut, tinted wrongly or of another frame.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::fixtures::{fixture, format_of, limits};
use crate::picture::Ink;
use crate::turbo::{self, Wanted};
use crate::{Kind, Raster, Size, thumbnails};

/// The sizes of `config.default.toml`.
const EDGES: [u32; 3] = [320, 960, 1920];
/// Bits that may differ. Another version of libjpeg-turbo, libwebp or FFmpeg rounds by a level,
/// which turns a bit only where two neighbours differ by just [`LEVELS`]; few of 64 do. A picture
/// that is mirrored or turned differs in 12 and more (see the last test).
const MOST_BITS: u32 = 4;
/// A step of brightness (of 255) below this is no step: flat pictures have a hash of zeros.
const LEVELS: f64 = 2.0;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// A difference hash: 9 x 8 mean brightnesses, a bit where one is brighter than the next to its
/// right.
fn hash(raster: &Raster) -> u64 {
    let (width, height) = (raster.width as usize, raster.height as usize);
    let mean = |column: usize, row: usize| {
        let xs = column * width / 9..((column + 1) * width / 9).max(column * width / 9 + 1);
        let ys = row * height / 8..((row + 1) * height / 8).max(row * height / 8 + 1);
        let (mut sum, mut count) = (0.0, 0.0);
        for at in ys.flat_map(|y| xs.clone().map(move |x| (y * width + x) * 3)) {
            let [red, green, blue] = [0, 1, 2].map(|n| f64::from(raster.rgb[at + n]));
            sum += red * 0.299 + green * 0.587 + blue * 0.114;
            count += 1.0;
        }
        sum / count
    };
    let cells = (0..8).flat_map(|row| (0..8).map(move |column| (column, row)));
    cells.fold(0, |hash, (x, y)| hash << 1 | u64::from(mean(x, y) > mean(x + 1, y) + LEVELS))
}

/// Width, height and hash of the small pictures of a fixture, by their sizes; none of one that is
/// refused or has no picture.
fn made(path: &str) -> Vec<(String, u32, u32, u64)> {
    let (file, format) = fixture(path);
    let made = thumbnails(&file, format, &EDGES.map(Size::square), &limits());
    let made = made.map_or(Vec::new(), |made| made.thumbnails);
    let look = |thumbnail: crate::Thumbnail| {
        let wanted = Wanted { eighths: 8, ink: Ink::Rgb, memory_bytes: 64 << 20, scans: 1 };
        let decoded = turbo::decompress(&thumbnail.bytes, wanted).unwrap();
        let (width, height) = (thumbnail.width, thumbnail.height);
        let raster = Raster { width, height, rgb: decoded.pixels };
        (thumbnail.name, width, height, hash(&raster))
    };
    made.into_iter().map(look).collect()
}

/// The fixtures that are pictures and films.
fn shown() -> Vec<String> {
    let mut paths = Vec::new();
    for folder in ["images", "videos"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            paths.push(format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    paths.retain(|path| {
        format_of(path).is_some_and(|f| matches!(f.kind(), Kind::Image | Kind::Video))
    });
    paths.sort();
    paths
}

#[test]
fn small_pictures_look_as_in_the_table() {
    let text = fs::read_to_string(root().join("golden.csv")).unwrap_or_default();
    let row =
        |line: &str| line.rsplit_once(',').map(|(key, hash)| (key.to_owned(), hash.to_owned()));
    let mut golden: BTreeMap<_, _> = text.lines().skip(1).filter_map(row).collect();
    let (mut wrong, mut fresh) = (Vec::new(), "file,size,width,height,hash\n".to_owned());

    for path in shown() {
        for (size, width, height, hash) in made(&path) {
            let key = format!("{path},{size},{width},{height}");
            fresh.push_str(&format!("{key},{hash:016x}\n"));
            let Some(wanted) = golden.remove(&key) else {
                wrong.push(format!("{key} is not in the table"));
                continue;
            };
            let bits = (u64::from_str_radix(&wanted, 16).unwrap() ^ hash).count_ones();
            if bits > MOST_BITS {
                wrong.push(format!("{key}: {hash:016x} instead of {wanted}, {bits} bits differ"));
            }
        }
    }
    wrong.extend(golden.into_keys().map(|key| format!("{key} is not made any more")));

    if !wrong.is_empty() {
        let place = std::env::temp_dir().join("golden.csv");
        fs::write(&place, fresh).unwrap();
        let (place, list) = (place.display(), wrong.join("\n"));
        panic!("{list}\nlook at the pictures; if they are right, cp {place} fixtures/golden.csv");
    }
}

#[test]
fn all_eight_orientations_give_one_upright_picture() {
    let upright = made("images/orientation_1.jpg");

    assert!(!upright.is_empty());
    for turn in 2..=8 {
        let path = format!("images/orientation_{turn}.jpg");
        for (one, other) in upright.iter().zip(made(&path)) {
            assert_eq!((one.1, one.2), (other.1, other.2), "{path}");
            assert_eq!(one.3, other.3, "{path}: {:016x} and {:016x}", one.3, other.3);
        }
    }
}

#[test]
fn a_picture_that_is_mirrored_or_turned_has_another_hash() {
    let (file, format) = fixture("images/orientation_1.jpg");
    let made = thumbnails(&file, format, &[Size::square(320)], &limits()).unwrap();
    let wanted = Wanted { eighths: 8, ink: Ink::Rgb, memory_bytes: 64 << 20, scans: 1 };
    let decoded = turbo::decompress(&made.thumbnails[0].bytes, wanted).unwrap();
    let (width, height) = (decoded.width as u32, decoded.height as u32);
    let upright = hash(&Raster { width, height, rgb: decoded.pixels.clone() });

    for turn in 2..=8 {
        let orientation = crate::orientation::Orientation::from_tag(turn);
        let (width, height, rgb) = orientation.apply::<3>(width, height, decoded.pixels.clone());
        let bits = (hash(&Raster { width, height, rgb }) ^ upright).count_ones();
        assert!(bits >= 3 * MOST_BITS, "orientation {turn}: {bits} bits differ");
    }
}
