//! JPEG: decoded once, at the smallest scale that covers what is asked for.

use crate::jpeg_header::{self, Frame, Header, MOST_SCANS, Scan};
use crate::picture::{Ink, Made, Parted, Picture, Wish, area};
use crate::planes::Planes;
use crate::turbo::{self, Wanted};
use crate::{Code, DecodeError, colour, jpeg_eighth, jpeg_half};

/// A block takes at least 2 bits (its two shortest codes). A file with less than a thirtieth of
/// that holds no picture of the size it claims, only the work of making an empty one.
const BLOCKS_PER_BYTE: u64 = 4 * 32;

/// The most blocks times scans, at up to 42 ns each. A megapixel has 23,000 blocks in 4:2:0: room
/// for 1400 megapixels in one scan, or 140 in ten.
const MOST_VISITS: u64 = 1 << 25;

pub(crate) fn decode(data: Vec<u8>, wish: Wish) -> Result<Made, DecodeError> {
    let header = jpeg_header::read(&data)?;
    let frame = &header.frame;
    let ink = match frame.sampling.len() {
        1 => Ink::Gray,
        3 => Ink::Rgb,
        4 => Ink::Cmyk,
        other => return Err(unsupported(format!("JPEG with {other} components"))),
    };
    if frame.precision != 8 {
        return Err(unsupported(format!("JPEG with {} bits a sample", frame.precision)));
    }
    let eighths = scale(frame, wish);
    check_cost(&data, &header, eighths, ink, wish)?;
    let data = readable(data, &header, eighths);
    wish.limits.check_deadline()?;
    let memory_bytes = wish.limits.memory_bytes;
    let wanted = Wanted { eighths, ink, memory_bytes, scans: MOST_SCANS as u16 };
    let may_part = ink == Ink::Rgb && wish.is_of_jpegs() && colour::is_srgb(header.icc.as_deref());
    let planes = if may_part { planes(&data, &header, wanted, wish)? } else { None };
    if let Some(planes) = planes {
        let (full, orientation) = ((frame.width, frame.height), header.orientation);
        return Ok(Made::Parted(Parted { planes, full, orientation, truncated: false }));
    }
    let ours = if eighths == 1 { jpeg_eighth::decode(&data, wish.limits)? } else { None };
    let decoded = match ours {
        Some(decoded) => decoded,
        None => turbo::decompress(&data, wanted)?,
    };
    let cut_progressive = !header.ended && frame.is_progressive();
    let mut pixels = decoded.pixels;
    if ink == Ink::Cmyk && header.adobe {
        pixels.iter_mut().for_each(|byte| *byte = !*byte);
    }
    Ok(Made::Pixels(Picture {
        width: u32::try_from(decoded.width).unwrap_or(u32::MAX),
        height: u32::try_from(decoded.height).unwrap_or(u32::MAX),
        full: (frame.width, frame.height),
        ink,
        pixels,
        icc: header.icc,
        orientation: header.orientation,
        truncated: cut_progressive || decoded.warning.is_some_and(|text| is_damage(&text)),
    }))
}

