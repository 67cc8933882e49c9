//! Size, EXIF block, colours, frames and time of a picture, without decoding its pixels.

use std::fs::File;

use crate::bytes::{be16, be32, has, le16, le32};
use crate::color_space::{self, PROFILE_BYTES, SRGB};
use crate::window::Window;
use crate::{DecodeError, Format, Limits, gif_header, heif_header, png_header};

/// The longest EXIF block that is read. JPEG holds 64 KB; other formats some hundred KB at most.
pub(crate) const EXIF_BYTES: usize = 2 << 20;
/// The longest TIFF file of which the tags are read: they may be anywhere in it.
const TIFF_BYTES: usize = 64 << 20;
/// The most bytes of a segment of a JPEG.
const SEGMENT_BYTES: usize = 64 << 10;
/// More markers, chunks or frames than any real picture has; the walk ends there.
pub(crate) const MOST_PARTS: u32 = 200_000;

/// What the header of a picture says.
#[derive(Debug, Default)]
pub(crate) struct Header {
    /// Width and height as stored.
    pub(crate) size: Option<(u32, u32)>,
    /// The TIFF block of its EXIF, without `Exif\0\0`.
    pub(crate) exif: Option<Vec<u8>>,
    /// Frames of an animation.
    pub(crate) frames: u32,
    /// How long the frames of an animation are shown, all together, in seconds.
    pub(crate) seconds: f64,
    /// What its colours mean, by the container's word.
    pub(crate) color_space: Option<String>,
    /// The container itself turns it on its side (HEIF's `irot`).
    pub(crate) sideways: bool,
}

impl Header {
    /// Takes the first block that is one, with or without `Exif\0\0` in front.
    pub(crate) fn take_exif(&mut self, block: Vec<u8>) {
        let block = match block.strip_prefix(b"Exif\0\0") {
            Some(tiff) => tiff.to_vec(),
            None => block,
        };
        if self.exif.is_none() && (has(&block, 0, b"II") || has(&block, 0, b"MM")) {
            self.exif = Some(block);
        }
    }
}

/// Reads the header of a picture.
pub(crate) fn read(file: &File, format: Format, limits: &Limits) -> Result<Header, DecodeError> {
    let mut window = Window::new(file, limits)?;
    let mut header = walk(&mut window, format, limits)?;
    header.size = header.size.filter(|(width, height)| *width > 0 && *height > 0);
    if format == Format::Tiff {
        take_tiff(&mut header, &mut window, limits)?;
    }
    if header.size.is_none() && header.exif.is_none() {
        return Err(DecodeError::corrupt("the header of the picture is damaged"));
    }
    Ok(header)
}

/// Refuses a picture whose header says more pixels or frames than `limits` allow. A header that
/// says nothing is left to the decoder.
pub(crate) fn check(file: &File, format: Format, limits: &Limits) -> Result<(), DecodeError> {
    let mut window = Window::new(file, limits)?;
    let Ok(header) = walk(&mut window, format, limits) else { return Ok(()) };
    let (width, height) = header.size.unwrap_or_default();
    limits.check_pixels(width, height)?;
    limits.check_frames(header.frames)
}

fn walk(window: &mut Window, format: Format, limits: &Limits) -> Result<Header, DecodeError> {
    match format {
        Format::Jpeg => jpeg(window),
        Format::Png => png_header::read(window),
        Format::Gif => gif_header::read(window, limits.still_bytes),
        Format::WebP => webp(window),
        Format::Tiff => tiff(window),
        Format::Bmp => bmp(window),
        Format::Heic | Format::Avif => heif_header::read(window),
        _ => Ok(Header::default()),
    }
}

fn jpeg(window: &mut Window) -> Result<Header, DecodeError> {
    let mut header = Header::default();
    if window.array(0)? != Some([0xFF, 0xD8]) {
        return Ok(header);
    }
    let mut profile = Profile::default();
    let mut at = 2;
    for _ in 0..MOST_PARTS {
        let Some([start, code]) = window.array(at)? else { break };
        // Stray bytes between segments are common in files of phones; fill bytes are allowed.
        if start != 0xFF || code == 0xFF {
            at += 1;
            continue;
        }
        if matches!(code, 0x00 | 0x01 | 0xD0..=0xD8) {
            at += 2;
            continue;
        }
        if matches!(code, 0xD9 | 0xDA) {
            break;
        }
        let Some(length) = window.array(at + 2)?.map(u16::from_be_bytes) else { break };
        let body = at + 4;
        match code {
            0xC0..=0xCF if !matches!(code, 0xC4 | 0xC8 | 0xCC) && header.size.is_none() => {
                let Some([_, h1, h0, w1, w0]) = window.array(body)? else { break };
                let edge = |high, low| u32::from(u16::from_be_bytes([high, low]));
                header.size = Some((edge(w1, w0), edge(h1, h0)));
            }
            0xE1 if window.array(body)? == Some(*b"Exif\0\0") => {
                let length = u64::from(length).saturating_sub(2);
                header.take_exif(window.part(body, length, EXIF_BYTES)?);
            }
            0xE2 => profile.take(&window.part(
                body,
                u64::from(length).saturating_sub(2),
                SEGMENT_BYTES,
            )?),
            _ => {}
        }
        at += 2 + u64::from(length.max(2));
    }
    header.color_space = color_space::of_icc(&profile.bytes);
    Ok(header)
}

/// The beginning of an ICC profile that comes in parts.
#[derive(Default)]
struct Profile {
    parts: u8,
    bytes: Vec<u8>,
}

