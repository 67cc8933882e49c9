//! WebP: the still picture or the first frame, shrunk while it is decoded.

use std::borrow::Cow;

use crate::bytes::{array, has, le32};
use crate::orientation::Orientation;
use crate::picture::{Ink, Made, Parted, Picture, Wish, area, fit, premultiplied_over_white};
use crate::webp_sys::{self, Features};
use crate::{DecodeError, colour, webp_planes};

pub(crate) fn decode(data: &[u8], wish: Wish) -> Result<Made, DecodeError> {
    let parts = Parts::of(data)?;
    let frame = parts.frame(data);
    let features = webp_sys::features(&frame.bytes)?;
    let held = (features.width, features.height);
    let canvas = frame.canvas.unwrap_or(held);
    let fits = |place: u32, length: u32, whole: u32| place.saturating_add(length) <= whole;
    if !fits(frame.place.0, held.0, canvas.0) || !fits(frame.place.1, held.1, canvas.1) {
        return Err(DecodeError::corrupt("the WebP has a frame outside its canvas"));
    }
    wish.check_work(canvas.0, canvas.1, 3)?;
    // By a whole factor, as a box filter; the better filter does the rest.
    let factor = wish.box_factor(canvas.0, canvas.1);
    let is_plain = !features.has_alpha && !features.is_lossless && held == canvas;
    let stays_parted = wish.is_of_jpegs() && colour::is_srgb(parts.icc);
    if is_plain && (stays_parted || factor > 1) {
        return parted(&frame.bytes, &features, &parts, factor, wish, stays_parted);
    }

    let scaled = |length: u32| length.div_ceil(factor).max(1);
    let (width, height) = (scaled(held.0), scaled(held.1));
    let (across, down) = (scaled(canvas.0), scaled(canvas.1));
    check_cost(data, &features, (width, height), (across, down), wish)?;
    wish.limits.check_deadline()?;
    let decoded = webp_sys::decompress(&frame.bytes, width, height, features.has_alpha)?;
    let rgb = if features.has_alpha { on_white(&decoded.pixels) } else { decoded.pixels };
    let place = (frame.place.0 / factor, frame.place.1 / factor);
    let whole = (across, down) == (width, height) && place == (0, 0);
    let pixels =
        if whole { rgb } else { place_on_white((across, down), place, &rgb, width as usize) };
    let truncated = decoded.truncated;
    Ok(Made::Pixels(parts.picture(pixels, (across, down), canvas, truncated)))
}

/// The library's own shrinking takes as long as a third of the decoding: it is left out where light
/// and colours come row by row.
fn parted(
    data: &[u8],
    features: &Features,
    parts: &Parts,
    factor: u32,
    wish: Wish,
    stays_parted: bool,
) -> Result<Made, DecodeError> {
    let full = (features.width, features.height);
    let made = area(full.0.div_ceil(factor), full.1.div_ceil(factor));
    wish.limits.check_memory(data.len() as u64 + area(full.0, full.1) * 3 / 2 + made * 3)?;
    let (planes, truncated) = webp_planes::decode(data, features, factor, wish.limits)?;
    if stays_parted {
        let orientation = parts.orientation();
        return Ok(Made::Parted(Parted { planes, full, orientation, truncated }));
    }
    let size = fit(full.0, full.1, wish.target(full.0, full.1));
    let pixels = planes.raster(size)?.rgb;
    Ok(Made::Pixels(parts.picture(pixels, size, full, truncated)))
}

/// A lossless picture is held whole by the library, four bytes a pixel; a lossy one in rows,
/// with its alpha channel whole. Beside it live the file, the shrunk picture as `made` by the
/// library, without its alpha, and on its `canvas`.
fn check_cost(
    data: &[u8],
    features: &Features,
    made: (u32, u32),
    canvas: (u32, u32),
    wish: Wish,
) -> Result<(), DecodeError> {
    let pixels = area(features.width, features.height);
    let held = if features.is_lossless { pixels * 4 } else { pixels };
    let made = area(made.0, made.1) * if features.has_alpha { 4 + 3 } else { 3 };
    let canvas = area(canvas.0, canvas.1) * 3;
    wish.limits.check_memory(data.len() as u64 + held + made + canvas)
}

/// What the chunks of the file hold.
#[derive(Default)]
struct Parts<'a> {
    icc: Option<&'a [u8]>,
    exif: Option<&'a [u8]>,
    canvas: Option<(u32, u32)>,
    /// The first ANMF chunk.
    first_frame: Option<&'a [u8]>,
}

