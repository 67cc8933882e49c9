//! What a baseline JPEG says before its only scan, read strictly: whatever is not as nearly all
//! cameras write it is left to the library.

use std::array;

use crate::bytes::be16;
use crate::jpeg_huffman::Codes;

/// Where a detail stands: row and column, in the order of the file (T.81, figure A.6).
pub(crate) const ZIGZAG: [u8; 64] = [
    0o00, 0o01, 0o10, 0o20, 0o11, 0o02, 0o03, 0o12, 0o21, 0o30, 0o40, 0o31, 0o22, 0o13, 0o04, 0o05,
    0o14, 0o23, 0o32, 0o41, 0o50, 0o60, 0o51, 0o42, 0o33, 0o24, 0o15, 0o06, 0o07, 0o16, 0o25, 0o34,
    0o43, 0o52, 0o61, 0o70, 0o71, 0o62, 0o53, 0o44, 0o35, 0o26, 0o17, 0o27, 0o36, 0o45, 0o54, 0o63,
    0o72, 0o73, 0o64, 0o55, 0o46, 0o37, 0o47, 0o56, 0o65, 0o74, 0o75, 0o66, 0o57, 0o67, 0o76, 0o77,
];

/// A picture of one scan, Huffman-coded, with 8 bits a sample.
pub(crate) struct Baseline<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// One (grey) or three (YCbCr).
    pub(crate) components: Vec<Component>,
    /// Units between restart markers; 0 without them.
    pub(crate) restart: usize,
    /// What stands behind the scan's header.
    pub(crate) entropy: &'a [u8],
}

/// One of its components.
pub(crate) struct Component {
    id: u8,
    /// Blocks in a unit.
    pub(crate) across: usize,
    pub(crate) down: usize,
    quantiser: usize,
    /// In the order of the file (zigzag).
    pub(crate) quantisers: [u16; 64],
    pub(crate) first: Codes,
    pub(crate) details: Codes,
}

#[derive(Default)]
struct Tables {
    quantisers: [Option<[u16; 64]>; 4],
    first: [Option<Codes>; 4],
    details: [Option<Codes>; 4],
    restart: usize,
    /// The transform that Adobe's marker names.
    adobe: Option<u8>,
}

/// Reads `data` up to its scan; `None` if it is not such a picture.
pub(crate) fn read(data: &[u8]) -> Option<Baseline<'_>> {
    let mut tables = Tables::default();
    let mut frame: Option<(usize, usize, Vec<Component>)> = None;
    let mut at = 2;
    loop {
        let [0xFF, code] = crate::bytes::array(data, at)? else { return None };
        let length = usize::from(be16(data, at + 2)?);
        let body = data.get(at + 4..at + 2 + length)?;
        at += 2 + length;
        match code {
            0xC0 | 0xC1 if frame.is_none() => frame = Some(read_frame(body)?),
            0xC4 => tables.take_codes(body)?,
            0xDB => tables.take_quantisers(body)?,
            0xDD => tables.restart = usize::from(be16(body, 0)?),
            0xDA => {
                let (width, height, mut components) = frame?;
                tables.scan(body, &mut components)?;
                let entropy = data.get(at..)?;
                let restart = tables.restart;
                return Some(Baseline { width, height, components, restart, entropy });
            }
            0xEE if body.starts_with(b"Adobe") => tables.adobe = Some(*body.get(11)?),
            // Texts, profiles, cameras' own.
            0xE0..=0xEF | 0xFE => {}
            _ => return None,
        }
    }
}

fn read_frame(body: &[u8]) -> Option<(usize, usize, Vec<Component>)> {
    let (height, width) = (usize::from(be16(body, 1)?), usize::from(be16(body, 3)?));
    let parts = body
        .get(6..)
        .filter(|parts| Some(parts.len()) == body.get(5).map(|all| 3 * usize::from(*all)))?;
    let component = |part: &[u8]| {
        let [id, sampling, quantiser] = part.try_into().ok()?;
        Some(Component {
            id,
            across: usize::from(sampling >> 4),
            down: usize::from(sampling & 15),
            quantiser: usize::from(quantiser),
            quantisers: [0; 64],
            first: Codes { counts: [0; 16], symbols: Vec::new() },
            details: Codes { counts: [0; 16], symbols: Vec::new() },
        })
    };
    let mut components = parts.chunks(3).map(component).collect::<Option<Vec<_>>>()?;
    match components.as_mut_slice() {
        // A scan of one component has units of one block.
        [grey] => (grey.across, grey.down) = (1, 1),
        [light, blue, red]
            if (1..=2).contains(&light.across)
                && (1..=2).contains(&light.down)
                && [&blue, &red].iter().all(|colour| (colour.across, colour.down) == (1, 1)) => {}
        _ => return None,
    }
    (body.first() == Some(&8) && width > 0 && height > 0).then_some((width, height, components))
}

impl Tables {
    fn take_quantisers(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = body.split_first() {
            let size = if kind >> 4 == 0 { 1 } else { 2 };
            let values = rest.get(..64 * size)?;
            body = rest.get(64 * size..)?;
            let value = |n: usize| match size {
                1 => values.get(n).copied().map_or(0, u16::from),
                _ => be16(values, 2 * n).unwrap_or(0),
            };
            *self.quantisers.get_mut(usize::from(kind & 15))? = Some(array::from_fn(value));
        }
        Some(())
    }

    fn take_codes(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = body.split_first() {
            let (counts, rest) = rest.split_at_checked(16)?;
            let counts: [u8; 16] = counts.try_into().ok()?;
            let all: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(all)?;
            body = rest;
            let tables = match kind >> 4 {
                0 => &mut self.first,
                1 => &mut self.details,
                _ => return None,
            };
            let codes = Codes { counts, symbols: symbols.to_vec() };
            *tables.get_mut(usize::from(kind & 15))? = Some(codes);
        }
        Some(())
    }

    /// Gives each component its tables, if all are in this scan, in their order.
    fn scan(&self, body: &[u8], components: &mut [Component]) -> Option<()> {
        let is_rgb = components.iter().map(|component| component.id).eq(*b"RGB");
        let is_ycc = self.adobe.map_or(!is_rgb, |transform| transform == 1);
        let parts = body.get(1..1 + 2 * components.len())?;
        if usize::from(*body.first()?) != components.len() || (components.len() == 3 && !is_ycc) {
            return None;
        }
        for (component, part) in components.iter_mut().zip(parts.chunks(2)) {
            let [id, tables] = part.try_into().ok()?;
            if id != component.id {
                return None;
            }
            component.quantisers = (*self.quantisers.get(component.quantiser)?)?;
            component.first = self.first.get(usize::from(tables >> 4))?.clone()?;
            component.details = self.details.get(usize::from(tables & 15))?.clone()?;
        }
        Some(())
    }
}
