//! A baseline JPEG at an eighth of its size: each pixel is the mean of a block of 8 x 8.
//!
//! The mean is a block's first coefficient; all others are only passed over, several in one step.
//! That takes half of the library's time, which reads each of them to forget it. Colours with fewer
//! blocks are means of halves or quarters of a block, for which a third of the details count.

use crate::jpeg_huffman::{Bits, Skips, Symbols};
use crate::jpeg_tables::{self, Baseline, Component, ZIGZAG};
use crate::jpeg_units::{self, Units};
use crate::planes;
use crate::turbo::Decoded;
use crate::{DecodeError, Limits};

/// The mean of the first half of each wave of a DCT of 8, as it counts in the picture: an eighth of
/// the sum of cos((2x + 1) n pi / 16) over x = 0..3. The second half has the same with the other
/// sign, but for the first, which is even.
const HALF: [f32; 8] =
    [0.353_553_4, 0.320_364_4, 0.0, -0.112_497, 0.0, 0.075_168_2, 0.0, -0.063_724_5];

/// Decodes `data`: one byte a pixel or three (red, green, blue), as the file has components.
/// `None` for what is no whole baseline picture with usual sampling: the library may make something
/// of it.
pub(crate) fn decode(data: &[u8], limits: &Limits) -> Result<Option<Decoded>, DecodeError> {
    let Some(jpeg) = jpeg_tables::read(data) else { return Ok(None) };
    let planes: Option<Vec<Plane>> = jpeg.components.iter().map(|one| plane(&jpeg, one)).collect();
    let Some(planes) = planes else { return Ok(None) };
    let (width, height) = (jpeg.width.div_ceil(8), jpeg.height.div_ceil(8));
    let pixels = Vec::with_capacity(width * height * planes.len());
    let mut eighths = Eighths { planes, blocks: jpeg_units::blocks(&jpeg), width, height, pixels };
    let whole = jpeg_units::read(&jpeg, &mut eighths, limits)?;
    Ok(whole.map(|()| Decoded { width, height, pixels: eighths.pixels, warning: None }))
}

struct Eighths {
    planes: Vec<Plane>,
    /// Blocks of light in a unit, across and down; each is a pixel.
    blocks: (usize, usize),
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Units for Eighths {
    fn restart(&mut self) {
        self.planes.iter_mut().for_each(|plane| plane.last = 0);
    }

    #[inline(always)]
    fn unit(&mut self, bits: &mut Bits<'_>, column: usize) -> Option<()> {
        let left = column * self.blocks.0;
        self.planes.iter_mut().try_for_each(|plane| plane.unit(bits, left))
    }

    fn row(&mut self, row: usize) {
        let top = row * self.blocks.1;
        for row in 0..self.blocks.1.min(self.height - top) {
            let rows = self.planes.iter().filter_map(|plane| plane.row(row, self.width));
            match rows.collect::<Vec<_>>().as_slice() {
                &[light, blue, red] => planes::append_rgb(&mut self.pixels, light, blue, red),
                rows => rows.iter().for_each(|row| self.pixels.extend_from_slice(row)),
            }
        }
    }
}

/// What is known of one component, and its row of units.
struct Plane {
    blocks: (usize, usize),
    coding: Coding,
    first: Symbols,
    scale: i32,
    /// The first coefficient of the block before.
    last: i32,
    /// As many rows of pixels as a unit has, one after the other, and the length of one.
    rows: Vec<u8>,
    row: usize,
}

enum Coding {
    /// A block is a pixel.
    Mean(Skips),
    /// A block is several pixels, across and down.
    Parts(Symbols, Box<[Weight; 64]>, (usize, usize)),
}

/// How a detail counts for halves across, halves down, and quarters (and nothing).
type Weight = [f32; 4];

fn plane(jpeg: &Baseline<'_>, of: &Component) -> Option<Plane> {
    let (across, down) = jpeg_units::blocks(jpeg);
    let parts = (across / of.across, down / of.down);
    let details = Symbols::new(&of.details)?;
    let coding = if parts == (1, 1) {
        Coding::Mean(Skips::new(details))
    } else {
        let mut weights = Box::new([[0.0; 4]; 64]);
        for (place, weight) in weights.iter_mut().enumerate() {
            *weight = weighed(place, of.quantisers.get(place).copied().unwrap_or(0), parts);
        }
        Coding::Parts(details, weights, parts)
    };
    let width = jpeg.width.div_ceil(8 * across) * across;
    Some(Plane {
        blocks: (of.across, of.down),
        coding,
        first: Symbols::new(&of.first)?,
        scale: of.quantisers[0].into(),
        last: 0,
        rows: vec![0; width * down],
        row: width,
    })
}

fn weighed(place: usize, quantiser: u16, parts: (usize, usize)) -> Weight {
    let place = ZIGZAG.get(place).copied().unwrap_or(0);
    let (down, across) = (usize::from(place >> 3), usize::from(place & 7));
    let half = |wave: usize| HALF.get(wave).copied().unwrap_or(0.0);
    // Over a whole block all waves but the first are zero.
    let counts = (across == 0 || parts.0 == 2) && (down == 0 || parts.1 == 2);
    let by = if counts { f32::from(quantiser) * half(across) * half(down) } else { 0.0 };
    match (across, down) {
        (_, 0) => [by, 0.0, 0.0, 0.0],
        (0, _) => [0.0, by, 0.0, 0.0],
        _ => [0.0, 0.0, by, 0.0],
    }
}

impl Plane {
    fn row(&self, row: usize, width: usize) -> Option<&[u8]> {
        self.rows.get(row * self.row..)?.get(..width)
    }

