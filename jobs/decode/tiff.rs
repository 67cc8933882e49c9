//! TIFF and BigTIFF: the first page, read in bands of strips or tiles.

use std::collections::BTreeMap;
use std::io::Cursor;

use tiff::TiffError;
use tiff::decoder::{ChunkType, Decoder, Limits};
use tiff::tags::{CompressionMethod, Tag};

use crate::ifd::Ifd;
use crate::orientation::Orientation;
use crate::picture::{Picture, Wish, area};
use crate::rows::Rows;
use crate::tiff_samples::{Samples, bytes_of};
use crate::{Code, DecodeError, jpeg_header};

const ORIENTATION: u16 = 0x0112;
const PHOTOMETRIC: u16 = 0x0106;
const ICC_PROFILE: u16 = 0x8773;

/// A decoder over a whole file in memory.
pub(crate) type Tiff<'a> = Decoder<Cursor<&'a [u8]>>;

pub(crate) fn decode(mut data: Vec<u8>, wish: Wish) -> Result<Picture, DecodeError> {
    let has_palette = hide_palette(&mut data);
    let mut limits = Limits::default();
    let most = usize::try_from(wish.limits.memory_bytes).unwrap_or(usize::MAX);
    limits.decoding_buffer_size = most;
    limits.intermediate_buffer_size = most;
    let mut tiff = Decoder::new(Cursor::new(data.as_slice())).map_err(broken)?.with_limits(limits);
    let (width, height) = tiff.dimensions().map_err(broken)?;
    let samples = Samples::of(&mut tiff, has_palette)?;
    let grid = Grid::of(&mut tiff, samples.planar_count)?;
    let factor = wish.box_factor(width, height);
    check_cost(&grid, &samples, factor, wish)?;
    if tag(&mut tiff, Tag::Compression) == CompressionMethod::ModernJPEG.to_u16() {
        check_jpegs(&mut tiff, &data, wish)?;
    }

    let mut rows = Rows::new(width, height, samples.ink().channels(), factor);
    let truncated = read_bands(&mut tiff, &grid, &samples, &mut rows, wish)?;
    let (held_width, held_height, pixels) = rows.finish(height, samples.white());
    let ifd = Ifd::first(&data);
    let turn = ifd.as_ref().and_then(|ifd| ifd.short(ORIENTATION));
    Ok(Picture {
        width: held_width,
        height: held_height,
        full: (width, height),
        ink: samples.ink(),
        pixels,
        icc: ifd.and_then(|ifd| ifd.bytes(ICC_PROFILE)).map(<[u8]>::to_vec),
        orientation: turn.map_or(Orientation::UPRIGHT, |(_, value)| Orientation::from_tag(value)),
        truncated,
    })
}

/// How the picture is cut into strips or tiles.
pub(crate) struct Grid {
    width: u32,
    height: u32,
    /// Width and height of one strip or tile.
    chunk: (u32, u32),
    across: u32,
    down: u32,
    /// How many grids lie behind each other: one, or one for each sample.
    planes: u32,
}

impl Grid {
    fn of(tiff: &mut Tiff, planes: u32) -> Result<Self, DecodeError> {
        let (width, height) = tiff.dimensions().map_err(broken)?;
        let (across, down) = tiff.chunk_dimensions();
        let chunk = match tiff.get_chunk_type() {
            ChunkType::Strip => (width, down.clamp(1, height.max(1))),
            ChunkType::Tile => (across.max(1), down.max(1)),
        };
        let count = |length: u32, piece: u32| length.div_ceil(piece);
        let (across, down) = (count(width, chunk.0), count(height, chunk.1));
        Ok(Self { width, height, chunk, across, down, planes })
    }

    fn rows_in_band(&self, band: u32) -> u32 {
        self.chunk.1.min(self.height - band * self.chunk.1)
    }
}

/// A palette is only a matter of looking numbers up, but the library refuses it. With the tag
/// changed to "black is zero" it gives the numbers.
fn hide_palette(data: &mut [u8]) -> bool {
    const PALETTE: u16 = 3;
    const BLACK_IS_ZERO: u16 = 1;
    let found = Ifd::first(data).and_then(|ifd| ifd.short(PHOTOMETRIC));
    let Some((at, PALETTE)) = found else { return false };
    let value = if data.starts_with(b"II") {
        BLACK_IS_ZERO.to_le_bytes()
    } else {
        BLACK_IS_ZERO.to_be_bytes()
    };
    data.get_mut(at..at + 2).is_some_and(|place| {
        place.copy_from_slice(&value);
        true
    })
}

