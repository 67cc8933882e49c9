//! Small pictures of a file, at most once decoded.

use std::fs::File;

use crate::picture::{Made, Wish};
use crate::shown::Shown;
use crate::sizes::worth_making;
use crate::{
    Code, Coding, DecodeError, Format, Framing, Kind, Limits, Size, bmp, gif, heif, jpeg, libav,
    picture_header, png, sniff, source, tiff, video, webp,
};

/// The input of a Thumbhash may have 100 pixels an edge; half of that gives the same 25 bytes
/// in a quarter of the time.
const PLACEHOLDER_EDGE: u32 = 50;

/// A finished small picture.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    /// The name of its [`Size`].
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// How it is coded.
    pub coding: Coding,
    /// Its file, without any metadata.
    pub bytes: Vec<u8>,
}

/// All that was made of one file.
#[derive(Debug, Clone, Default)]
pub struct Pictures {
    /// The one that needed the fewest pixels first. A size that would only repeat a smaller one,
    /// because the source is no larger, is left out.
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
/// The picture of a piece of music is the cover in its file. Music without one and documents give
/// empty [`Pictures`].
pub fn thumbnails(
    file: &File,
    format: Format,
    sizes: &[Size],
    limits: &Limits,
) -> Result<Pictures, DecodeError> {
    limits.check_deadline()?;
    let least = [Size::square(PLACEHOLDER_EDGE)];
    let wished = if sizes.is_empty() { &least[..] } else { sizes };
    let (shown, truncated) = match format.kind() {
        Kind::Image => still(file, format, Wish { sizes: wished, limits })?,
        Kind::Video => (Shown::Rgb(video::poster(file, format, limits)?), false),
        Kind::Audio => match cover(file, format, Wish { sizes: wished, limits })? {
            Some(found) => found,
            None => return Ok(Pictures::default()),
        },
        Kind::Document => return Ok(Pictures::default()),
    };
    cascade(shown, sizes, truncated, limits)
}

/// The picture of `file`, upright and in sRGB, no larger than asked for.
pub(crate) fn still(file: &File, format: Format, wish: Wish) -> Result<(Shown, bool), DecodeError> {
    picture_header::check(file, format, wish.limits)?;
    if matches!(format, Format::Heic | Format::Avif) {
        // Read piece by piece: the small picture in it may do.
        return Shown::of(Made::Pixels(heif::decode(file, wish)?), wish);
    }
    Shown::of(decoded(source::read(file, wish.limits)?, format, wish)?, wish)
}

/// The picture that goes with a piece of music. One that cannot be shown is none: what is asked for
/// is the music.
fn cover(file: &File, format: Format, wish: Wish) -> Result<Option<(Shown, bool)>, DecodeError> {
    let found = libav::Input::open(file, format, wish.limits).and_then(|input| {
        let Some(data) = input.attached_picture(wish.limits.still_bytes) else { return Ok(None) };
        drop(input);
        let format = sniff(&data).ok_or_else(|| DecodeError::corrupt("the cover is no picture"))?;
        Shown::of(decoded(data, format, wish)?, wish).map(Some)
    });
    match found {
        Err(error) if matches!(error.code, Code::ReadFailed | Code::DecodeTimeout) => Err(error),
        found => Ok(found.ok().flatten()),
    }
}

/// The picture that these bytes are.
fn decoded(data: Vec<u8>, format: Format, wish: Wish) -> Result<Made, DecodeError> {
    Ok(Made::Pixels(match format {
        Format::Jpeg => return jpeg::decode(data, wish),
        Format::Png => png::decode(&data, wish)?,
        Format::Gif => gif::decode(&data, wish)?,
        Format::WebP => return webp::decode(&data, wish),
        Format::Tiff => tiff::decode(data, wish)?,
        Format::Bmp => bmp::decode(&data, wish)?,
        other => {
            let name = other.extension().to_uppercase();
            let message = format!("{name} pictures are not decoded yet");
            return Err(DecodeError::new(Code::UnsupportedFormat, message));
        }
    }))
}

/// Makes each picture from the next larger one that shows all: the largest first.
fn cascade(
    source: Shown,
    sizes: &[Size],
    truncated: bool,
    limits: &Limits,
) -> Result<Pictures, DecodeError> {
    let whole = source.size();
    let mut thumbnails = Vec::with_capacity(sizes.len());
    let mut larger = source;
    for (size, cut) in worth_making(whole, sizes).into_iter().rev() {
        limits.check_deadline()?;
        let middle;
        let shown = match size.framing {
            Framing::Fit => {
                larger = larger.shrunk((size.width, size.height))?;
                &larger
            }
            Framing::Cover => {
                middle = larger.middle(cut.made)?;
                &middle
            }
        };
        let bytes = shown.encoded(size, limits)?;
        let (name, coding) = (size.name.clone(), size.coding);
        let (width, height) = shown.size();
        thumbnails.push(Thumbnail { name, width, height, coding, bytes });
    }
    thumbnails.reverse();
    Ok(Pictures { thumbnails, truncated, placeholder: placeholder(larger)? })
}

fn placeholder(shown: Shown) -> Result<Vec<u8>, DecodeError> {
    let small = shown.shrunk((PLACEHOLDER_EDGE, PLACEHOLDER_EDGE))?;
    let Raster { width, height, rgb } = small.into_raster()?;
    let opaque = |pixel: &[u8]| pixel.iter().copied().chain([u8::MAX]).collect::<Vec<u8>>();
    let rgba: Vec<u8> = rgb.chunks_exact(3).flat_map(opaque).collect();
    Ok(thumbhash::rgba_to_thumb_hash(width as usize, height as usize, &rgba))
}
