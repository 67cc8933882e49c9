//! A lossy WebP as light and colours, shrunk by a whole factor while its rows come.

use crate::planes::{Plane, Planes};
use crate::rows::Rows;
use crate::webp_rows::Growing;
use crate::webp_sys::Features;
use crate::{DecodeError, Limits};

/// What white is in the file: light of 16 to 235, and colours of 16 to 240 about their middle
/// (RFC 6386, section 9.2: as ITU-R BT.601 has it).
const WHITE: u8 = 235;
const COLOURLESS: u8 = 128;

/// The planes of a picture without alpha, and whether some of it is missing; that is white.
pub(crate) fn decode(
    data: &[u8],
    features: &Features,
    factor: u32,
    limits: &Limits,
) -> Result<(Planes, bool), DecodeError> {
    let (width, height) = (features.width, features.height);
    let half = (width.div_ceil(2), height.div_ceil(2));
    let mut light = Taken::new((width, height), factor);
    let [mut blue, mut red] = [(); 2].map(|()| Taken::new(half, factor));
    // What the filter between blocks smooths is not seen where a box filter follows, and costs a
    // fifth of the time. The library leaves it out as well when it shrinks.
    let mut growing = Growing::new(data, factor == 1)?;
    let fault = loop {
        limits.check_deadline()?;
        let step = growing.go_on();
        if let Some(seen) = growing.seen() {
            light.take(seen.light, seen.light_row);
            blue.take(seen.blue, seen.colour_row);
            red.take(seen.red, seen.colour_row);
        }
        match step {
            Ok(false) => {}
            Ok(true) => break None,
            Err(error) => break Some(error),
        }
    };
    drop(growing);
    let truncated = fault.is_some();
    if let Some(fault) = fault.filter(|_| light.taken == 0) {
        return Err(fault);
    }
    let mut planes = planes(light, blue, red, height);
    // Its last pixels are of fewer than the others: without this, all would lie a little aside.
    let covered = [width, height].map(|length| f64::from(length) / f64::from(factor));
    planes.light.covered = covered.into();
    planes.colours.covered = covered.map(|length| length / 2.0).into();
    Ok((planes, truncated))
}

fn planes(light: Taken, blue: Taken, red: Taken, height: u32) -> Planes {
    let (width, rows, mut bytes) = light.rows.finish(height, WHITE);
    bytes.iter_mut().for_each(|byte| *byte = full_light(*byte));
    let light = Plane::of((width, rows), 1, bytes);
    let [blue, red] = [blue, red].map(|it| it.rows.finish(height.div_ceil(2), COLOURLESS));
    let (width, rows, blue) = blue;
    let mut bytes = Vec::with_capacity(blue.len() * 2);
    let row = (width as usize).max(1);
    for (blue, red) in blue.chunks_exact(row).zip(red.2.chunks_exact(row)) {
        bytes.extend(blue.iter().copied().map(full_colour));
        bytes.extend(red.iter().copied().map(full_colour));
    }
    Planes { light, colours: Plane::of((width, rows), 2, bytes) }
}

/// A plane of which rows are taken as they come.
struct Taken {
    rows: Rows,
    taken: usize,
}

impl Taken {
    fn new((width, height): (u32, u32), factor: u32) -> Self {
        Self { rows: Rows::new(width, height, 1, factor), taken: 0 }
    }

    /// Takes those that were not there before.
    fn take(&mut self, plane: &[u8], row: usize) {
        for row in plane.chunks_exact(row.max(1)).skip(self.taken) {
            self.rows.push(row);
            self.taken += 1;
        }
    }
}

/// Light of 16 to 235 as one of 0 to 255, as JPEG has it.
fn full_light(byte: u8) -> u8 {
    let above = u16::from(byte.clamp(16, 235)) - 16;
    // 255 / 219 in units of 1/256, rounded.
    ((above * 298 + 128) >> 8) as u8
}

/// A colour of 16 to 240 as one of 0 to 255, with the middle where it was.
fn full_colour(byte: u8) -> u8 {
    let above = u16::from(byte.clamp(16, 240)) - 16;
    // 255 / 224 in units of 1/256; 112 becomes 128.
    ((above * 291 + 304) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{fixture, limits};
    use crate::source;
    use crate::webp_sys;

    const PHOTO: &str = "images/exif_prefix.webp";

    fn photo() -> Vec<u8> {
        source::read(&fixture(PHOTO).0, &limits()).unwrap()
    }

    fn of(data: &[u8], factor: u32) -> Result<(Planes, bool), DecodeError> {
        decode(data, &webp_sys::features(data)?, factor, &limits())
    }

    #[test]
    fn black_white_and_the_colourless_stay_what_they_are() {
        assert_eq!([0, 16, 235, 255].map(full_light), [0, 0, 255, 255]);
        assert_eq!([16, 128, 240].map(full_colour), [1, 128, 255]);
    }

    #[test]
    fn the_colours_are_those_that_the_library_makes() {
        let data = photo();
        let (planes, truncated) = of(&data, 1).unwrap();
        let (width, height) = planes.size();

        let ours = planes.raster((width, height)).unwrap().rgb;

        let theirs = webp_sys::decompress(&data, width, height, false).unwrap().pixels;
        let apart = ours.iter().zip(&theirs).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
        assert!(!truncated);
        assert_eq!(ours.len(), theirs.len());
        assert!(apart < 3 * ours.len() as u64, "{apart} of {}", ours.len());
    }

    #[test]
    fn a_factor_shrinks_light_and_colours_alike() {
        let (planes, _) = of(&photo(), 7).unwrap();

        assert_eq!((planes.light.size, planes.colours.size), ((46, 35), (23, 18)));
        assert_eq!(planes.colours.covered, (160.0 / 7.0, 120.0 / 7.0));
    }

    #[test]
    fn what_a_cut_file_lacks_is_white() {
        let data = photo();
        let last = |planes: &Planes| planes.light.bytes.last().copied();

        let (whole, _) = of(&data, 2).unwrap();
        let (cut, truncated) = of(&data[..data.len() / 2], 2).unwrap();

        assert!(truncated);
        assert_eq!(cut.size(), whole.size());
        assert_eq!(cut.light.bytes[..160], whole.light.bytes[..160]);
        assert_eq!((last(&cut), cut.colours.bytes.last()), (Some(255), Some(&128)));
        assert_ne!(last(&whole), Some(255));
        assert!(of(&data[..200], 2).is_err());
    }
}
