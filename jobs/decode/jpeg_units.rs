//! The way through a baseline JPEG: unit after unit, over its restarts.

use crate::jpeg_huffman::Bits;
use crate::jpeg_tables::Baseline;
use crate::{DecodeError, Limits};

/// Makes pixels of units: of as many blocks of each component as belong together.
pub(crate) trait Units {
    /// First coefficients count from zero again.
    fn restart(&mut self);

    /// Decodes the next unit, which is this one of its row.
    fn unit(&mut self, bits: &mut Bits<'_>, column: usize) -> Option<()>;

    /// This row of units is whole.
    fn row(&mut self, row: usize);
}

/// Blocks of light in a unit, across and down; colours have no more.
pub(crate) fn blocks(jpeg: &Baseline<'_>) -> (usize, usize) {
    jpeg.components.first().map_or((1, 1), |light| (light.across, light.down))
}

/// Units in the picture, across and down.
pub(crate) fn units(jpeg: &Baseline<'_>) -> (usize, usize) {
    let (across, down) = blocks(jpeg);
    (jpeg.width.div_ceil(8 * across), jpeg.height.div_ceil(8 * down))
}

/// Hands all units to `reader`; `None` if the data are not whole.
#[inline(always)]
pub(crate) fn read(
    jpeg: &Baseline<'_>,
    reader: &mut impl Units,
    limits: &Limits,
) -> Result<Option<()>, DecodeError> {
    let (across, down) = units(jpeg);
    let mut bits = Bits::new(jpeg.entropy);
    let mut done = 0;
    for row in 0..down {
        limits.check_deadline()?;
        for column in 0..across {
            if jpeg.restart > 0 && done > 0 && done % jpeg.restart == 0 {
                if !bits.restart((done / jpeg.restart - 1) as u8) {
                    return Ok(None);
                }
                reader.restart();
            }
            done += 1;
            if reader.unit(&mut bits, column).is_none() {
                return Ok(None);
            }
        }
        if bits.is_overdrawn() {
            return Ok(None);
        }
        reader.row(row);
    }
    Ok(Some(()))
}