/// A still picture that libwebp takes, and where it lies on its canvas.
struct Still<'a> {
    bytes: Cow<'a, [u8]>,
    canvas: Option<(u32, u32)>,
    place: (u32, u32),
}

impl<'a> Parts<'a> {
    fn of(data: &'a [u8]) -> Result<Self, DecodeError> {
        if !has(data, 8, b"WEBP") {
            return Err(DecodeError::corrupt("the WebP has no header"));
        }
        let mut parts = Self::default();
        for (name, body) in (Chunks { data, at: 12 }) {
            match &name {
                b"VP8X" => parts.canvas = Some((size24(body, 4), size24(body, 7))),
                b"ICCP" => parts.icc = Some(body),
                b"EXIF" => parts.exif = Some(body),
                b"ANMF" if parts.first_frame.is_none() => parts.first_frame = Some(body),
                _ => {}
            }
        }
        Ok(parts)
    }

    /// Pixels of red, green and blue with what the chunks say about them.
    fn picture(
        &self,
        pixels: Vec<u8>,
        (width, height): (u32, u32),
        full: (u32, u32),
        truncated: bool,
    ) -> Picture {
        let (icc, orientation) = (self.icc.map(<[u8]>::to_vec), self.orientation());
        Picture { width, height, full, ink: Ink::Rgb, pixels, icc, orientation, truncated }
    }

    fn orientation(&self) -> Orientation {
        self.exif.map_or(Orientation::UPRIGHT, Orientation::of_exif)
    }

    /// The file itself, or a small still file made of its first frame.
    fn frame(&self, data: &'a [u8]) -> Still<'a> {
        let Some(body) = self.first_frame else {
            return Still { bytes: Cow::Borrowed(data), canvas: None, place: (0, 0) };
        };
        let payload = body.get(16..).unwrap_or_default();
        let mut chunks = Vec::new();
        if payload.starts_with(b"ALPH") {
            const HAS_ALPHA: u8 = 0x10;
            chunks.extend_from_slice(b"VP8X\x0A\0\0\0");
            chunks.extend_from_slice(&[HAS_ALPHA, 0, 0, 0]);
            chunks.extend_from_slice(body.get(6..12).unwrap_or_default());
        }
        chunks.extend_from_slice(payload);
        let length = u32::try_from(chunks.len() + 4).unwrap_or(u32::MAX);
        let mut bytes = b"RIFF".to_vec();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(b"WEBP");
        bytes.append(&mut chunks);
        // Places are stored halved.
        let place = (int24(body, 0) * 2, int24(body, 3) * 2);
        Still { bytes: Cow::Owned(bytes), canvas: self.canvas, place }
    }
}

/// Walks over RIFF chunks; each step goes forward by 8 bytes or more.
struct Chunks<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let name = array(self.data, self.at)?;
        let length = usize::try_from(le32(self.data, self.at + 4)?).ok()?;
        let start = self.at + 8;
        let end = start.checked_add(length)?.min(self.data.len());
        self.at = start.checked_add(length)?.checked_add(length % 2)?;
        Some((name, self.data.get(start..end)?))
    }
}

fn int24(body: &[u8], at: usize) -> u32 {
    array::<3>(body, at).map_or(0, |[low, middle, high]| u32::from_le_bytes([low, middle, high, 0]))
}

/// Lengths are stored less one.
fn size24(body: &[u8], at: usize) -> u32 {
    int24(body, at) + 1
}

fn on_white(rgba: &[u8]) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(rgba.len() / 4 * 3);
    for pixel in rgba.chunks_exact(4) {
        if let &[red, green, blue, alpha] = pixel {
            rgb.extend([red, green, blue].map(|light| premultiplied_over_white(light, alpha)));
        }
    }
    rgb
}

fn place_on_white(canvas: (u32, u32), place: (u32, u32), rgb: &[u8], width: usize) -> Vec<u8> {
    let (across, down) = (canvas.0 as usize, canvas.1 as usize);
    let mut pixels = vec![u8::MAX; across * down * 3];
    let rows = pixels.chunks_exact_mut(across.max(1) * 3).skip(place.1 as usize);
    for (row, line) in rows.zip(rgb.chunks_exact(width.max(1) * 3)) {
        let start = (place.0 as usize * 3).min(row.len());
        for (to, &from) in row.iter_mut().skip(start).zip(line) {
            *to = from;
        }
    }
    pixels
}
