//! What is seen of a HEIF picture: its clean aperture, and transparent pixels on white paper.

use crate::bytes::be32;
use crate::picture::{over_white, premultiplied_over_white};
use crate::{DecodeError, Raster, resize};

/// The part of a picture that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aperture {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Aperture {
    /// All of a picture of this size.
    pub(crate) fn whole((width, height): (u32, u32)) -> Self {
        Self { left: 0, top: 0, width, height }
    }

    /// By the body of a `clap` box (ISO/IEC 14496-12, 12.1.4): fractions of width and height,
    /// and of how far its middle is from that of the picture. `None` where that is not within the
    /// picture.
    pub(crate) fn of(clap: &[u8], size: (u32, u32)) -> Option<Self> {
        let length = |at: usize| {
            let (above, below) = (be32(clap, at)?, be32(clap, at + 4)?);
            (below > 0).then(|| f64::from(above) / f64::from(below))
        };
        let offset = |at: usize| {
            let (above, below) = (be32(clap, at)?.cast_signed(), be32(clap, at + 4)?);
            (below > 0).then(|| f64::from(above) / f64::from(below))
        };
        let part = |of: u32, length: f64, offset: f64| {
            let kept = length.round();
            let start = (offset + (f64::from(of) - length) / 2.0).round();
            let is_within = kept >= 1.0 && start >= 0.0 && start + kept <= f64::from(of);
            is_within.then_some((start as u32, kept as u32))
        };
        let (left, width) = part(size.0, length(0)?, offset(16)?)?;
        let (top, height) = part(size.1, length(8)?, offset(24)?)?;
        Some(Self { left, top, width, height })
    }

    /// Its size.
    pub(crate) fn size(self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// This part of a picture of `full` pixels that was perhaps shrunk since.
    pub(crate) fn cut(self, raster: Raster, full: (u32, u32)) -> Raster {
        if self == Self::whole(full) {
            return raster;
        }
        let scaled = |at: u32, to: u32, from: u32| {
            let exact = u64::from(at) * u64::from(to) + u64::from(from) / 2;
            u32::try_from(exact / u64::from(from.max(1))).unwrap_or(to).min(to)
        };
        let part = |start: u32, length: u32, to: u32, from: u32| {
            let first = scaled(start, to, from).min(to.saturating_sub(1));
            (first, scaled(start + length, to, from).max(first + 1))
        };
        let (left, right) = part(self.left, self.width, raster.width, full.0);
        let (top, bottom) = part(self.top, self.height, raster.height, full.1);
        let lines = raster.rgb.chunks_exact((raster.width as usize * 3).max(1));
        let shown = lines.skip(top as usize).take((bottom - top) as usize);
        let (from, to) = (left as usize * 3, right as usize * 3);
        let rgb = shown.flat_map(|line| line.get(from..to).unwrap_or_default());
        Raster { width: right - left, height: bottom - top, rgb: rgb.copied().collect() }
    }
}

/// A picture on white paper, by the gray of `alpha`; `multiplied` if its light is already less
/// where it is transparent.
pub(crate) fn on_white(
    mut raster: Raster,
    alpha: &Raster,
    multiplied: bool,
) -> Result<Raster, DecodeError> {
    let (held, wanted) = ((alpha.width, alpha.height), (raster.width, raster.height));
    let fitting;
    let grays = match held == wanted {
        true => &alpha.rgb,
        false => {
            fitting = resize::lanczos(&alpha.rgb, 3, held, wanted)?;
            &fitting
        }
    };
    let seen = if multiplied { premultiplied_over_white } else { over_white };
    for (light, alpha) in raster.rgb.iter_mut().zip(grays) {
        *light = seen(*light, *alpha);
    }
    Ok(raster)
}
