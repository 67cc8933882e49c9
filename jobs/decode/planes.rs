//! A picture as a JPEG keeps it: light in one plane, colours in another, which may be smaller.
//!
//! Left so, it has half the bytes that it has in red, green and blue, and neither its decoder nor
//! its encoder has to turn colours over.

use std::borrow::Cow;

use crate::orientation::Orientation;
use crate::{DecodeError, Raster, resize, turbo};

/// Bytes in rows: of one panel, or of several side by side, each of this size.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    /// Width and height of a panel.
    pub(crate) size: (u32, u32),
    /// The same with what lies right of it and below.
    pub(crate) held: (usize, usize),
    /// How much of a panel is covered: less than all where a part of a pixel is meant.
    pub(crate) covered: (f64, f64),
    pub(crate) panels: usize,
    pub(crate) bytes: Vec<u8>,
}

impl Plane {
    pub(crate) fn empty(size: (u32, u32), held: (usize, usize), panels: usize) -> Self {
        debug_assert!(size.0 as usize <= held.0 && size.1 as usize <= held.1, "it has room");
        let covered = (size.0.into(), size.1.into());
        Self { size, held, covered, panels, bytes: vec![0; held.0 * held.1 * panels] }
    }

    /// A plane with nothing around it.
    pub(crate) fn of(size: (u32, u32), panels: usize, bytes: Vec<u8>) -> Self {
        let held = (size.0 as usize, size.1 as usize);
        debug_assert_eq!(bytes.len(), held.0 * held.1 * panels, "it is full");
        let covered = (size.0.into(), size.1.into());
        Self { size, held, covered, panels, bytes }
    }

    /// Bytes of a row of all panels.
    pub(crate) fn row(&self) -> usize {
        self.held.0 * self.panels
    }

    /// The rows of a panel, with what lies right of it.
    fn rows(&self, panel: usize) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.held.0.max(1)).skip(panel).step_by(self.panels.max(1))
    }

    fn turned(self, orientation: Orientation) -> Self {
        if orientation == Orientation::UPRIGHT {
            return self;
        }
        let (width, height) = self.size;
        let turned = |panel| {
            let pixels = self.rows(panel).collect::<Vec<_>>().concat();
            let (width, height, pixels) = orientation.apply::<1>(width, height, pixels);
            Self::of((width, height), 1, pixels)
        };
        let all: Vec<Self> = (0..self.panels).map(turned).collect();
        let size = all.first().map_or(self.size, |one| one.size);
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for y in 0..size.1 as usize {
            for panel in &all {
                bytes.extend_from_slice(panel.rows(0).nth(y).unwrap_or_default());
            }
        }
        Self::of(size, self.panels, bytes)
    }
}

/// Light in one panel; blue and red, as they differ from it (JFIF 1.02), in two.
#[derive(Debug, Clone)]
pub(crate) struct Planes {
    pub(crate) light: Plane,
    pub(crate) colours: Plane,
}

impl Planes {
    /// Width and height.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.light.size
    }

    /// In this size; with colours of half of it, which is all that a JPEG of 4:2:0 shows.
    pub(crate) fn resized(&self, size: (u32, u32)) -> Result<Self, DecodeError> {
        self.resized_with(size, (size.0.div_ceil(2), size.1.div_ceil(2)))
    }

    fn resized_with(&self, light: (u32, u32), colours: (u32, u32)) -> Result<Self, DecodeError> {
        let light = resize::lanczos_plane(&self.light, light)?;
        Ok(Self { light, colours: resize::lanczos_plane(&self.colours, colours)? })
    }

    /// Upright, if nothing lies around it.
    pub(crate) fn turned(self, orientation: Orientation) -> Self {
        let (light, colours) = (self.light.turned(orientation), self.colours.turned(orientation));
        Self { light, colours }
    }

    /// In this size, in red, green and blue.
    pub(crate) fn raster(&self, size: (u32, u32)) -> Result<Raster, DecodeError> {
        let same = self.resized_with(size, size)?;
        let mut rgb = Vec::with_capacity(same.light.bytes.len() * 3);
        let colours = same.colours.rows(0).zip(same.colours.rows(1));
        for (light, (blue, red)) in same.light.rows(0).zip(colours) {
            append_rgb(&mut rgb, light, blue, red);
        }
        Ok(Raster { width: size.0, height: size.1, rgb })
    }

    /// A JPEG, 4:2:0, without metadata, of what [`Planes::resized`] made.
    pub(crate) fn compress(&self, quality: u8, best_tables: bool) -> Result<Vec<u8>, DecodeError> {
        let light = even(&self.light);
        turbo::compress_planes(&light, &self.colours.bytes, self.size(), quality, best_tables)
    }
}

/// With an even number of pixels in each row, and of rows.
fn even(plane: &Plane) -> Cow<'_, [u8]> {
    let (width, height) = plane.held;
    if width % 2 == 0 && height % 2 == 0 {
        return Cow::Borrowed(&plane.bytes);
    }
    let mut bytes = Vec::with_capacity((width + 1) * (height + 1));
    let again = plane.rows(0).last().filter(|_| height % 2 == 1);
    for row in plane.rows(0).chain(again) {
        bytes.extend_from_slice(row);
        bytes.extend(row.last().filter(|_| width % 2 == 1));
    }
    Cow::Owned(bytes)
}

/// Appends pixels as red, green and blue (JFIF 1.02, in units of 1/65,536).
pub(crate) fn append_rgb(pixels: &mut Vec<u8>, light: &[u8], blue: &[u8], red: &[u8]) {
    let byte = |value: i32| value.clamp(0, 255) as u8;
    let rgb = light.iter().zip(blue).zip(red).flat_map(|((&y, &cb), &cr)| {
        let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
        [
            byte(y + ((91_881 * cr + 32_768) >> 16)),
            byte(y - ((22_554 * cb + 46_802 * cr + 32_767) >> 16)),
            byte(y + ((116_130 * cb + 32_768) >> 16)),
        ]
    });
    pixels.extend(rgb);
}
