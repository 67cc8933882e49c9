//! Small pictures of a file, at most once decoded.

use std::fs::File;

use crate::{DecodeError, Format, Limits};

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
    /// Smallest first. A size that would only repeat a smaller one (the source is smaller) is left out.
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
pub fn thumbnails(
    file: &File,
    format: Format,
    sizes: &[Size],
    limits: &Limits,
) -> Result<Pictures, DecodeError> {
    let _ = (file, format, sizes, limits);
    Err(DecodeError::new(crate::Code::UnsupportedFormat, "no decoder for this format"))
}