    /// Decodes the blocks of one unit, whose leftmost pixel is there.
    #[inline(always)]
    fn unit(&mut self, bits: &mut Bits<'_>, left: usize) -> Option<()> {
        let (across, down) = self.blocks;
        for y in 0..down {
            for x in 0..across {
                self.last = self.last.wrapping_add(self.first.difference(bits)?);
                let first = self.last.wrapping_mul(self.scale);
                match &self.coding {
                    Coding::Mean(skips) => {
                        skips.pass(bits, 0)?;
                        *self.rows.get_mut(y * self.row + left + x)? =
                            light(first.wrapping_add(4) >> 3);
                    }
                    Coding::Parts(details, weights, parts) => {
                        let sums = sums(details, weights, bits)?;
                        let rows = self.rows.chunks_exact_mut(self.row);
                        put(rows, left, first as f32 / 8.0, sums, *parts);
                    }
                }
            }
        }
        Some(())
    }
}

/// Sums of the details of a block, by what they count for.
#[inline(always)]
fn sums(details: &Symbols, weights: &[Weight; 64], bits: &mut Bits<'_>) -> Option<Weight> {
    let (mut sums, mut at) = ([0.0; 4], 0);
    while at < 63 {
        let Some((place, value)) = details.detail(bits, at)? else { break };
        let weight = weights.get(place)?;
        for (sum, by) in sums.iter_mut().zip(weight) {
            *sum += value as f32 * by;
        }
        at = place;
    }
    Some(sums)
}

/// Puts the means of the parts of a block, of whose details these are the sums.
#[inline(always)]
fn put<'a>(
    rows: impl Iterator<Item = &'a mut [u8]>,
    left: usize,
    mean: f32,
    sums: Weight,
    parts: (usize, usize),
) {
    let [across, down, both, _] = sums;
    for (row, y) in rows.take(parts.1).zip([1.0, -1.0]) {
        let pixels = row.get_mut(left..left + parts.0).unwrap_or_default();
        for (pixel, x) in pixels.iter_mut().zip([1.0f32, -1.0]) {
            *pixel = (mean + x * across + y * down + x * y * both + 128.5) as u8;
        }
    }
}

/// The byte for a value around zero.
#[inline(always)]
fn light(value: i32) -> u8 {
    value.saturating_add(128).clamp(0, 255) as u8
}
