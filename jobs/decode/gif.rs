//! GIF: the first frame, composed onto its canvas.

use gif::{ColorOutput, DecodeOptions, Frame, MemoryLimit};

use crate::DecodeError;
use crate::orientation::Orientation;
use crate::picture::{Ink, Picture, Wish, area};
use crate::rows::Rows;

pub(crate) fn decode(data: &[u8], wish: Wish) -> Result<Picture, DecodeError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    let most = wish.limits.memory_bytes.max(1).try_into().unwrap_or(std::num::NonZeroU64::MIN);
    options.set_memory_limit(MemoryLimit::Bytes(most));
    let mut decoder = options.read_info(data).map_err(broken)?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    if width == 0 || height == 0 {
        return Err(DecodeError::corrupt("the GIF has no width or height"));
    }
    wish.check_work(width, height, 3)?;
    let factor = wish.box_factor(width, height);
    let held_bytes = area(width.div_ceil(factor), height.div_ceil(factor)) * 3;
    let frame = decoder.next_frame_info().map_err(broken)?;
    let frame = frame.ok_or_else(|| DecodeError::corrupt("the GIF has no frame"))?.clone();
    let frame_bytes = area(u32::from(frame.width), u32::from(frame.height));
    wish.limits.check_memory(data.len() as u64 + held_bytes + frame_bytes)?;
    wish.limits.check_deadline()?;

    let mut indexes = vec![0; decoder.buffer_size()];
    let truncated = match decoder.read_into_buffer(&mut indexes) {
        Ok(()) => false,
        Err(_) if indexes.iter().any(|&index| index != 0) => true,
        Err(error) => return Err(broken(error)),
    };
    let palette = decoder.palette().map_err(broken)?;
    let mut rows = Rows::new(width, height, 3, factor);
    compose(&frame, &indexes, palette, (width, height), &mut rows);
    let (held_width, held_height, pixels) = rows.finish(height, u8::MAX);
    Ok(Picture {
        width: held_width,
        height: held_height,
        full: (width, height),
        ink: Ink::Rgb,
        pixels,
        icc: decoder.icc_profile().map(<[u8]>::to_vec),
        orientation: Orientation::UPRIGHT,
        truncated,
    })
}

/// The frame on a white canvas; what lies outside the canvas is cut off.
fn compose(frame: &Frame, indexes: &[u8], palette: &[u8], canvas: (u32, u32), rows: &mut Rows) {
    let mut lines = indexes.chunks_exact(usize::from(frame.width).max(1));
    let mut row = vec![u8::MAX; canvas.0 as usize * 3];
    for y in 0..canvas.1 {
        row.fill(u8::MAX);
        let line = if y < u32::from(frame.top) { None } else { lines.next() };
        let pixels = row.chunks_exact_mut(3).skip(usize::from(frame.left));
        for (pixel, &index) in pixels.zip(line.unwrap_or_default()) {
            if frame.transparent == Some(index) {
                continue;
            }
            let at = usize::from(index) * 3;
            if let Some(colour) = palette.get(at..at + 3) {
                pixel.copy_from_slice(colour);
            }
        }
        rows.push(&row);
    }
}

fn broken(error: impl std::fmt::Display) -> DecodeError {
    DecodeError::corrupt(format!("GIF: {error}"))
}
