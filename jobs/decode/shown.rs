//! An upright picture in sRGB, of which smaller ones are made.

use crate::encode::{encode, has_best_tables};
use crate::picture::{Made, Parted, Picture, Wish, fit};
use crate::planes::Planes;
use crate::sizes::fit_into;
use crate::{Coding, DecodeError, Limits, Raster, Size, colour, resize};

#[derive(Debug)]
pub(crate) enum Shown {
    Rgb(Raster),
    /// As JPEG has it, when nothing but JPEG is to be made of it.
    Planes(Planes),
}

impl Shown {
    /// Of what was decoded, no larger than asked for; and whether something of it is missing.
    pub(crate) fn of(made: Made, wish: Wish) -> Result<(Self, bool), DecodeError> {
        wish.limits.check_deadline()?;
        match made {
            Made::Pixels(picture) => {
                let truncated = picture.truncated;
                Ok((Self::Rgb(finished(picture, wish)?), truncated))
            }
            Made::Parted(Parted { planes, full: (width, height), orientation, truncated }) => {
                let size = fit(width, height, wish.target(width, height));
                Ok((Self::Planes(planes.resized(size)?.turned(orientation)), truncated))
            }
        }
    }

    /// Width and height.
    pub(crate) fn size(&self) -> (u32, u32) {
        match self {
            Self::Rgb(raster) => (raster.width, raster.height),
            Self::Planes(planes) => planes.size(),
        }
    }

    /// In red, green and blue.
    pub(crate) fn into_raster(self) -> Result<Raster, DecodeError> {
        match self {
            Self::Rgb(raster) => Ok(raster),
            Self::Planes(planes) => planes.raster(planes.size()),
        }
    }

    /// As it fits into this room.
    pub(crate) fn shrunk(self, room: (u32, u32)) -> Result<Self, DecodeError> {
        let held = self.size();
        let size = fit_into(held, room);
        if size == held {
            return Ok(self);
        }
        Ok(match self {
            Self::Rgb(raster) => {
                let rgb = resize::lanczos(&raster.rgb, 3, held, size)?;
                Self::Rgb(Raster { width: size.0, height: size.1, rgb })
            }
            Self::Planes(planes) => Self::Planes(planes.resized(size)?),
        })
    }

    /// The largest middle part of this shape, in this size.
    pub(crate) fn middle(&self, (width, height): (u32, u32)) -> Result<Self, DecodeError> {
        let whole;
        let raster = match self {
            Self::Rgb(raster) => raster,
            Self::Planes(planes) => {
                whole = planes.raster(planes.size())?;
                &whole
            }
        };
        let held = (raster.width, raster.height);
        let rgb = resize::lanczos_of_middle(&raster.rgb, held, (width, height))?;
        Ok(Self::Rgb(Raster { width, height, rgb }))
    }

    /// The file of what was made for `size`.
    pub(crate) fn encoded(&self, size: &Size, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
        match self {
            Self::Rgb(raster) => encode(raster, size, limits),
            Self::Planes(planes) if size.coding == Coding::Jpeg => {
                limits.check_deadline()?;
                planes.compress(size.quality, has_best_tables(size))
            }
            Self::Planes(planes) => encode(&planes.raster(planes.size())?, size, limits),
        }
    }
}

/// Shrinks first, because colours and turns cost by the pixel.
fn finished(picture: Picture, wish: Wish) -> Result<Raster, DecodeError> {
    let (width, height) = picture.full;
    let (width, height) = fit(width, height, wish.target(width, height));
    let held = (picture.width, picture.height);
    let pixels = if held == (width, height) {
        picture.pixels
    } else {
        resize::lanczos(&picture.pixels, picture.ink.channels(), held, (width, height))?
    };
    wish.limits.check_deadline()?;
    let rgb = colour::to_srgb(pixels, picture.ink, picture.icc.as_deref());
    let (width, height, rgb) = picture.orientation.apply::<3>(width, height, rgb);
    Ok(Raster { width, height, rgb })
}
