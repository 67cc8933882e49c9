//! BMP: rows read where they stand in the file.

use crate::bmp_runs;
use crate::bytes::{le16, le32};
use crate::orientation::Orientation;
use crate::picture::{Ink, Picture, Wish, area, over_white};
use crate::rows::Rows;
use crate::{Code, DecodeError};

/// What the two headers of a BMP say.
struct Header {
    width: u32,
    height: u32,
    top_down: bool,
    bits: u16,
    layout: Layout,
    palette: Vec<[u8; 3]>,
    /// Where the pixels start.
    start: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Rows,
    Runs8,
    Runs4,
    /// Where red, green, blue and alpha are in a pixel.
    Masks([u32; 4]),
}

pub(crate) fn decode(data: &[u8], wish: Wish) -> Result<Picture, DecodeError> {
    let header = header(data)?;
    let (width, height) = (header.width, header.height);
    wish.check_work(width, height, 3)?;
    let factor = wish.box_factor(width, height);
    // Runs make rows of one byte a pixel; other rows are padded to four bytes.
    let runs = matches!(header.layout, Layout::Runs8 | Layout::Runs4);
    let expanded_bytes = if runs { area(width, height) } else { 0 };
    let held_bytes = area(width.div_ceil(factor), height.div_ceil(factor)) * 3;
    wish.limits.check_memory(data.len() as u64 + expanded_bytes + held_bytes)?;
    let bits = if runs { 8 } else { u64::from(header.bits) };
    let stride =
        if runs { width as usize } else { bytes((u64::from(width) * bits).div_ceil(32) * 4) };
    let source = data.get(header.start..).unwrap_or_default();
    let size = (width as usize, height as usize);
    let nibbles = header.layout == Layout::Runs4;
    let expand = || bmp_runs::expand(source, nibbles, size, wish.limits);
    let expanded = runs.then(expand).transpose()?;
    let source = expanded.as_ref().map_or(source, |runs| &runs.indexes);

    let mut rows = Rows::new(width, height, 3, factor);
    let masks = if let Layout::Masks(masks) = header.layout { masks } else { [0; 4] };
    let channels = masks.map(Channel::of);
    let mut rgb = vec![[0; 3]; width as usize];
    let mut missing = 0;
    for y in 0..height {
        if y % 64 == 0 {
            wish.limits.check_deadline()?;
        }
        let line = if header.top_down { y } else { height - 1 - y } as usize;
        let row = line.checked_mul(stride).and_then(|at| source.get(at..)?.get(..stride));
        missing += u32::from(row.is_none());
        header.to_rgb(row, bits as u16, &channels, &mut rgb);
        rows.push(rgb.as_flattened());
    }
    if missing == height {
        return Err(DecodeError::corrupt("the BMP ends before its picture"));
    }
    let (held_width, held_height, pixels) = rows.finish(height, u8::MAX);
    Ok(Picture {
        width: held_width,
        height: held_height,
        full: (width, height),
        ink: Ink::Rgb,
        pixels,
        icc: None,
        orientation: Orientation::UPRIGHT,
        truncated: missing > 0 || expanded.is_some_and(|runs| !runs.ended),
    })
}

fn header(data: &[u8]) -> Result<Header, DecodeError> {
    let cut = || DecodeError::corrupt("the BMP ends in its header");
    let size = le32(data, 14).filter(|_| data.starts_with(b"BM")).ok_or_else(cut)?;
    let old = size == 12;
    let (width, height) = if old {
        (le16(data, 18).map(i64::from), le16(data, 20).map(i64::from))
    } else {
        let signed = |at| le32(data, at).map(|value| i64::from(value.cast_signed()));
        (signed(18), signed(22))
    };
    let (width, height) = (width.ok_or_else(cut)?, height.ok_or_else(cut)?);
    let (across, down) = (u32::try_from(width).ok(), u32::try_from(height.abs()).ok());
    let (Some(across @ 1..), Some(down @ 1..)) = (across, down) else {
        return Err(DecodeError::corrupt("the BMP has no width or height"));
    };
    let bits = le16(data, if old { 24 } else { 28 }).ok_or_else(cut)?;
    let compression = if old { 0 } else { le32(data, 30).unwrap_or(0) };
    let layout = layout(data, bits, compression, size)?;
    // The masks of a short header stand between it and the palette.
    let masks = match (size, compression) {
        (40, 3) => 12,
        (40, 6) => 16,
        _ => 0,
    };
    let palette = palette(data, 14 + bytes(u64::from(size)) + masks, bits, old);
    let start = bytes(u64::from(le32(data, 10).ok_or_else(cut)?));
    Ok(Header { width: across, height: down, top_down: height < 0, bits, layout, palette, start })
}

