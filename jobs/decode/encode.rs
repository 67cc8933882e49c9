//! Small pictures become files. What is written has no metadata: the pixels are sRGB and upright.

use crate::{Coding, DecodeError, Limits, Raster, Size, avif, turbo, webp_sys};

/// Up to here tables made for the picture save more than they cost; above they do not.
const BEST_TABLES_EDGE: u32 = 960;

/// The file of a picture that was made for `size`.
pub(crate) fn encode(
    raster: &Raster,
    size: &Size,
    limits: &Limits,
) -> Result<Vec<u8>, DecodeError> {
    limits.check_deadline()?;
    let Raster { width, height, ref rgb } = *raster;
    match size.coding {
        Coding::Jpeg => turbo::compress(rgb, width, height, size.quality, has_best_tables(size)),
        Coding::Avif => avif::compress(rgb, (width, height), size.quality, limits),
        Coding::WebP => webp_sys::compress(rgb, width, height, size.quality),
    }
}

/// Whether a JPEG of this size has tables of its own.
pub(crate) fn has_best_tables(size: &Size) -> bool {
    size.width.max(size.height) <= BEST_TABLES_EDGE
}
