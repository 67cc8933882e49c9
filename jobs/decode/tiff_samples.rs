//! What the samples of a TIFF mean, and how they become light or ink of one byte each.

use tiff::ColorType;
use tiff::decoder::DecodingResult;
use tiff::tags::Tag;

use crate::picture::{Ink, over_white, premultiplied_over_white};
use crate::tiff::{Tiff, broken, tag};
use crate::{Code, DecodeError};

/// What the samples of a TIFF mean.
pub(crate) struct Samples {
    kind: Kind,
    alpha: Alpha,
    /// Samples of a pixel as the library gives them.
    pub(crate) count: usize,
    /// Samples that have a grid of their own: one means that all are in one grid.
    pub(crate) planar_count: u32,
    /// Bits of a sample.
    bits: u8,
    /// Bytes of a sample, at least one.
    pub(crate) bytes_each: u64,
}

enum Kind {
    Gray,
    Palette(Vec<[u8; 3]>),
    Rgb,
    Cmyk,
    /// With the weights of red and blue in the brightness.
    YCbCr {
        red: f32,
        blue: f32,
    },
}

#[derive(Clone, Copy)]
enum Alpha {
    None,
    Apart,
    Multiplied,
}

impl Samples {
    pub(crate) fn of(tiff: &mut Tiff, has_palette: bool) -> Result<Self, DecodeError> {
        const MULTIPLIED: u16 = 1;
        const PLANAR: u16 = 2;
        let color = tiff.colortype().map_err(broken)?;
        let bits = color.bit_depth();
        let apart = match tag(tiff, Tag::ExtraSamples) {
            MULTIPLIED => Alpha::Multiplied,
            _ => Alpha::Apart,
        };
        let (kind, alpha) = match color {
            ColorType::Gray(_) if has_palette => (Kind::Palette(palette(tiff)?), Alpha::None),
            ColorType::Gray(_) => (Kind::Gray, Alpha::None),
            ColorType::Multiband { num_samples: 2, .. } => (Kind::Gray, apart),
            ColorType::Multiband { .. } => (Kind::Gray, Alpha::None),
            ColorType::RGB(_) => (Kind::Rgb, Alpha::None),
            ColorType::RGBA(_) => (Kind::Rgb, apart),
            ColorType::CMYK(_) | ColorType::CMYKA(_) => (Kind::Cmyk, Alpha::None),
            ColorType::YCbCr(_) => (weights(tiff), Alpha::None),
            other => {
                let message = format!("TIFF: colours of type {other:?} are not decoded yet");
                return Err(DecodeError::new(Code::UnsupportedFormat, message));
            }
        };
        let count = usize::from(color.num_samples());
        let planar = tag(tiff, Tag::PlanarConfiguration) == PLANAR;
        let planar_count = if planar { u32::from(color.num_samples()) } else { 1 };
        let bytes_each = u64::from(bits.div_ceil(8).max(1));
        Ok(Self { kind, alpha, count, planar_count, bits, bytes_each })
    }

    pub(crate) fn ink(&self) -> Ink {
        match self.kind {
            Kind::Gray => Ink::Gray,
            Kind::Cmyk => Ink::Cmyk,
            _ => Ink::Rgb,
        }
    }

    /// The byte of rows that never came: full light, or no ink.
    pub(crate) fn white(&self) -> u8 {
        if self.ink() == Ink::Cmyk { 0 } else { u8::MAX }
    }

    /// A row of samples as a row of [`Samples::ink`].
    pub(crate) fn to_ink<'a>(&self, row: &'a [u8], line: &'a mut Vec<u8>) -> &'a [u8] {
        line.clear();
        let channels = self.ink().channels();
        let pixels = row.chunks_exact(self.count.max(1));
        match &self.kind {
            Kind::Gray | Kind::Rgb | Kind::Cmyk if self.count == channels => return row,
            Kind::Gray | Kind::Rgb => pixels.for_each(|pixel| {
                let alpha = pixel.get(channels).copied().unwrap_or(u8::MAX);
                let light = pixel.iter().take(channels);
                line.extend(light.map(|&light| self.alpha.on_white(light, alpha)));
            }),
            Kind::Cmyk => pixels.for_each(|pixel| line.extend(pixel.iter().take(channels))),
            Kind::Palette(colours) => pixels.for_each(|pixel| {
                let index = pixel.first().map_or(0, |&index| usize::from(index));
                line.extend(colours.get(index).copied().unwrap_or_default());
            }),
            Kind::YCbCr { red, blue } => pixels.for_each(|pixel| {
                line.extend(from_ycbcr(pixel, *red, *blue));
            }),
        }
        line
    }
}

