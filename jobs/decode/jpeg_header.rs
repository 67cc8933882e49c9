//! What a JPEG says before its pixels are decoded: one bounded walk over its markers.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::DecodeError;
use crate::bytes::{be16, has};
use crate::orientation::Orientation;

/// Cameras and encoders write some 10 scans; each costs a pass over all blocks.
pub(crate) const MOST_SCANS: usize = 100;

/// More runs of stray bytes than this are no accident of a camera.
const MOST_SEGMENTS: usize = 1000;

/// What the markers of a JPEG say.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) frame: Frame,
    /// The Adobe marker is there: four-colour pictures are stored inverted.
    pub(crate) adobe: bool,
    pub(crate) icc: Option<Vec<u8>>,
    pub(crate) orientation: Orientation,
    /// Where the decoder's bytes are: everything but stray bytes between segments.
    pub(crate) segments: Vec<Range<usize>>,
    pub(crate) scans: Vec<Scan>,
    /// Where the bytes of the first quantiser of detail are, for each table.
    pub(crate) first_quantisers: Vec<usize>,
    /// The end marker is there.
    pub(crate) ended: bool,
}

/// The frame header (SOF).
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The low four bits of its marker: 0 baseline, 2 progressive, 3 lossless, 9 arithmetic...
    pub(crate) process: u8,
    pub(crate) precision: u8,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Horizontal and vertical sampling of each component.
    pub(crate) sampling: Vec<(u8, u8)>,
}

/// One scan: its bytes from the SOS marker on, and where its band of coefficients starts.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub(crate) bytes: Range<usize>,
    pub(crate) band_start: u8,
}

impl Frame {
    pub(crate) fn is_progressive(&self) -> bool {
        matches!(self.process, 2 | 6 | 10 | 14)
    }

    pub(crate) fn is_lossless(&self) -> bool {
        matches!(self.process, 3 | 7 | 11 | 15)
    }

    /// How many 8x8 blocks the picture has, all components together.
    pub(crate) fn blocks(&self) -> u64 {
        let most = |of: fn(&(u8, u8)) -> u8| self.sampling.iter().map(of).max().unwrap_or(1).max(1);
        let (across, down) = (most(|s| s.0), most(|s| s.1));
        let units = u64::from(self.width.div_ceil(8 * u32::from(across)))
            * u64::from(self.height.div_ceil(8 * u32::from(down)));
        let in_unit: u64 = self.sampling.iter().map(|s| u64::from(s.0) * u64::from(s.1)).sum();
        units * in_unit
    }
}

/// Reads the markers of `data`.
///
/// A baseline picture whose components all come in its first scan is read up to that scan only;
/// others are walked to their end, because their number of scans decides what they cost.
pub(crate) fn read(data: &[u8]) -> Result<Header, DecodeError> {
    let mut walk = Walk::default();
    walk.segments.push(0..2);
    let mut at = 2;
    while let Some(marker_at) = next_marker(data, at) {
        let Some(&code) = data.get(marker_at + 1) else { break };
        let Some(next) = walk.marker(data, marker_at, code) else { break };
        at = next;
        if walk.ended {
            break;
        }
        if walk.scans.len() > MOST_SCANS || walk.segments.len() > MOST_SEGMENTS {
            return Err(DecodeError::corrupt(format!("the JPEG has more than {MOST_SCANS} scans")));
        }
    }
    let frame = walk.frame.ok_or_else(|| DecodeError::corrupt("the JPEG has no frame header"))?;
    if walk.scans.is_empty() {
        return Err(DecodeError::corrupt("the JPEG ends before its picture"));
    }
    let Frame { width, height, .. } = frame;
    if width == 0 || height == 0 {
        return Err(DecodeError::corrupt("the JPEG has no width or height"));
    }
    Ok(Header {
        frame,
        adobe: walk.adobe,
        icc: join_icc(walk.icc),
        orientation: walk.orientation.unwrap_or(Orientation::UPRIGHT),
        segments: walk.segments,
        scans: walk.scans,
        first_quantisers: walk.first_quantisers,
        ended: walk.ended,
    })
}

#[derive(Default)]
struct Walk {
    frame: Option<Frame>,
    adobe: bool,
    /// Parts of the profile by their number.
    icc: BTreeMap<u8, Vec<u8>>,
    orientation: Option<Orientation>,
    segments: Vec<Range<usize>>,
    scans: Vec<Scan>,
    first_quantisers: Vec<usize>,
    ended: bool,
}

