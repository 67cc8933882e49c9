//! The run lengths of BMP (RLE8 and RLE4), expanded to one palette index a byte.

use crate::{DecodeError, Limits};

/// Expanded runs.
#[derive(Debug)]
pub(crate) struct Runs {
    /// Palette indexes, lowest row first as in the file.
    pub(crate) indexes: Vec<u8>,
    /// The runs came to their end mark, or filled the picture.
    pub(crate) ended: bool,
}

/// Expands runs to `width` x `height` indexes. What they leave out is index 0; what they put
/// outside the picture is dropped, and takes no time.
pub(crate) fn expand(
    source: &[u8],
    nibbles: bool,
    (width, height): (usize, usize),
    limits: &Limits,
) -> Result<Runs, DecodeError> {
    let mut indexes = vec![0; width * height];
    let (mut x, mut y) = (0usize, 0usize);
    let mut put = |x: usize, y: usize, count: usize, index: &dyn Fn(usize) -> u8| {
        let start = y * width + x.min(width);
        let count = count.min(width.saturating_sub(x));
        let places = indexes.get_mut(start..start + count).unwrap_or_default();
        places.iter_mut().enumerate().for_each(|(step, place)| *place = index(step));
    };
    let mut rest = source;
    let mut ended = false;
    for run in 0u64.. {
        if run.is_multiple_of(1 << 16) {
            limits.check_deadline()?;
        }
        ended = y >= height || (y + 1 == height && x >= width);
        let [first, second, tail @ ..] = rest else { break };
        if y >= height {
            break;
        }
        rest = tail;
        match (*first, *second) {
            (0, 0) => (x, y) = (0, y + 1),
            (0, 1) => {
                ended = true;
                break;
            }
            (0, 2) => {
                let [right, up, tail @ ..] = rest else { break };
                (x, y, rest) = (x + usize::from(*right), y + usize::from(*up), tail);
            }
            (0, count) => {
                let count = usize::from(count);
                let used = if nibbles { count.div_ceil(2) } else { count };
                let Some(literal) = rest.get(..used) else { break };
                put(x, y, count, &|step| pixel(literal, step, nibbles));
                x += count;
                // Literal pixels are padded to an even number of bytes.
                rest = rest.get(used + used % 2..).unwrap_or_default();
            }
            (count, value) => {
                let pair = [value];
                let index = |step: usize| pixel(&pair, if nibbles { step % 2 } else { 0 }, nibbles);
                put(x, y, usize::from(count), &index);
                x += usize::from(count);
            }
        }
    }
    Ok(Runs { indexes, ended })
}

fn pixel(bytes: &[u8], step: usize, nibbles: bool) -> u8 {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    match (nibbles, step % 2) {
        (false, _) => byte(step),
        (true, 0) => byte(step / 2) >> 4,
        (true, _) => byte(step / 2) & 15,
    }
}