impl Alpha {
    fn on_white(self, light: u8, alpha: u8) -> u8 {
        match self {
            Self::None => light,
            Self::Apart => over_white(light, alpha),
            Self::Multiplied => premultiplied_over_white(light, alpha),
        }
    }
}

/// One byte for each sample. Rows of fewer than 8 bits a sample are packed and start on a byte;
/// palette indexes keep their number, other samples are stretched to 0 to 255.
pub(crate) fn bytes_of(result: DecodingResult, samples: &Samples, row_samples: usize) -> Vec<u8> {
    match result {
        DecodingResult::U8(bytes) if samples.bits < 8 => unpack(&bytes, samples, row_samples),
        DecodingResult::U8(bytes) => bytes,
        DecodingResult::U16(all) => all.into_iter().map(|it| (it >> 8) as u8).collect(),
        DecodingResult::U32(all) => all.into_iter().map(|it| (it >> 24) as u8).collect(),
        DecodingResult::U64(all) => all.into_iter().map(|it| (it >> 56) as u8).collect(),
        DecodingResult::F16(all) => all.into_iter().map(|it| light(it.to_f32())).collect(),
        DecodingResult::F32(all) => all.into_iter().map(light).collect(),
        DecodingResult::F64(all) => all.into_iter().map(|it| light(it as f32)).collect(),
        DecodingResult::I8(all) => all.into_iter().map(|it| (it as u8) ^ 0x80).collect(),
        DecodingResult::I16(all) => all.into_iter().map(|it| ((it >> 8) as u8) ^ 0x80).collect(),
        DecodingResult::I32(all) => all.into_iter().map(|it| ((it >> 24) as u8) ^ 0x80).collect(),
        DecodingResult::I64(all) => all.into_iter().map(|it| ((it >> 56) as u8) ^ 0x80).collect(),
    }
}

/// Floats are light from 0 to 1; what is outside, or no number, is cut off.
fn light(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

fn unpack(bytes: &[u8], samples: &Samples, row_samples: usize) -> Vec<u8> {
    let bits = usize::from(samples.bits.clamp(1, 7));
    let most = (1u16 << bits) - 1;
    let factor = if matches!(samples.kind, Kind::Palette(_)) { 1 } else { 255 / most };
    let row_bytes = (row_samples * bits).div_ceil(8).max(1);
    let mut unpacked = Vec::with_capacity(bytes.len() / row_bytes * row_samples);
    for row in bytes.chunks_exact(row_bytes) {
        for index in 0..row_samples {
            let at = index * bits;
            let byte = |at: usize| row.get(at).map_or(0, |&byte| u16::from(byte));
            let pair = byte(at / 8) << 8 | byte(at / 8 + 1);
            let value = pair >> (16 - bits - at % 8) & most;
            unpacked.push((value * factor).min(255) as u8);
        }
    }
    unpacked
}

fn palette(tiff: &mut Tiff) -> Result<Vec<[u8; 3]>, DecodeError> {
    let map = tiff.get_tag_u16_vec(Tag::ColorMap).map_err(broken)?;
    // Some writers put bytes where 16 bits belong.
    let shift = if map.iter().any(|&value| value > 255) { 8 } else { 0 };
    let third = map.len() / 3;
    let part =
        |index: usize| map.iter().skip(index * third).take(third).map(|it| (it >> shift) as u8);
    let colours = part(0).zip(part(1)).zip(part(2));
    Ok(colours.map(|((red, green), blue)| [red, green, blue]).collect())
}

fn weights(tiff: &mut Tiff) -> Kind {
    const YCBCR_COEFFICIENTS: Tag = Tag::Unknown(529);
    let found = tiff.get_tag_f32_vec(YCBCR_COEFFICIENTS).unwrap_or_default();
    match found.as_slice() {
        &[red, green, blue] if green > 0.1 && red > 0.0 && blue > 0.0 => Kind::YCbCr { red, blue },
        _ => Kind::YCbCr { red: 0.299, blue: 0.114 },
    }
}

fn from_ycbcr(pixel: &[u8], red_weight: f32, blue_weight: f32) -> [u8; 3] {
    let &[y, cb, cr] = pixel else { return [0; 3] };
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let red = y + cr * (2.0 - 2.0 * red_weight);
    let blue = y + cb * (2.0 - 2.0 * blue_weight);
    let green = (y - red_weight * red - blue_weight * blue) / (1.0 - red_weight - blue_weight);
    [red, green, blue].map(|light| light.round().clamp(0.0, 255.0) as u8)
}