fn layout(data: &[u8], bits: u16, compression: u32, size: u32) -> Result<Layout, DecodeError> {
    let mask = |at| le32(data, at).unwrap_or(0);
    let alpha = if size >= 56 || compression == 6 { mask(66) } else { 0 };
    match (compression, bits) {
        (0, 1 | 2 | 4 | 8 | 24) => Ok(Layout::Rows),
        (0, 16) => Ok(Layout::Masks([0x7C00, 0x03E0, 0x001F, 0])),
        (0, 32) => Ok(Layout::Masks([0x00FF_0000, 0xFF00, 0xFF, 0])),
        (1, 8) => Ok(Layout::Runs8),
        (2, 4) => Ok(Layout::Runs4),
        (3 | 6, 16 | 32) => Ok(Layout::Masks([mask(54), mask(58), mask(62), alpha])),
        (4 | 5, _) => {
            let message = "BMP with a JPEG or PNG inside is not decoded yet";
            Err(DecodeError::new(Code::UnsupportedFormat, message))
        }
        _ => Err(DecodeError::corrupt(format!("the BMP has {bits} bits a pixel"))),
    }
}

fn palette(data: &[u8], start: usize, bits: u16, old: bool) -> Vec<[u8; 3]> {
    if bits > 8 {
        return Vec::new();
    }
    let used = if old { 0 } else { le32(data, 46).unwrap_or(0) };
    let most = 1usize << bits;
    let count = if used == 0 { most } else { bytes(u64::from(used)).min(most) };
    let entries = data.get(start..).unwrap_or_default().chunks_exact(if old { 3 } else { 4 });
    let colour = |entry: &[u8]| match entry {
        [blue, green, red, ..] => [*red, *green, *blue],
        _ => [0; 3],
    };
    entries.take(count).map(colour).collect()
}

impl Header {
    /// A row in red, green and blue; a missing row is white.
    fn to_rgb(&self, row: Option<&[u8]>, bits: u16, channels: &[Channel; 4], rgb: &mut [[u8; 3]]) {
        let Some(row) = row else {
            rgb.fill([u8::MAX; 3]);
            return;
        };
        match bits {
            16 => rgb.iter_mut().zip(row.as_chunks().0).for_each(|(to, pixel)| {
                *to = masked(u32::from(u16::from_le_bytes(*pixel)), channels);
            }),
            32 => rgb.iter_mut().zip(row.as_chunks().0).for_each(|(to, pixel)| {
                *to = masked(u32::from_le_bytes(*pixel), channels);
            }),
            24 => rgb.iter_mut().zip(row.as_chunks().0).for_each(|(to, pixel)| {
                let &[blue, green, red] = pixel;
                *to = [red, green, blue];
            }),
            8 => rgb.iter_mut().zip(row).for_each(|(to, &index)| *to = self.colour(index)),
            _ => rgb.iter_mut().enumerate().for_each(|(x, to)| {
                let at = x * usize::from(bits);
                let byte = row.get(at / 8).copied().unwrap_or(0);
                let shift = 8 - usize::from(bits) - at % 8;
                *to = self.colour(byte >> shift & ((1 << bits) - 1));
            }),
        }
    }

    fn colour(&self, index: u8) -> [u8; 3] {
        self.palette.get(usize::from(index)).copied().unwrap_or_default()
    }
}

/// A pixel whose channels are where masks say, on white paper.
fn masked(pixel: u32, [red, green, blue, alpha]: &[Channel; 4]) -> [u8; 3] {
    let light = [red.byte(pixel), green.byte(pixel), blue.byte(pixel)];
    let alpha = if alpha.mask == 0 { u8::MAX } else { alpha.byte(pixel) };
    if alpha == u8::MAX { light } else { light.map(|it| over_white(it, alpha)) }
}

/// Where one channel is in a pixel.
struct Channel {
    mask: u32,
    shift: u32,
    /// What its highest eight bits mean, from 0 to 255.
    light: [u8; 256],
}

impl Channel {
    fn of(mask: u32) -> Self {
        let low = if mask == 0 { 0 } else { mask.trailing_zeros() };
        let more = (32 - (mask >> low).leading_zeros()).saturating_sub(8);
        let shift = low + more;
        let most = (mask >> shift).max(1);
        let mut light = [0; 256];
        for (value, place) in (0u32..).zip(&mut light) {
            *place = ((value * 255 + most / 2) / most).min(255) as u8;
        }
        Self { mask, shift, light }
    }

    fn byte(&self, pixel: u32) -> u8 {
        let value = ((pixel & self.mask) >> self.shift).to_le_bytes()[0];
        self.light.get(usize::from(value)).copied().unwrap_or(u8::MAX)
    }
}

/// A length in memory; what does not fit is past every end.
fn bytes(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX / 2)
}