/// Light and colours of a whole picture at a half or in full size.
fn planes(
    data: &[u8],
    header: &Header,
    wanted: Wanted,
    wish: Wish,
) -> Result<Option<Planes>, DecodeError> {
    match wanted.eighths {
        4 => jpeg_half::decode(data, wish.limits),
        8 if header.ended && !header.frame.is_lossless() => {
            match turbo::decompress_planes(data, wanted) {
                Ok(Some((planes, warning))) => {
                    Ok(Some(planes).filter(|_| !warning.as_deref().is_some_and(is_damage)))
                }
                // Something may be made of it all the same.
                Ok(None) | Err(_) => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// What is to be read of `data`.
fn readable(mut data: Vec<u8>, header: &Header, eighths: u8) -> Vec<u8> {
    // Without an end marker the library warns even of a whole picture; with one it warns only
    // when blocks are missing.
    if !header.ended {
        data.extend_from_slice(&[0xFF, 0xD9]);
    }
    if eighths == 1 && header.frame.is_progressive() {
        forbid_guesses(&mut data, header);
    }
    only_needed(&data, header, eighths).unwrap_or(data)
}

/// The smallest scale, in eighths, whose result is not smaller than the largest useful size.
/// Only halvings: the library has vector code for them, and 8/8 with a longer resize is some
/// 20 % faster than 5/8 without.
fn scale(frame: &Frame, wish: Wish) -> u8 {
    let longest = u64::from(frame.width.max(frame.height));
    let target = u64::from(wish.target(frame.width, frame.height));
    if frame.is_lossless() {
        return 8;
    }
    let covers = |eighths: &u8| (longest * u64::from(*eighths)).div_ceil(8) >= target;
    [1, 2, 4].into_iter().find(covers).unwrap_or(8)
}

/// Refuses what would take too much memory or time, by the header alone.
fn check_cost(
    data: &[u8],
    header: &Header,
    eighths: u8,
    ink: Ink,
    wish: Wish,
) -> Result<(), DecodeError> {
    let frame = &header.frame;
    let blocks = frame.blocks();
    let scaled = |length: u32| (length * u32::from(eighths)).div_ceil(8);
    let pixels = area(scaled(frame.width), scaled(frame.height)) * ink.channels() as u64;
    // Several scans meet in the memory: 64 coefficients of two bytes for each block.
    let keeps_coefficients = frame.is_progressive() || header.scans.len() > 1;
    let coefficients = if keeps_coefficients { blocks * 128 } else { 0 };
    wish.limits.check_memory(data.len() as u64 + pixels + coefficients)?;
    let scans = header.scans.iter().filter(|scan| !is_needless(frame, scan, eighths)).count();
    if blocks.saturating_mul(scans as u64) > MOST_VISITS {
        let (width, height) = (frame.width, frame.height);
        let message = format!("a JPEG of {width} x {height} pixels in {scans} scans is too large");
        return Err(DecodeError::new(Code::MemoryLimit, message));
    }
    if blocks / BLOCKS_PER_BYTE > data.len() as u64 {
        return Err(DecodeError::corrupt("the JPEG has hardly any data for its size"));
    }
    Ok(())
}

/// The bytes without stray ones between segments (of which the library warns, although the
/// picture is whole) and without the scans whose detail the scale does not show; `None` when
/// that is all of them.
fn only_needed(data: &[u8], header: &Header, eighths: u8) -> Option<Vec<u8>> {
    let needless: Vec<&Scan> =
        header.scans.iter().filter(|scan| is_needless(&header.frame, scan, eighths)).collect();
    if needless.is_empty() && header.segments.len() <= 1 {
        return None;
    }
    let mut kept = Vec::with_capacity(data.len());
    for segment in &header.segments {
        let mut from = segment.start;
        for scan in needless.iter().filter(|scan| segment.contains(&scan.bytes.start)) {
            kept.extend_from_slice(data.get(from..scan.bytes.start)?);
            from = scan.bytes.end;
        }
        kept.extend_from_slice(data.get(from..segment.end)?);
    }
    if !header.ended {
        kept.extend_from_slice(&[0xFF, 0xD9]);
    }
    Some(kept)
}

/// At 1/8 only the first coefficient of each block is shown, and scans for it hold no other.
/// (At other scales nothing can be left out: later scans refine what earlier ones began.)
fn is_needless(frame: &Frame, scan: &Scan, eighths: u8) -> bool {
    eighths == 1 && frame.is_progressive() && scan.band_start > 0
}

/// Where detail is missing in a progressive picture, the library guesses it from the blocks
/// around, unless a quantiser is zero. At 1/8 no detail is shown, and the guess would only take
/// a third of the time and blur.
fn forbid_guesses(data: &mut [u8], header: &Header) {
    for &at in &header.first_quantisers {
        if let Some(value) = data.get_mut(at) {
            *value = 0;
        }
    }
}

/// Whether a warning of the library means that parts of the picture are missing or wrong.
/// Bytes left over before a marker are padding of the camera: all blocks came before them.
/// (Wrong bits that make the data end early by chance look the same.)
fn is_damage(warning: &str) -> bool {
    let harmless = ["extraneous", "JFIF revision", "Adobe color transform", "sequential JPEG"];
    !harmless.iter().any(|text| warning.contains(text))
}

fn unsupported(what: String) -> DecodeError {
    DecodeError::new(Code::UnsupportedFormat, format!("{what} is not decoded yet"))
}
