//! Doors for the fuzz targets (`fuzz/`) into what has none; built only with their flags.

use crate::picture::{Ink, area};
use crate::turbo::{self, Wanted};
use crate::{Limits, jpeg_eighth, jpeg_half, jpeg_header};

/// The library reads larger pictures too slowly for a comparison.
const MOST_PIXELS: u64 = 1 << 22;

/// Width, height and number of bytes of a picture.
pub type Shape = (usize, usize, usize);

/// What our reader of baseline JPEG makes of a file at an eighth, and what the library makes of it;
/// `None` for what ours leaves to the library.
pub fn eighths(data: &[u8], limits: &Limits) -> Option<(Shape, Shape)> {
    let frame = jpeg_header::read(data).ok()?.frame;
    if area(frame.width, frame.height) > MOST_PIXELS {
        return None;
    }
    let ours = jpeg_eighth::decode(data, limits).ok()??;
    let ink = if frame.sampling.len() == 1 { Ink::Gray } else { Ink::Rgb };
    let wanted = Wanted { eighths: 1, ink, memory_bytes: limits.memory_bytes, scans: 1 };
    let library = turbo::decompress(data, wanted).ok()?;
    let ours = (ours.width, ours.height, ours.pixels.len());
    Some((ours, (library.width, library.height, library.pixels.len())))
}

/// Width and height of what our reader makes of a file at a half, and of what the library makes of
/// it; `None` for what ours leaves to the library.
pub fn halves(data: &[u8], limits: &Limits) -> Option<((u32, u32), (usize, usize))> {
    let frame = jpeg_header::read(data).ok()?.frame;
    if area(frame.width, frame.height) > MOST_PIXELS {
        return None;
    }
    let ours = jpeg_half::decode(data, limits).ok()??;
    let memory_bytes = limits.memory_bytes;
    let wanted = Wanted { eighths: 4, ink: Ink::Rgb, memory_bytes, scans: 1 };
    let library = turbo::decompress(data, wanted).ok()?;
    Some((ours.size(), (library.width, library.height)))
}
