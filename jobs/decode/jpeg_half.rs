//! A baseline JPEG at half of its size: each block of 8 x 8 pixels is one of 4 x 4.
//!
//! Its pixels are means of two by two, but of the 16 slowest waves alone: half of the others would
//! only show up as slow ones.
//! What comes behind the last of them is only passed over, several details in one step. Colours
//! stay in planes of their own, as small as the file has them.

use crate::jpeg_huffman::{Bits, Details, Symbols};
use crate::jpeg_tables::{self, Baseline, Component, ZIGZAG};
use crate::jpeg_units::{self, Units};
use crate::planes::{Plane, Planes};
use crate::{DecodeError, Limits};

/// Pixels of a block, across and down.
const EDGE: usize = 4;

/// The place of the last detail that counts: that of row 3, column 3.
const LAST: usize = 24;

/// How much of a wave is left in the means of two pixels each, cos(n pi / 16), by the root of 2
/// for waves but the first. The library shows means, too; to them it adds what the fast waves leave
/// in them.
const BY: [f32; EDGE] = [1.0, 1.387_039_8, 1.306_563, 1.175_875_6];

/// Waves that count.
const WAVES: usize = EDGE * EDGE;

/// The waves of a block that count, column by column, and behind them room for others.
type Waves = [f32; 2 * WAVES];
type Pixels = [[u8; EDGE]; EDGE];

/// Decodes `data` to planes of light and colours; `None` for what is no whole baseline picture in
/// colours with usual sampling: the library may make something of it.
pub(crate) fn decode(data: &[u8], limits: &Limits) -> Result<Option<Planes>, DecodeError> {
    let Some(jpeg) = jpeg_tables::read(data) else { return Ok(None) };
    let Some(mut halves) = Halves::new(&jpeg) else { return Ok(None) };
    let whole = jpeg_units::read(&jpeg, &mut halves, limits)?;
    Ok(whole.map(|()| Planes { light: halves.light, colours: halves.colours }))
}

struct Halves {
    /// Blocks of light in a unit, across and down.
    blocks: (usize, usize),
    components: [Coding; 3],
    light: Plane,
    colours: Plane,
    /// The row of units.
    row: usize,
}

/// How the blocks of a component are read.
struct Coding {
    first: Symbols,
    details: Details,
    /// What the first coefficient counts for, and the others up to [`LAST`]: where, and how much.
    mean: f32,
    weights: [(usize, f32); 32],
    /// The first coefficient of the block before.
    last: i32,
}

impl Coding {
    fn new(of: &Component) -> Option<Self> {
        let mut weights = [(WAVES, 0.0); 32];
        for (place, weight) in weights.iter_mut().enumerate().take(LAST + 1).skip(1) {
            let wave = ZIGZAG.get(place).copied().unwrap_or(0);
            let (down, across) = (usize::from(wave >> 3), usize::from(wave & 7));
            let by = |wave: usize| BY.get(wave).copied().unwrap_or(0.0);
            if across < EDGE && down < EDGE {
                let quantiser = f32::from(of.quantisers.get(place).copied().unwrap_or(0));
                *weight = (across * EDGE + down, quantiser * by(across) * by(down) / 8.0);
            }
        }
        Some(Self {
            first: Symbols::new(&of.first)?,
            details: Details::new(Symbols::new(&of.details)?),
            mean: f32::from(of.quantisers[0]) / 8.0,
            weights,
            last: 0,
        })
    }

    #[inline(always)]
    fn block(&mut self, bits: &mut Bits<'_>) -> Option<Pixels> {
        self.last = self.last.wrapping_add(self.first.difference(bits)?);
        let mean = self.last as f32 * self.mean;
        let mut waves = [0.0; 2 * WAVES];
        let mut at = 0;
        while let Some((place, value)) = self.details.next(bits, at)? {
            at = place;
            if at <= LAST {
                let (wave, by) = self.weights.get(at & 31).copied().unwrap_or((WAVES, 0.0));
                if let Some(wave) = waves.get_mut(wave & 31) {
                    *wave = value as f32 * by;
                }
            }
            if at >= LAST {
                self.details.pass(bits, at)?;
                break;
            }
        }
        if at == 0 {
            return Some([[byte(mean); EDGE]; EDGE]);
        }
        waves[0] = mean;
        Some(pixels(&waves))
    }
}

