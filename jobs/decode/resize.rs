//! Shrinking with a good filter.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::DecodeError;

/// A picture in another size, by Lanczos3 over all its pixels.
pub(crate) fn lanczos(
    pixels: &[u8],
    channels: usize,
    from: (u32, u32),
    to: (u32, u32),
) -> Result<Vec<u8>, DecodeError> {
    let layout = match channels {
        1 => PixelType::U8,
        3 => PixelType::U8x3,
        _ => PixelType::U8x4,
    };
    resized(pixels, layout, from, to, options())
}

/// The middle of a picture of three bytes a pixel: the largest part of it that has the shape of
/// `to`, in that size.
pub(crate) fn lanczos_of_middle(
    rgb: &[u8],
    from: (u32, u32),
    to: (u32, u32),
) -> Result<Vec<u8>, DecodeError> {
    let whole = options().fit_into_destination(None);
    resized(rgb, PixelType::U8x3, from, to, whole)
}

fn options() -> ResizeOptions {
    let way = ResizeAlg::Convolution(FilterType::Lanczos3);
    ResizeOptions::new().resize_alg(way).use_alpha(false)
}

fn resized(
    pixels: &[u8],
    layout: PixelType,
    from: (u32, u32),
    to: (u32, u32),
    options: ResizeOptions,
) -> Result<Vec<u8>, DecodeError> {
    let source = ImageRef::new(from.0, from.1, pixels, layout).map_err(impossible)?;
    let mut smaller = Image::new(to.0, to.1, layout);
    Resizer::new().resize(&source, &mut smaller, &options).map_err(impossible)?;
    Ok(smaller.into_vec())
}

fn impossible(error: impl std::fmt::Display) -> DecodeError {
    DecodeError::corrupt(format!("the picture cannot be resized: {error}"))
}
