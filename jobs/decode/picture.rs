//! Pixels on their way from a decoder to a thumbnail.

use crate::orientation::Orientation;
use crate::planes::Planes;
use crate::sizes::fit_into;
use crate::{Coding, DecodeError, Framing, Limits, Size};

/// What the channels of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Light, one byte.
    Gray,
    /// Light, three bytes.
    Rgb,
    /// Ink, four bytes: 255 is all of it.
    Cmyk,
}

impl Ink {
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

/// A decoded picture, perhaps already smaller than its file says, not yet upright.
#[derive(Debug)]
pub(crate) struct Picture {
    /// Width of the pixels held here.
    pub(crate) width: u32,
    /// Height of the pixels held here.
    pub(crate) height: u32,
    /// Width and height that the file says.
    pub(crate) full: (u32, u32),
    pub(crate) ink: Ink,
    /// `width * height * channels` bytes.
    pub(crate) pixels: Vec<u8>,
    pub(crate) icc: Option<Vec<u8>>,
    pub(crate) orientation: Orientation,
    pub(crate) truncated: bool,
}

/// A decoded picture of which light and colours are apart, in sRGB, but not yet upright.
#[derive(Debug)]
pub(crate) struct Parted {
    pub(crate) planes: Planes,
    /// Width and height that the file says.
    pub(crate) full: (u32, u32),
    pub(crate) orientation: Orientation,
    pub(crate) truncated: bool,
}

/// What a decoder makes.
#[derive(Debug)]
pub(crate) enum Made {
    Pixels(Picture),
    Parted(Parted),
}

/// What is asked of a decoder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// The pictures to make of it.
    pub(crate) sizes: &'a [Size],
    pub(crate) limits: &'a Limits,
}

impl Wish<'_> {
    /// The longest edge that is useful of a source of this size.
    pub(crate) fn target(self, width: u32, height: u32) -> u32 {
        let edge = self.sizes.iter().map(|size| size.edge(width, height)).max();
        edge.unwrap_or(1).min(width.max(height)).max(1)
    }

    /// Whether all are JPEGs of the whole picture: their colours have half of the pixels.
    pub(crate) fn is_of_jpegs(self) -> bool {
        let is_jpeg = |size: &Size| size.framing == Framing::Fit && size.coding == Coding::Jpeg;
        self.sizes.iter().all(is_jpeg)
    }

    /// By how much a box filter may shrink, so that the better filter still halves.
    pub(crate) fn box_factor(self, width: u32, height: u32) -> u32 {
        // 256 rows of full light are the most that a 16 bit sum holds.
        (width.max(height) / (2 * self.target(width, height))).clamp(1, 256)
    }

    /// Refuses a picture whose samples alone, one byte each, are more than the memory limit:
    /// a decoder that keeps few rows does not need the memory, but it needs the time.
    pub(crate) fn check_work(
        self,
        width: u32,
        height: u32,
        channels: u64,
    ) -> Result<(), DecodeError> {
        self.limits.check_memory(area(width, height).saturating_mul(channels))
    }
}

/// Pixels of a picture.
pub(crate) fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// The size of a picture that fits into a square of `edge` and is never enlarged.
pub(crate) fn fit(width: u32, height: u32, edge: u32) -> (u32, u32) {
    fit_into((width, height), (edge, edge))
}

/// A channel of light with transparency, as seen on white paper.
pub(crate) fn over_white(light: u8, alpha: u8) -> u8 {
    let (light, alpha) = (u32::from(light), u32::from(alpha));
    ((light * alpha + 255 * (255 - alpha) + 127) / 255).min(255) as u8
}

/// The same for a channel that is already multiplied by its alpha.
pub(crate) fn premultiplied_over_white(light: u8, alpha: u8) -> u8 {
    light.saturating_add(255 - alpha)
}
