//! Small pictures of a file, at most once decoded.

use std::fs::File;

use crate::picture::{Picture, Wish, fit};
use crate::{
    Code, DecodeError, Format, Kind, Limits, bmp, colour, gif, heif, jpeg, png, resize, source,
    tiff, turbo, video, webp,
};

/// Where the eye no longer finds the difference at the size of a thumbnail.
const QUALITY: u8 = 80;

/// Up to here tables made for the picture save more than they cost; above they do not.
const BEST_TABLES_EDGE: u32 = 960;

/// The input of a Thumbhash may have 100 pixels an edge; half of that gives the same 25 bytes
/// in a quarter of the time.
const PLACEHOLDER_EDGE: u32 = 50;

/// A picture to make: it fits into a square of `edge` pixels and is never enlarged.
#[derive(Debug, Clone)]
pub struct Size {
    /// The name under which it is kept, such as `320`.
    pub name: String,
    /// The longest edge in pixels.
    pub edge: u32,
}

/// A finished small picture.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    /// The name of its [`Size`].
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Its bytes: a JPEG without any metadata.
    pub jpeg: Vec<u8>,
}

/// All that was made of one file.
#[derive(Debug, Clone)]
pub struct Pictures {
    /// Smallest first. A size that would only repeat a smaller one, because the source is no
    /// larger, is left out.
    pub thumbnails: Vec<Thumbnail>,
    /// The file ended early or was damaged and the picture was made of what was there.
    pub truncated: bool,
    /// Thumbhash of the picture: some 25 bytes to show while it loads.
    pub placeholder: Vec<u8>,
}

/// Pixels, three bytes each (red, green, blue in sRGB), rows without padding.
#[derive(Debug, Clone)]
pub struct Raster {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `width * height * 3` bytes.
    pub rgb: Vec<u8>,
}

/// Makes pictures of `file` in all `sizes`, decoding it once.
///
/// Sound and documents have no picture: they give empty [`Pictures`].
pub fn thumbnails(
    file: &File,
    format: Format,
    sizes: &[Size],
    limits: &Limits,
) -> Result<Pictures, DecodeError> {
    limits.check_deadline()?;
    let mut sizes: Vec<&Size> = sizes.iter().collect();
    sizes.sort_by_key(|size| size.edge);
    let edge = sizes.last().map_or(PLACEHOLDER_EDGE, |size| size.edge).max(1);
    let (raster, truncated) = match format.kind() {
        Kind::Image => still(file, format, Wish { edge, limits })?,
        Kind::Video => (video::poster(file, format, limits)?, false),
        Kind::Audio | Kind::Document => {
            return Ok(Pictures {
                thumbnails: Vec::new(),
                truncated: false,
                placeholder: Vec::new(),
            });
        }
    };
    cascade(raster, &sizes, truncated, limits)
}

/// The picture of `file`, upright and in sRGB, no larger than asked for.
pub(crate) fn still(
    file: &File,
    format: Format,
    wish: Wish,
) -> Result<(Raster, bool), DecodeError> {
    if matches!(format, Format::Heic | Format::Avif) {
        // Read piece by piece: the small picture in it may do.
        return finish(heif::decode(file, wish)?, wish);
    }
    let data = source::read(file, wish.limits)?;
    let picture = match format {
        Format::Jpeg => jpeg::decode(data, wish)?,
        Format::Png => png::decode(&data, wish)?,
        Format::Gif => gif::decode(&data, wish)?,
        Format::WebP => webp::decode(&data, wish)?,
        Format::Tiff => tiff::decode(data, wish)?,
        Format::Bmp => bmp::decode(&data, wish)?,
        other => {
            let name = other.extension().to_uppercase();
            let message = format!("{name} pictures are not decoded yet");
            return Err(DecodeError::new(Code::UnsupportedFormat, message));
        }
    };
    finish(picture, wish)
}

/// Shrinks first, because colours and turns cost by the pixel.
fn finish(picture: Picture, wish: Wish) -> Result<(Raster, bool), DecodeError> {
    wish.limits.check_deadline()?;
    let (width, height) = fit(picture.full.0, picture.full.1, wish.edge);
    let held = (picture.width, picture.height);
    let pixels = if held == (width, height) {
        picture.pixels
    } else {
        resize::lanczos(&picture.pixels, picture.ink.channels(), held, (width, height))?
    };
    wish.limits.check_deadline()?;
    let rgb = colour::to_srgb(pixels, picture.ink, picture.icc.as_deref());
    let (width, height, rgb) = picture.orientation.apply(width, height, rgb);
    Ok((Raster { width, height, rgb }, picture.truncated))
}

/// Makes each picture from the next larger one: the largest first.
fn cascade(
    source: Raster,
    sizes: &[&Size],
    truncated: bool,
    limits: &Limits,
) -> Result<Pictures, DecodeError> {
    let longest = source.width.max(source.height);
    let enough =
        sizes.iter().position(|size| size.edge >= longest).map_or(sizes.len(), |at| at + 1);
    let mut thumbnails = Vec::with_capacity(enough);
    let mut larger = source;
    for size in sizes.iter().take(enough).rev() {
        limits.check_deadline()?;
        larger = shrink(larger, size.edge)?;
        let best_tables = size.edge <= BEST_TABLES_EDGE;
        let Raster { width, height, ref rgb } = larger;
        let jpeg = turbo::compress(rgb, width, height, QUALITY, best_tables)?;
        thumbnails.push(Thumbnail { name: size.name.clone(), width, height, jpeg });
    }
    thumbnails.reverse();
    Ok(Pictures { thumbnails, truncated, placeholder: placeholder(larger)? })
}

fn shrink(raster: Raster, edge: u32) -> Result<Raster, DecodeError> {
    let (width, height) = fit(raster.width, raster.height, edge);
    if (width, height) == (raster.width, raster.height) {
        return Ok(raster);
    }
    let rgb = resize::lanczos(&raster.rgb, 3, (raster.width, raster.height), (width, height))?;
    Ok(Raster { width, height, rgb })
}

fn placeholder(raster: Raster) -> Result<Vec<u8>, DecodeError> {
    let Raster { width, height, rgb } = shrink(raster, PLACEHOLDER_EDGE)?;
    let opaque = |pixel: &[u8]| pixel.iter().copied().chain([u8::MAX]).collect::<Vec<u8>>();
    let rgba: Vec<u8> = rgb.chunks_exact(3).flat_map(opaque).collect();
    Ok(thumbhash::rgba_to_thumb_hash(width as usize, height as usize, &rgba))
}