/// The pixels that these waves make.
#[inline(always)]
fn pixels(waves: &Waves) -> Pixels {
    let mut columns = [[0.0; EDGE]; EDGE];
    for (column, from) in columns.iter_mut().zip(waves.chunks_exact(EDGE)) {
        column.copy_from_slice(from);
    }
    let columns = swing(&columns);
    let mut rows = [[0.0; EDGE]; EDGE];
    for (y, row) in rows.iter_mut().enumerate() {
        for (to, column) in row.iter_mut().zip(&columns) {
            *to = column.get(y).copied().unwrap_or(0.0);
        }
    }
    let mut pixels = [[0; EDGE]; EDGE];
    for (to, from) in pixels.as_flattened_mut().iter_mut().zip(swing(&rows).as_flattened()) {
        *to = byte(*from);
    }
    pixels
}

/// An inverse DCT of 4, of four at once; waves but the first are scaled by the root of 2.
#[inline(always)]
fn swing(waves: &[[f32; EDGE]; EDGE]) -> [[f32; EDGE]; EDGE] {
    // cos(pi / 8) and sin(pi / 8).
    const LONG: f32 = 0.923_879_5;
    const SHORT: f32 = 0.382_683_43;
    let mut made = [[0.0; EDGE]; EDGE];
    let [zero, one, two, three] = waves;
    let [first, second, third, fourth] = &mut made;
    for lane in 0..EDGE {
        #[expect(clippy::indexing_slicing, reason = "a lane is one of the four")]
        let [zero, one, two, three] = [zero[lane], one[lane], two[lane], three[lane]];
        let half = two * std::f32::consts::FRAC_1_SQRT_2;
        let (outer, inner) = (zero + half, zero - half);
        let (wide, narrow) = (one * LONG + three * SHORT, one * SHORT - three * LONG);
        #[expect(clippy::indexing_slicing, reason = "a lane is one of the four")]
        {
            first[lane] = outer + wide;
            second[lane] = inner + narrow;
            third[lane] = inner - narrow;
            fourth[lane] = outer - wide;
        }
    }
    made
}

/// The byte for a value around zero.
#[inline(always)]
fn byte(value: f32) -> u8 {
    // The last bits of a number of this size are its whole part.
    const WHOLE: f32 = 8_388_608.0;
    let value = value + 128.0;
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 255.0 { value } else { 255.0 };
    (value + WHOLE).to_bits() as u8
}

#[inline(always)]
fn put(to: &mut [u8], width: usize, pixels: &Pixels) -> Option<()> {
    for (y, from) in pixels.iter().enumerate() {
        *to.get_mut(y * width..)?.first_chunk_mut()? = *from;
    }
    Some(())
}

impl Halves {
    fn new(jpeg: &Baseline<'_>) -> Option<Self> {
        let [light, blue, red] = jpeg.components.as_slice() else { return None };
        let (across, down) = jpeg_units::blocks(jpeg);
        let units = jpeg_units::units(jpeg);
        let half = |length: usize, share: usize| u32::try_from(length.div_ceil(2 * share)).ok();
        let plane = |blocks: (usize, usize), share: (usize, usize), channels| {
            let size = (half(jpeg.width, share.0)?, half(jpeg.height, share.1)?);
            let held = (units.0 * blocks.0 * EDGE, units.1 * blocks.1 * EDGE);
            Some(Plane::empty(size, held, channels))
        };
        Some(Self {
            blocks: (across, down),
            components: [Coding::new(light)?, Coding::new(blue)?, Coding::new(red)?],
            light: plane((across, down), (1, 1), 1)?,
            colours: plane((1, 1), (across, down), 2)?,
            row: 0,
        })
    }
}

impl Units for Halves {
    fn restart(&mut self) {
        self.components.iter_mut().for_each(|component| component.last = 0);
    }

    #[inline(always)]
    fn unit(&mut self, bits: &mut Bits<'_>, column: usize) -> Option<()> {
        let (across, down) = self.blocks;
        let [light, blue, red] = &mut self.components;
        let width = self.light.held.0;
        for y in 0..down {
            for x in 0..across {
                let pixels = light.block(bits)?;
                let top = (self.row * down + y) * EDGE;
                let at = top * width + (column * across + x) * EDGE;
                put(self.light.bytes.get_mut(at..)?, width, &pixels)?;
            }
        }
        let width = self.colours.row();
        let at = self.row * EDGE * width + column * EDGE;
        put(self.colours.bytes.get_mut(at..)?, width, &blue.block(bits)?)?;
        let at = at + self.colours.held.0;
        put(self.colours.bytes.get_mut(at..)?, width, &red.block(bits)?)
    }

    fn row(&mut self, row: usize) {
        self.row = row + 1;
    }
}
