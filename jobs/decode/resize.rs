//! Shrinking with a good filter.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::DecodeError;
use crate::planes::Plane;

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

/// A plane in another size, with nothing around it.
///
/// The library's horizontal filter is at its best with four bytes a pixel, so that four rows go
/// through it woven together.
pub(crate) fn lanczos_plane(plane: &Plane, to: (u32, u32)) -> Result<Plane, DecodeError> {
    let [row, rows] = [plane.row(), plane.held.1].map(|it| u32::try_from(it).unwrap_or(0));
    let shown = options().crop(0.0, 0.0, row.into(), plane.covered.1);
    let low = resized(&plane.bytes, PixelType::U8, (row, rows), (row, to.1), shown)?;
    let (width, panels) = (plane.size.0, plane.panels);
    let low = low.chunks_exact(plane.held.0.max(1)).filter_map(|row| row.get(..width as usize));
    if plane.covered.0 == f64::from(to.0) {
        let bytes = low.collect::<Vec<_>>().concat();
        return Ok(Plane::of(to, panels, bytes));
    }
    let (woven, groups) = woven(low, width as usize);
    let shown = options().crop(0.0, 0.0, plane.covered.0, groups.into());
    let woven = resized(&woven, PixelType::U8x4, (width, groups), (to.0, groups), shown)?;
    let rows = to.1 as usize * panels;
    Ok(Plane::of(to, panels, unwoven(&woven, to.0 as usize, rows)))
}

/// Rows in groups of four, and how many groups: the first bytes of all, then the second ones.
fn woven<'a>(mut rows: impl Iterator<Item = &'a [u8]>, width: usize) -> (Vec<u8>, u32) {
    let (mut woven, mut groups) = (Vec::new(), 0);
    while let Some(a) = rows.next() {
        let [b, c, d] = [(); 3].map(|()| rows.next().unwrap_or(a));
        let start = woven.len();
        if start == 0 {
            woven.reserve(4 * width * rows.size_hint().1.unwrap_or(0).div_ceil(4));
        }
        woven.resize(start + 4 * width, 0);
        let group = woven.get_mut(start..).unwrap_or_default();
        for ((((to, a), b), c), d) in group.chunks_exact_mut(4).zip(a).zip(b).zip(c).zip(d) {
            to.copy_from_slice(&[*a, *b, *c, *d]);
        }
        groups += 1;
    }
    (woven, groups)
}

/// So many rows, one after the other.
fn unwoven(woven: &[u8], width: usize, rows: usize) -> Vec<u8> {
    let mut apart = vec![0; width * rows];
    for (rows, group) in apart.chunks_mut(4 * width).zip(woven.chunks_exact(4 * width)) {
        for (n, row) in rows.chunks_exact_mut(width).enumerate() {
            for (to, from) in row.iter_mut().zip(group.chunks_exact(4)) {
                *to = from.get(n).copied().unwrap_or(0);
            }
        }
    }
    apart
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
