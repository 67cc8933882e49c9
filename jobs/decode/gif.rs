//! GIF: the first frame, composed onto its canvas.

use gif::{ColorOutput, DecodeOptions, Frame, MemoryLimit};

use crate::DecodeError;
use crate::orientation::Orientation;
use crate::picture::{Ink, Picture, Wish, area};

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
    let canvas_bytes = area(width, height) * 3;
    wish.limits.check_memory(canvas_bytes)?;
    let frame = decoder.next_frame_info().map_err(broken)?;
    let frame = frame.ok_or_else(|| DecodeError::corrupt("the GIF has no frame"))?.clone();
    let frame_bytes = area(u32::from(frame.width), u32::from(frame.height));
    wish.limits.check_memory(canvas_bytes + frame_bytes)?;
    wish.limits.check_deadline()?;

    let mut indexes = vec![0; decoder.buffer_size()];
    let truncated = match decoder.read_into_buffer(&mut indexes) {
        Ok(()) => false,
        Err(_) if indexes.iter().any(|&index| index != 0) => true,
        Err(error) => return Err(broken(error)),
    };
    let palette = decoder.palette().map_err(broken)?;
    let pixels = compose(&frame, &indexes, palette, (width, height));
    Ok(Picture {
        width,
        height,
        full: (width, height),
        ink: Ink::Rgb,
        pixels,
        icc: decoder.icc_profile().map(<[u8]>::to_vec),
        orientation: Orientation::UPRIGHT,
        truncated,
    })
}

/// The frame on a white canvas; what lies outside the canvas is cut off.
fn compose(frame: &Frame, indexes: &[u8], palette: &[u8], canvas: (u32, u32)) -> Vec<u8> {
    let (width, height) = (canvas.0 as usize, canvas.1 as usize);
    let mut pixels = vec![u8::MAX; width * height * 3];
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let rows = pixels.chunks_exact_mut(width * 3).skip(top);
    for (row, line) in rows.zip(indexes.chunks_exact(usize::from(frame.width).max(1))) {
        for (pixel, &index) in row.chunks_exact_mut(3).skip(left).zip(line) {
            if frame.transparent == Some(index) {
                continue;
            }
            let at = usize::from(index) * 3;
            if let Some(colour) = palette.get(at..at + 3) {
                pixel.copy_from_slice(colour);
            }
        }
    }
    pixels
}

fn broken(error: impl std::fmt::Display) -> DecodeError {
    DecodeError::corrupt(format!("GIF: {error}"))
}
