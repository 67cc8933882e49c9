//! How a picture must be turned to stand upright: EXIF orientation, read and applied.

use crate::ifd::Ifd;

/// The turn that EXIF tag 0x0112 asks for, 1 to 8; 1 is upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orientation(u8);

impl Orientation {
    pub(crate) const UPRIGHT: Self = Self(1);

    /// Every value outside 1 to 8 means upright: that is what viewers do.
    pub(crate) fn from_tag(value: u16) -> Self {
        match u8::try_from(value) {
            Ok(known @ 1..=8) => Self(known),
            _ => Self::UPRIGHT,
        }
    }

    /// The orientation in an EXIF block, with or without its `Exif\0\0` in front. It looks at the
    /// first directory only, so no file can keep it busy.
    pub(crate) fn of_exif(exif: &[u8]) -> Self {
        let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
        const TAG: u16 = 0x0112;
        let value = Ifd::first(tiff).and_then(|ifd| ifd.short(TAG));
        value.map_or(Self::UPRIGHT, |(_, value)| Self::from_tag(value))
    }

    /// Whether width and height change places.
    pub(crate) fn is_sideways(self) -> bool {
        self.0 >= 5
    }

    /// The upright picture of `pixels` (`N` bytes each), with its width and height.
    pub(crate) fn apply<const N: usize>(
        self,
        width: u32,
        height: u32,
        pixels: Vec<u8>,
    ) -> (u32, u32, Vec<u8>) {
        if self == Self::UPRIGHT || width == 0 || height == 0 {
            return (width, height, pixels);
        }
        let upright = if self.is_sideways() { (height, width) } else { (width, height) };
        (upright.0, upright.1, self.turn::<N>(width as usize, height as usize, &pixels))
    }

    fn turn<const N: usize>(self, width: usize, height: usize, pixels: &[u8]) -> Vec<u8> {
        let (across, down) = if self.is_sideways() { (height, width) } else { (width, height) };
        let mut upright = Vec::with_capacity(pixels.len());
        for y in 0..down {
            // The pixel that comes first in this row, and the step to the next one.
            let (start, step) = match self.0 {
                2 => (y * width + width - 1, -1),
                3 => ((height - 1 - y) * width + width - 1, -1),
                4 => ((height - 1 - y) * width, 1),
                5 => (y, width.cast_signed()),
                6 => ((height - 1) * width + y, -width.cast_signed()),
                7 => ((height - 1) * width + width - 1 - y, -width.cast_signed()),
                8 => (width - 1 - y, width.cast_signed()),
                _ => (y * width, 1),
            };
            push_row::<N>(&mut upright, pixels, start, step, across);
        }
        upright
    }
}

fn push_row<const N: usize>(
    upright: &mut Vec<u8>,
    pixels: &[u8],
    start: usize,
    step: isize,
    count: usize,
) {
    let bytes = N.cast_signed();
    let mut at = start.cast_signed() * bytes;
    for _ in 0..count {
        let pixel = usize::try_from(at).ok().and_then(|at| pixels.get(at..at + N));
        upright.extend_from_slice(pixel.unwrap_or(&[0; N]));
        at += step * bytes;
    }
}
