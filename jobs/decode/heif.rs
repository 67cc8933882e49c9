//! Pictures of HEIF files: HEIC of phones, whose tiles are coded in HEVC, and AVIF.

use std::fs::File;

use crate::bytes::{be16, be32};
use crate::heif_meta::Meta;
use crate::heif_shown::{self, Aperture};
use crate::libav_frame::{Colours, Decoder, Still, UNSPECIFIED};
use crate::libav_scale::to_rgb;
use crate::orientation::Orientation;
use crate::picture::{Ink, Picture, Wish, area};
use crate::tone::Hdr;
use crate::window::Window;
use crate::{Code, DecodeError, Raster};

/// Decodes the picture, or a small picture of it that the file has, where that is large enough.
pub(crate) fn decode(file: &File, wish: Wish) -> Result<Picture, DecodeError> {
    let mut window = Window::new(file, wish.limits)?;
    let meta = Meta::read(&mut window)?;
    let none = || DecodeError::corrupt("the file has no picture");
    let primary = meta.primary().ok_or_else(none)?;
    let full = meta.size(primary).filter(|size| area(size.0, size.1) > 0).ok_or_else(none)?;
    let shown = meta.aperture(primary, full);
    let work =
        Work { meta: &meta, window: &window, wish, full, shown: shown.size(), is_light: true };
    let alpha = meta.alpha(primary);
    // Small pictures show all of it, and nothing through it.
    if alpha.is_none()
        && shown == Aperture::whole(full)
        && let Some((small, size)) = work.large_enough(primary, full)
        && let Ok(made) = work.item(small, size)
    {
        return Ok(work.finished(made, small, primary, size));
    }
    let mut made = work.item(primary, full)?;
    if let Some((alpha, multiplied)) = alpha {
        made = work.on_white(made, alpha, multiplied)?;
    }
    made.raster = shown.cut(made.raster, full);
    Ok(work.finished(made, primary, primary, shown.size()))
}

struct Work<'a> {
    meta: &'a Meta,
    window: &'a Window<'a>,
    wish: Wish<'a>,
    /// Size of the picture, and of what is shown of it.
    full: (u32, u32),
    shown: (u32, u32),
    /// Whether its items are light; else they say how transparent it is.
    is_light: bool,
}

/// Pixels, and whether all of them were there.
struct Made {
    raster: Raster,
    truncated: bool,
}