impl Walk {
    /// Takes the marker `code` at `at` and says where to go on; `None` when the bytes end.
    fn marker(&mut self, data: &[u8], at: usize, code: u8) -> Option<usize> {
        let end = match code {
            0x01 | 0xD0..=0xD8 => at + 2,
            0xD9 => {
                self.ended = true;
                at + 2
            }
            _ => at + 2 + usize::from(be16(data, at + 2)?).max(2),
        };
        let body = data.get(at + 4..end).unwrap_or_default();
        match code {
            0xC0..=0xCF if !matches!(code, 0xC4 | 0xC8 | 0xCC) => {
                // A second frame header is an error that the decoder names.
                self.frame = self.frame.take().or_else(|| frame(code, body));
            }
            0xDA => return self.scan(data, at, end),
            0xDB => self.take_quantisers(at + 4, body),
            0xE1 if is_exif(body) && self.orientation.is_none() && self.scans.is_empty() => {
                self.orientation = Some(Orientation::of_exif(body));
            }
            0xE2 => self.take_icc(body),
            0xEE if body.starts_with(b"Adobe") => self.adobe = true,
            _ => {}
        }
        self.keep(at..end.min(data.len()));
        Some(end)
    }

    fn scan(&mut self, data: &[u8], at: usize, body_end: usize) -> Option<usize> {
        let components = *data.get(at + 4)?;
        let band_start = *data.get(at + 5 + 2 * usize::from(components))?;
        // Without one there is no picture, whatever comes behind it.
        let frame = self.frame.as_ref()?;
        let alone = !frame.is_progressive()
            && usize::from(components) == frame.sampling.len()
            && self.scans.is_empty();
        let end = if alone { last_end(data, body_end) } else { entropy_end(data, body_end) };
        self.scans.push(Scan { bytes: at..end, band_start });
        self.keep(at..end);
        Some(end)
    }

    fn keep(&mut self, range: Range<usize>) {
        match self.segments.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.segments.push(range),
        }
    }

    /// Tables of 64 values, of one byte or two, each after a byte that says which.
    fn take_quantisers(&mut self, start: usize, body: &[u8]) {
        let mut at = 0;
        while let Some(kind) = body.get(at).filter(|_| self.first_quantisers.len() < 16) {
            let size = if kind >> 4 == 0 { 1 } else { 2 };
            let first = at + 1 + size..at + 1 + 2 * size;
            self.first_quantisers.extend(first.map(|place| start + place));
            at += 1 + 64 * size;
        }
    }

    fn take_icc(&mut self, body: &[u8]) {
        let Some(part) = body.strip_prefix(b"ICC_PROFILE\0") else { return };
        if let Some((number, bytes)) = part.split_first().map(|(n, rest)| (*n, rest.get(1..))) {
            self.icc.entry(number).or_insert_with(|| bytes.unwrap_or_default().to_vec());
        }
    }
}

/// Whether the body of a segment is an EXIF block that can be read. The first one before the first
/// scan counts.
pub(crate) fn is_exif(body: &[u8]) -> bool {
    body.strip_prefix(b"Exif\0\0").is_some_and(|tiff| has(tiff, 0, b"II") || has(tiff, 0, b"MM"))
}

fn frame(code: u8, body: &[u8]) -> Option<Frame> {
    let components = usize::from(*body.get(5)?);
    let sampling = (0..components)
        .map_while(|index| body.get(7 + index * 3))
        .map(|byte| ((byte >> 4).max(1), (byte & 15).max(1)))
        .collect();
    Some(Frame {
        process: code & 15,
        precision: *body.first()?,
        height: u32::from(be16(body, 1)?),
        width: u32::from(be16(body, 3)?),
        sampling,
    })
}

/// Where the next marker's 0xFF is, past stray bytes and fill bytes.
pub(crate) fn next_marker(data: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += data.get(at..)?.iter().position(|&byte| byte == 0xFF)?;
        match data.get(at + 1)? {
            0x00 => at += 2,
            0xFF => at += 1,
            _ => return Some(at),
        }
    }
}

/// Where the entropy-coded data from `at` on ends: the next marker that is no restart.
pub(crate) fn entropy_end(data: &[u8], mut at: usize) -> usize {
    while let Some(marker) = next_marker(data, at) {
        match data.get(marker + 1) {
            Some(0xD0..=0xD7) => at = marker + 2,
            _ => return marker,
        }
    }
    data.len()
}

/// The last end marker behind `at`: quick, because it is nearly always at the end of the file.
fn last_end(data: &[u8], at: usize) -> usize {
    let rest = data.get(at..).unwrap_or_default();
    let found = rest.windows(2).rposition(|pair| pair == [0xFF, 0xD9]);
    found.map_or(data.len(), |found| at + found)
}

/// The profile, if all its parts came.
fn join_icc(parts: BTreeMap<u8, Vec<u8>>) -> Option<Vec<u8>> {
    let complete = (1..).zip(parts.keys()).all(|(expected, &number): (u8, _)| expected == number);
    let joined: Vec<u8> = parts.into_values().flatten().collect();
    (complete && has(&joined, 36, b"acsp")).then_some(joined)
}
