//! What must change in a file so that it tells nothing of people, places and machines any more.
//!
//! Nothing is written here: the answer is a list of edits, which whoever holds the file applies.
//! Compressed pictures and samples are in none of them.

mod boxes;
mod edits;
mod exif;
mod film;
mod gif;
mod heif;
mod jpeg;
mod png;
mod samples;
mod tiff;
mod tiff_directory;
mod webp;

use std::fs::File;

pub use edits::{Edit, With};

use crate::window::Window;
use crate::{Code, DecodeError, Format, Limits, source};
use edits::Edits;

/// The edits that take out of `file` what is not needed to show it: places, serial numbers, owners,
/// comments, XMP, IPTC, maker notes, small pictures inside, and what lies behind the picture.
///
/// They are in the order of their places and do not lie over each other; none are needed where the
/// list is empty. `None` says that this build leaves files of the format as they are. Refused with
/// [`Code::Unstrippable`] (or the code of another limit) where the file's own structure does not
/// say for sure what is what.
pub fn strip(
    file: &File,
    format: Format,
    limits: &Limits,
) -> Result<Option<Vec<Edit>>, DecodeError> {
    let mut edits = Edits::new(limits);
    match format {
        Format::Jpeg => jpeg::strip(&source::read(file, limits)?, &mut edits)?,
        Format::Gif => gif::strip(&source::read(file, limits)?, &mut edits)?,
        Format::Tiff => tiff::strip(&source::read(file, limits)?, &mut edits)?,
        Format::Png => png::strip(&mut Window::new(file, limits)?, &mut edits)?,
        Format::WebP => webp::strip(&mut Window::new(file, limits)?, &mut edits)?,
        Format::Heic | Format::Avif | Format::Mp4 | Format::Mov | Format::ThreeGp | Format::M4a => {
            film::strip(&mut Window::new(file, limits)?, &mut edits)?;
        }
        _ => return Ok(None),
    }
    edits.done().map(Some)
}

/// The file does not say for sure what is what in it.
fn unsure(what: &str) -> DecodeError {
    DecodeError::new(Code::Unstrippable, what)
}