impl Work<'_> {
    /// The smallest of the file's own small pictures that has all the pixels that are wished.
    fn large_enough(&self, primary: u32, full: (u32, u32)) -> Option<(u32, (u32, u32))> {
        let target = self.wish.target(full.0, full.1);
        let sized = |id: u32| Some((id, self.meta.size(id)?));
        let small = self.meta.thumbnails(primary).into_iter().filter_map(sized);
        // It has to show the same: some cameras put black bars into it.
        let same = |(width, height): (u32, u32)| {
            let (one, other) =
                (u64::from(width) * u64::from(full.1), u64::from(height) * u64::from(full.0));
            one.abs_diff(other) * 50 <= one.max(other)
        };
        small
            .filter(|(_, size)| size.0.max(size.1) >= target && same(*size))
            .min_by_key(|(_, size)| area(size.0, size.1))
    }

    fn item(&self, id: u32, size: (u32, u32)) -> Result<Made, DecodeError> {
        match self.meta.kind(id).as_ref() {
            Some(b"grid") => self.grid(id),
            Some(_) => {
                let mut decoder = self.decoder(id, size)?;
                let shrink = self.shrink(size, size);
                let raster = self.coded(&mut decoder, id, id, shrink)?;
                Ok(Made { raster, truncated: false })
            }
            None => Err(DecodeError::corrupt("the file does not say how its picture is coded")),
        }
    }

    /// What is seen of `made` on white paper. Where the item that says how transparent it is cannot
    /// be decoded, all of it is.
    fn on_white(&self, made: Made, alpha: u32, multiplied: bool) -> Result<Made, DecodeError> {
        let size = self.meta.size(alpha).filter(|size| area(size.0, size.1) > 0);
        let work = Work { is_light: false, ..*self };
        let found = size.map(|size| work.item(alpha, size)).transpose();
        match found {
            Ok(Some(alpha)) => {
                let truncated = made.truncated || alpha.truncated;
                let raster = heif_shown::on_white(made.raster, &alpha.raster, multiplied)?;
                Ok(Made { raster, truncated })
            }
            Err(error) if matches!(error.code, Code::DecodeTimeout | Code::MemoryLimit) => {
                Err(error)
            }
            _ => Ok(Made { truncated: true, ..made }),
        }
    }

    /// A decoder for items like this one.
    fn decoder(&self, id: u32, size: (u32, u32)) -> Result<Decoder, DecodeError> {
        let properties = self.meta.properties(id);
        let of = |kind: &[u8; 4]| properties.iter().find(|part| part.0 == *kind).map(|p| p.1);
        let still = match self.meta.kind(id).as_ref() {
            Some(b"hvc1" | b"hev1") => Still::Hevc(of(b"hvcC").unwrap_or_default()),
            Some(b"av01") => Still::Av1,
            other => {
                let name = String::from_utf8_lossy(other.map_or(&[][..], |kind| kind)).into_owned();
                let message = format!("there is no decoder for pictures coded as {name:?}");
                return Err(DecodeError::new(Code::UnsupportedFormat, message));
            }
        };
        Decoder::of_stills(still, size, self.wish.limits)
    }

    /// Decodes one item, a part of `whole`, and shrinks it by a whole number.
    fn coded(
        &self,
        decoder: &mut Decoder,
        id: u32,
        whole: u32,
        shrink: u32,
    ) -> Result<Raster, DecodeError> {
        self.wish.limits.check_deadline()?;
        let most = usize::try_from(self.wish.limits.still_bytes).unwrap_or(usize::MAX);
        let data = self.meta.data(self.window, id, most)?;
        let damaged = || DecodeError::corrupt("a part of the picture is damaged");
        let frame = decoder.still(&data)?.ok_or_else(damaged)?;
        let said = self.colours(id).or_else(|| self.colours(whole));
        frame.say_colours(said);
        if !self.is_light
            || said.is_none() && (self.profile(id).is_some() || self.profile(whole).is_some())
        {
            frame.say_light(UNSPECIFIED, UNSPECIFIED);
        }
        let (width, height) = frame.size();
        to_rgb(frame, (width / shrink).max(1), (height / shrink).max(1))
    }

    /// By how much tiles of this size may be shrunk, so that no seam is seen between them and the
    /// better filter still halves.
    fn shrink(&self, whole: (u32, u32), tile: (u32, u32)) -> u32 {
        let shown = if whole == self.full { self.shown } else { whole };
        let most = self.wish.box_factor(shown.0, shown.1);
        [8, 4, 2]
            .into_iter()
            .find(|by| *by <= most && tile.0.is_multiple_of(*by) && tile.1.is_multiple_of(*by))
            .unwrap_or(1)
    }

    /// A picture of tiles in rows.
    fn grid(&self, id: u32) -> Result<Made, DecodeError> {
        let data = self.meta.data(self.window, id, 64)?;
        let grid = Grid::of(&data).ok_or_else(|| DecodeError::corrupt("the grid is damaged"))?;
        let tiles = self.meta.tiles(id);
        let corrupt = || DecodeError::corrupt("the grid has fewer tiles than it says");
        let first = *tiles.first().ok_or_else(corrupt)?;
        if tiles.len() != grid.rows as usize * grid.columns as usize {
            return Err(corrupt());
        }
        let tile = self.meta.size(first).ok_or_else(corrupt)?;
        let covers =
            |tile: u32, count: u32, all: u32| u64::from(tile) * u64::from(count) >= all.into();
        if !covers(tile.0, grid.columns, grid.width) || !covers(tile.1, grid.rows, grid.height) {
            return Err(corrupt());
        }
        self.wish.check_work(grid.width, grid.height, 3)?;
        let shrink = self.shrink((grid.width, grid.height), tile);
        let mut canvas = Canvas::new((grid.width / shrink).max(1), (grid.height / shrink).max(1));
        let mut decoder = self.decoder(first, tile)?;
        let (mut drawn, mut failed) = (0, None);
        for (tile_id, n) in tiles.iter().zip(0u32..) {
            let at = (n % grid.columns * (tile.0 / shrink), n / grid.columns * (tile.1 / shrink));
            match self.coded(&mut decoder, *tile_id, id, shrink) {
                Ok(raster) => {
                    canvas.draw(&raster, at);
                    drawn += 1;
                }
                Err(error) if error.code == Code::CorruptFile => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        match failed {
            Some(error) if drawn == 0 => Err(error),
            failed => Ok(Made { raster: canvas.0, truncated: failed.is_some() }),
        }
    }

    /// What its colours are, where the file says them of an item.
    fn colours(&self, id: u32) -> Option<Colours> {
        let properties = self.meta.properties(id);
        let said =
            properties.iter().find(|(kind, body)| kind == b"colr" && body.starts_with(b"nclx"));
        let body = said?.1;
        let number = |at| be16(body, at);
        let (primaries, transfer, matrix) = (number(4)?, number(6)?, number(8)?);
        Some(Colours { primaries, transfer, matrix, is_full: body.get(10)? >> 7 == 1 })
    }

    /// The ICC profile of an item.
    fn profile(&self, id: u32) -> Option<Vec<u8>> {
        self.meta.properties(id).into_iter().find_map(|(kind, body)| {
            let is_profile = body.starts_with(b"prof") || body.starts_with(b"rICC");
            (kind == *b"colr" && is_profile).then(|| body.get(4..).unwrap_or_default().to_vec())
        })
    }

    /// Whether an item is HDR by the file's word, and so sRGB as soon as it is decoded.
    fn is_hdr(&self, id: u32) -> bool {
        let said = self.colours(id);
        said.is_some_and(|c| Hdr::of_code_points(c.primaries.into(), c.transfer.into()).is_some())
    }

    /// What `made` of item `id` is, turned as the file says of it, in the colours of the primary.
    fn finished(&self, made: Made, id: u32, primary: u32, full: (u32, u32)) -> Picture {
        let properties = self.meta.properties(id);
        let icc = self.profile(id).or_else(|| self.profile(primary));
        let icc = icc.filter(|_| !self.is_hdr(id));
        let Made { raster: Raster { width, height, rgb }, truncated } = made;
        let orientation = turn(&properties);
        Picture { width, height, full, ink: Ink::Rgb, pixels: rgb, icc, orientation, truncated }
    }
}

/// The turn (anticlockwise) and the mirror behind it as one of EXIF's orientations.
fn turn(properties: &[([u8; 4], &[u8])]) -> Orientation {
    let of = |kind: &[u8; 4]| {
        let body = properties.iter().find(|part| part.0 == *kind)?.1;
        body.first().copied()
    };
    let turned = of(b"irot").unwrap_or(0) & 3;
    // 0 exchanges top and bottom, 1 left and right (ISO/IEC 23008-12:2022, 6.5.12).
    let tag = match (turned, of(b"imir").map(|axis| axis & 1)) {
        (0, None) => 1,
        (0, Some(1)) | (2, Some(0)) => 2,
        (2, None) => 3,
        (0, Some(_)) | (2, Some(_)) => 4,
        (1, Some(0)) | (3, Some(1)) => 5,
        (3, None) => 6,
        (1, Some(_)) | (3, Some(_)) => 7,
        (_, None) => 8,
        _ => 1,
    };
    Orientation::from_tag(tag)
}

/// How many tiles a picture has, and how large it is.
struct Grid {
    rows: u32,
    columns: u32,
    width: u32,
    height: u32,
}

impl Grid {
    fn of(data: &[u8]) -> Option<Self> {
        let [_, flags, rows, columns, rest @ ..] = data else { return None };
        let (width, height) = match flags & 1 {
            0 => (be16(rest, 0)?.into(), be16(rest, 2)?.into()),
            _ => (be32(rest, 0)?, be32(rest, 4)?),
        };
        let (rows, columns) = (u32::from(*rows) + 1, u32::from(*columns) + 1);
        (width > 0 && height > 0).then_some(Self { rows, columns, width, height })
    }
}

/// A picture that tiles are drawn on.
struct Canvas(Raster);

impl Canvas {
    fn new(width: u32, height: u32) -> Self {
        Self(Raster { width, height, rgb: vec![0; width as usize * height as usize * 3] })
    }

    /// Draws a tile; what lies outside is left out.
    fn draw(&mut self, tile: &Raster, (left, top): (u32, u32)) {
        let row = self.0.width as usize * 3;
        let length = tile.width.min(self.0.width.saturating_sub(left)) as usize * 3;
        let lines = tile.rgb.chunks_exact(tile.width as usize * 3);
        for (line, y) in lines.zip(top..self.0.height) {
            let start = y as usize * row + left as usize * 3;
            let place = self.0.rgb.get_mut(start..start + length);
            if let (Some(place), Some(pixels)) = (place, line.get(..length)) {
                place.copy_from_slice(pixels);
            }
        }
    }
}
