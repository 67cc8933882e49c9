//! The run lengths of BMP (RLE8 and RLE4), expanded to one palette index a byte.

/// Indexes of `width` x `height` pixels, lowest row first as in the file. What the runs leave
/// out is index 0; what they put outside the picture is dropped.
pub(crate) fn expand(source: &[u8], nibbles: bool, width: usize, height: usize) -> Vec<u8> {
    let mut indexes = vec![0; width * height];
    let (mut x, mut y) = (0usize, 0usize);
    let mut put = |x: usize, y: usize, index: u8| {
        if x < width
            && y < height
            && let Some(place) = indexes.get_mut(y * width + x)
        {
            *place = index;
        }
    };
    let mut rest = source;
    while let [first, second, tail @ ..] = rest {
        rest = tail;
        match (*first, *second) {
            (0, 0) => (x, y) = (0, y + 1),
            (0, 1) => break,
            (0, 2) => {
                let [right, up, tail @ ..] = rest else { break };
                (x, y, rest) = (x + usize::from(*right), y + usize::from(*up), tail);
            }
            (0, count) => {
                let count = usize::from(count);
                let used = if nibbles { count.div_ceil(2) } else { count };
                let Some(literal) = rest.get(..used) else { break };
                (0..count).for_each(|step| put(x + step, y, pixel(literal, step, nibbles)));
                x += count;
                // Literal pixels are padded to an even number of bytes.
                rest = rest.get(used + used % 2..).unwrap_or_default();
            }
            (count, value) => {
                let pair = [value];
                let index = |step: usize| pixel(&pair, if nibbles { step % 2 } else { 0 }, nibbles);
                (0..usize::from(count)).for_each(|step| put(x + step, y, index(step)));
                x += usize::from(count);
            }
        }
        if y >= height {
            break;
        }
    }
    indexes
}

fn pixel(bytes: &[u8], step: usize, nibbles: bool) -> u8 {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    match (nibbles, step % 2) {
        (false, _) => byte(step),
        (true, 0) => byte(step / 2) >> 4,
        (true, _) => byte(step / 2) & 15,
    }
}