fn check_cost(grid: &Grid, samples: &Samples, factor: u32, wish: Wish) -> Result<(), DecodeError> {
    let per_pixel = samples.count as u64;
    let all = area(grid.width, grid.height).saturating_mul(per_pixel);
    // Samples of 16 bits and more take their time too.
    wish.limits.check_memory(all.saturating_mul(samples.bytes_each))?;
    let piece = area(grid.chunk.0, grid.chunk.1).saturating_mul(per_pixel);
    let band = area(grid.width, grid.chunk.1).saturating_mul(per_pixel);
    let held = area(grid.width.div_ceil(factor), grid.height.div_ceil(factor)) * per_pixel;
    let pieces = piece.saturating_mul(samples.bytes_each * 2 + 1);
    wish.limits.check_memory(pieces.saturating_add(band).saturating_add(held))
}

/// A strip that is a JPEG has a size of its own, which the library believes. All of them count,
/// because strips may share their bytes; those that do are walked once.
fn check_jpegs(tiff: &mut Tiff, data: &[u8], wish: Wish) -> Result<(), DecodeError> {
    let mut places = |strips, tiles| {
        let strips = tiff.find_tag_unsigned_vec::<u64>(strips).map_err(broken)?;
        let found =
            strips.map_or_else(|| tiff.find_tag_unsigned_vec::<u64>(tiles), |it| Ok(Some(it)));
        found.map(Option::unwrap_or_default).map_err(broken)
    };
    let starts: Vec<u64> = places(Tag::StripOffsets, Tag::TileOffsets)?;
    let lengths: Vec<u64> = places(Tag::StripByteCounts, Tag::TileByteCounts)?;
    let mut walked = BTreeMap::new();
    let mut samples = 0u64;
    for (start, length) in starts.into_iter().zip(lengths) {
        wish.limits.check_deadline()?;
        let end = start.saturating_add(length);
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let Some(jpeg) = range.and_then(|(start, end)| data.get(start..end)) else { continue };
        let own = match walked.get(&(start, length)) {
            Some(&known) => known,
            None => {
                let frame = jpeg_header::read(jpeg)?.frame;
                let components = frame.sampling.len() as u64;
                area(frame.width, frame.height).saturating_mul(components)
            }
        };
        walked.insert((start, length), own);
        samples = samples.saturating_add(own);
        wish.limits.check_memory(samples)?;
    }
    Ok(())
}

/// Reads all bands into `rows` and says whether some were missing.
fn read_bands(
    tiff: &mut Tiff,
    grid: &Grid,
    samples: &Samples,
    rows: &mut Rows,
    wish: Wish,
) -> Result<bool, DecodeError> {
    let stride = grid.width as usize * samples.count;
    let mut band_bytes = vec![0; stride * grid.chunk.1 as usize];
    let mut line = Vec::new();
    for band in 0..grid.down {
        match read_band(tiff, grid, samples, band, &mut band_bytes, wish) {
            Ok(()) => {}
            Err(error) if band == 0 || error.code == Code::DecodeTimeout => return Err(error),
            Err(_) => return Ok(true),
        }
        let count = grid.rows_in_band(band) as usize;
        for row in band_bytes.chunks_exact(stride).take(count) {
            rows.push(samples.to_ink(row, &mut line));
        }
    }
    Ok(false)
}

fn read_band(
    tiff: &mut Tiff,
    grid: &Grid,
    samples: &Samples,
    band: u32,
    band_bytes: &mut [u8],
    wish: Wish,
) -> Result<(), DecodeError> {
    let stride = grid.width as usize * samples.count;
    for plane in 0..grid.planes {
        for column in 0..grid.across {
            // A band may be cut into millions of tiles.
            wish.limits.check_deadline()?;
            let index = (plane * grid.down + band) * grid.across + column;
            let (width, _) = tiff.chunk_data_dimensions(index);
            let in_chunk = if grid.planes > 1 { 1 } else { samples.count };
            let read = tiff.read_chunk(index).map_err(broken)?;
            let chunk = bytes_of(read, samples, width as usize * in_chunk);
            let left = (column * grid.chunk.0) as usize * samples.count + plane as usize;
            let lines = chunk.chunks_exact((width as usize * in_chunk).max(1));
            for (row, line) in band_bytes.chunks_exact_mut(stride).zip(lines) {
                let places = row.get_mut(left..).unwrap_or_default();
                if grid.planes > 1 {
                    places
                        .iter_mut()
                        .step_by(samples.count)
                        .zip(line)
                        .for_each(|(to, &from)| *to = from);
                } else {
                    places.iter_mut().zip(line).for_each(|(to, &from)| *to = from);
                }
            }
        }
    }
    Ok(())
}

/// The first number of a tag, or 0.
pub(crate) fn tag(tiff: &mut Tiff, tag: Tag) -> u16 {
    tiff.find_tag_unsigned_vec(tag).ok().flatten().and_then(|all| all.first().copied()).unwrap_or(0)
}

pub(crate) fn broken(error: TiffError) -> DecodeError {
    let code = match &error {
        TiffError::LimitsExceeded | TiffError::IntSizeError => Code::MemoryLimit,
        TiffError::UnsupportedError(_) => Code::UnsupportedFormat,
        _ => Code::CorruptFile,
    };
    DecodeError::new(code, format!("TIFF: {error}"))
}