impl Profile {
    /// Takes the body of a segment if it is the next part.
    fn take(&mut self, body: &[u8]) {
        let part = body.strip_prefix(b"ICC_PROFILE\0").and_then(|part| part.split_first());
        let Some((number, rest)) = part else { return };
        if Some(*number) == self.parts.checked_add(1) && self.bytes.len() < PROFILE_BYTES {
            self.parts = *number;
            // Behind its number stands the number of all.
            self.bytes.extend(rest.get(1..).unwrap_or_default());
        }
    }
}

fn webp(window: &mut Window) -> Result<Header, DecodeError> {
    let mut header = Header::default();
    let head = window.array::<12>(0)?.unwrap_or_default();
    if !has(&head, 0, b"RIFF") || !has(&head, 8, b"WEBP") {
        return Ok(header);
    }
    let mut at = 12;
    for _ in 0..MOST_PARTS {
        let Some(head) = window.array::<8>(at)? else { break };
        let length = u64::from(le32(&head, 4).unwrap_or(0));
        let body = window.array::<10>(at + 8)?.unwrap_or_default();
        match &head[..4] {
            b"VP8X" => {
                let edge = |at| le32(&body, at).map(|three| (three & 0xFF_FFFF) + 1);
                // The height is the last three of ten bytes.
                header.size = edge(4).zip(le32(&body, 6).map(|four| (four >> 8) + 1));
            }
            b"VP8 " if header.size.is_none() && has(&body, 3, b"\x9d\x01\x2a") => {
                let edge = |at| le16(&body, at).map(|edge| u32::from(edge & 0x3FFF));
                header.size = edge(6).zip(edge(8));
            }
            b"VP8L" if header.size.is_none() && body[0] == 0x2F => {
                let bits = le32(&body, 1).unwrap_or(0);
                header.size = Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1));
            }
            b"EXIF" => header.take_exif(window.part(at + 8, length, EXIF_BYTES)?),
            b"ICCP" => {
                let profile = window.part(at + 8, length, PROFILE_BYTES)?;
                header.color_space = color_space::of_icc(&profile);
            }
            b"ANMF" => {
                header.frames += 1;
                // Three bytes of thousandths, behind place and size.
                let time = window.array::<4>(at + 8 + 12)?.map_or(0, u32::from_le_bytes);
                header.seconds += f64::from(time & 0xFF_FFFF) / 1000.0;
            }
            _ => {}
        }
        at += 8 + length + length % 2;
    }
    Ok(header)
}

fn bmp(window: &mut Window) -> Result<Header, DecodeError> {
    let mut header = Header::default();
    let head = window.array::<26>(0)?.unwrap_or_default();
    if !has(&head, 0, b"BM") {
        return Ok(header);
    }
    header.size = if le32(&head, 14) == Some(12) {
        le16(&head, 18).map(u32::from).zip(le16(&head, 20).map(u32::from))
    } else {
        // A negative height means that the first row is the top one.
        let width = le32(&head, 18).filter(|width| i32::try_from(*width).is_ok());
        width.zip(le32(&head, 22).map(|height| height.cast_signed().unsigned_abs()))
    };
    // Headers of 108 bytes and more say it, the last letter first.
    let says_colours = le32(&head, 14).is_some_and(|length| length >= 108);
    if says_colours && window.array(70)? == Some(*b"BGRs") {
        header.color_space = Some(SRGB.to_owned());
    }
    Ok(header)
}

fn tiff(window: &mut Window) -> Result<Header, DecodeError> {
    let mut header = Header::default();
    let head = window.array::<16>(0)?.unwrap_or_default();
    let little = has(&head, 0, b"II");
    let short = |bytes: &[u8], at| if little { le16(bytes, at) } else { be16(bytes, at) };
    let long = |bytes: &[u8], at| if little { le32(bytes, at) } else { be32(bytes, at) };
    // Offsets of BigTIFF have eight bytes; no file that is read here needs more than four.
    let low = |bytes: &[u8], at| long(bytes, if little { at } else { at + 4 });
    let big = short(&head, 2) == Some(43);
    let start = if big { low(&head, 8) } else { long(&head, 4) };
    let mut at = u64::from(start.unwrap_or(0));
    let count = window.array::<8>(at)?.unwrap_or_default();
    let (count, skip, step) = match big {
        true => (low(&count, 0), 8, 20),
        false => (short(&count, 0).map(u32::from), 2, 12),
    };
    at += skip;
    let (mut width, mut height) = (None, None);
    for _ in 0..count.unwrap_or(0).min(4096) {
        let Some(entry) = window.get(at, if big { 20 } else { 12 })? else { break };
        let value_at = if big { 12 } else { 8 };
        let value = match short(entry, 2) {
            Some(1) => entry.get(value_at).copied().map(u32::from),
            Some(3) => short(entry, value_at).map(u32::from),
            Some(4) => long(entry, value_at),
            Some(16) => low(entry, value_at),
            _ => None,
        };
        match short(entry, 0) {
            Some(256) => width = value,
            Some(257) => height = value,
            _ => {}
        }
        at += step;
    }
    header.size = width.zip(height);
    Ok(header)
}

/// The tags of a TIFF file, which may be anywhere in it: all of it is their block.
fn take_tiff(header: &mut Header, window: &mut Window, limits: &Limits) -> Result<(), DecodeError> {
    let is_big = matches!(window.array(0)?, Some([b'I', b'I', 43, 0] | [b'M', b'M', 0, 43]));
    let fits = window.size() <= TIFF_BYTES as u64 && limits.check_memory(window.size()).is_ok();
    if !is_big && fits {
        let file = window.part(0, window.size(), TIFF_BYTES)?;
        header.color_space = color_space::of_tiff(&file);
        header.take_exif(file);
    }
    Ok(())
}
