//! PNG: read row by row, so that a large picture takes the memory of a small one.

use std::io::Cursor;

use png::{
    BitDepth, ColorType, Decoder, DecodingError, InterlaceInfo, Limits, Reader, Transformations,
};

use crate::bytes::{be32, has};
use crate::orientation::Orientation;
use crate::picture::{Ink, Picture, Wish, area, over_white};
use crate::rows::Rows;
use crate::{Code, DecodeError};

/// For a colour profile when inflated; the largest real ones are below 4 MB.
const PROFILE_BYTES: usize = 8 << 20;

pub(crate) fn decode(data: &[u8], wish: Wish) -> Result<Picture, DecodeError> {
    if !has(data, 0, b"\x89PNG\r\n\x1A\n") {
        return Err(DecodeError::corrupt("the PNG has no signature"));
    }
    let (width, height) = (be32(data, 16).unwrap_or(0), be32(data, 20).unwrap_or(0));
    let depth = data.get(24).copied().unwrap_or(8);
    // The longest row: four channels of two bytes, twice, since each is filtered by the last.
    let row_bytes = (width as usize).saturating_mul(16);
    wish.check_work(width, height, channels(data))?;
    let limits = Limits { bytes: PROFILE_BYTES.saturating_add(row_bytes.saturating_mul(2)) };
    let mut decoder = Decoder::new_with_limits(Cursor::new(data), limits);
    decoder.set_ignore_text_chunk(true);
    let mut transformations = Transformations::EXPAND;
    if depth == 16 {
        transformations |= Transformations::STRIP_16;
    }
    decoder.set_transformations(transformations);
    let mut reader = decoder.read_info().map_err(|error| broken(&error))?;
    let (color, BitDepth::Eight) = reader.output_color_type() else {
        return Err(DecodeError::corrupt("the PNG has an impossible bit depth"));
    };
    let info = reader.info();
    let (width, height) = (info.width, info.height);
    let icc = info.icc_profile.as_deref().map(<[u8]>::to_vec);
    let orientation = info.exif_metadata.as_deref().map(Orientation::of_exif);
    let held = if info.interlaced {
        interlaced(&mut reader, color, wish)?
    } else {
        row_by_row(&mut reader, color, wish)?
    };
    Ok(Picture {
        width: held.width,
        height: held.height,
        full: (width, height),
        ink: ink(color),
        pixels: held.pixels,
        icc,
        orientation: orientation.unwrap_or(Orientation::UPRIGHT),
        truncated: held.truncated,
    })
}

struct Held {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
    truncated: bool,
}

fn row_by_row(
    reader: &mut Reader<Cursor<&[u8]>>,
    color: ColorType,
    wish: Wish,
) -> Result<Held, DecodeError> {
    let (width, height) = (reader.info().width, reader.info().height);
    let factor = wish.box_factor(width, height);
    wish.limits.check_memory(held_bytes(width, height, factor, color))?;
    let mut rows = Rows::new(width, height, ink(color).channels(), factor);
    let mut opaque = Vec::new();
    let mut truncated = false;
    for y in 0..height {
        if y % 64 == 0 {
            wish.limits.check_deadline()?;
        }
        match reader.next_row() {
            Ok(Some(row)) => rows.push(on_white(row.data(), color, &mut opaque)),
            Ok(None) => break,
            Err(error) if y == 0 => return Err(broken(&error)),
            Err(_) => {
                truncated = true;
                break;
            }
        }
    }
    let (width, height, pixels) = rows.finish(height, u8::MAX);
    Ok(Held { width, height, pixels, truncated })
}

fn interlaced(
    reader: &mut Reader<Cursor<&[u8]>>,
    color: ColorType,
    wish: Wish,
) -> Result<Held, DecodeError> {
    let (width, height) = (reader.info().width, reader.info().height);
    let factor = wish.box_factor(width, height);
    // The passes meet in one picture of full size, beside which the smaller one grows.
    let whole_bytes = area(width, height) * color.samples() as u64;
    wish.limits.check_memory(whole_bytes + held_bytes(width, height, factor, color))?;
    let stride = width as usize * color.samples();
    let bits = u8::try_from(color.samples() * 8).unwrap_or(u8::MAX);
    let mut whole = vec![u8::MAX; stride * height as usize];
    let mut count = 0u32;
    let mut truncated = false;
    loop {
        if count.is_multiple_of(64) {
            wish.limits.check_deadline()?;
        }
        match reader.next_interlaced_row() {
            Ok(Some(row)) => {
                if let InterlaceInfo::Adam7(pass) = row.interlace() {
                    // Coarse pixels stand in for those of later passes that may never come.
                    png::splat_interlaced_row(&mut whole, stride, row.data(), pass, bits);
                }
            }
            Ok(None) => break,
            Err(error) if count == 0 => return Err(broken(&error)),
            Err(_) => {
                truncated = true;
                break;
            }
        }
        count += 1;
    }
    let mut rows = Rows::new(width, height, ink(color).channels(), factor);
    let mut opaque = Vec::new();
    whole.chunks_exact(stride.max(1)).for_each(|row| rows.push(on_white(row, color, &mut opaque)));
    let (width, height, pixels) = rows.finish(height, u8::MAX);
    Ok(Held { width, height, pixels, truncated })
}

/// What the picture takes when it is shrunk by `factor`.
fn held_bytes(width: u32, height: u32, factor: u32, color: ColorType) -> u64 {
    area(width.div_ceil(factor), height.div_ceil(factor)) * ink(color).channels() as u64
}

fn ink(color: ColorType) -> Ink {
    match color {
        ColorType::Grayscale | ColorType::GrayscaleAlpha => Ink::Gray,
        _ => Ink::Rgb,
    }
}

/// The row without its alpha channel, as seen on white paper.
fn on_white<'a>(row: &'a [u8], color: ColorType, opaque: &'a mut Vec<u8>) -> &'a [u8] {
    opaque.clear();
    match color {
        ColorType::GrayscaleAlpha => opaque.extend(row.chunks_exact(2).filter_map(|pixel| {
            let &[gray, alpha] = pixel else { return None };
            Some(over_white(gray, alpha))
        })),
        ColorType::Rgba => opaque.extend(row.chunks_exact(4).flat_map(|pixel| {
            let &[red, green, blue, alpha] = pixel else { return [u8::MAX; 3] };
            [red, green, blue].map(|light| over_white(light, alpha))
        })),
        _ => return row,
    }
    opaque
}

/// Channels after palette and small depths are expanded, by the colour type in the header.
fn channels(data: &[u8]) -> u64 {
    match data.get(25) {
        Some(0) => 1,
        Some(4) => 2,
        Some(6) => 4,
        _ => 3,
    }
}

fn broken(error: &DecodingError) -> DecodeError {
    match error {
        DecodingError::LimitsExceeded => {
            DecodeError::new(Code::MemoryLimit, "decoding the PNG would take too much memory")
        }
        other => DecodeError::corrupt(format!("PNG: {other}")),
    }
}
