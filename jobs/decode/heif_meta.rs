//! What a HEIF file says of its items: kinds, properties, and which belongs to which.

use crate::DecodeError;
use crate::bytes::{be16, be32};
use crate::heif_header::{boxes, meta, primary_id, properties_of};
use crate::heif_items::{data, kinds};
use crate::heif_shown::Aperture;
use crate::window::Window;

/// Tiles of one picture: 256 of 512 pixels are 67 megapixels; nothing has more than some hundred.
const MOST_REFERENCES: usize = 1024;

/// The `meta` box of a file.
pub(crate) struct Meta {
    body: Vec<u8>,
}

impl Meta {
    /// Reads it.
    pub(crate) fn read(window: &mut Window) -> Result<Self, DecodeError> {
        let none = || DecodeError::corrupt("the file does not say what is in it");
        Ok(Self { body: meta(window)?.ok_or_else(none)? })
    }

    fn inside(&self) -> Vec<([u8; 4], &[u8])> {
        // It starts with a version and flags.
        boxes(self.body.get(4..).unwrap_or_default()).collect()
    }

    fn find(&self, kind: &[u8; 4]) -> Option<&[u8]> {
        self.inside().into_iter().find(|part| part.0 == *kind).map(|part| part.1)
    }

    /// The item that is the picture.
    pub(crate) fn primary(&self) -> Option<u32> {
        self.find(b"pitm").and_then(primary_id)
    }

    /// What an item is, such as `hvc1`.
    pub(crate) fn kind(&self, id: u32) -> Option<[u8; 4]> {
        let mut kinds = kinds(self.find(b"iinf")?);
        kinds.find_map(|(item, kind)| (item == u64::from(id)).then_some(kind))
    }

    /// The properties of an item in their order: kinds and bodies.
    pub(crate) fn properties(&self, id: u32) -> Vec<([u8; 4], &[u8])> {
        let parts: Vec<_> = boxes(self.find(b"iprp").unwrap_or_default()).collect();
        let list = parts.iter().find(|part| part.0 == *b"ipco").map_or(&[][..], |part| part.1);
        let list: Vec<_> = boxes(list).collect();
        let uses = parts.iter().filter(|part| part.0 == *b"ipma");
        let numbers = uses.filter_map(|part| properties_of(id, part.1)).flatten();
        // Numbers start at 1; 0 means none.
        numbers.filter_map(|number| list.get(number.checked_sub(1)?).copied()).collect()
    }

    /// Width and height of an item as it is stored.
    pub(crate) fn size(&self, id: u32) -> Option<(u32, u32)> {
        let body = self.properties(id).into_iter().find(|part| part.0 == *b"ispe")?.1;
        be32(body, 4).zip(be32(body, 8))
    }

    /// What is shown of an item of this size.
    pub(crate) fn aperture(&self, id: u32, size: (u32, u32)) -> Aperture {
        let properties = self.properties(id);
        let said = properties.iter().find(|(kind, _)| kind == b"clap");
        said.and_then(|(_, body)| Aperture::of(body, size)).unwrap_or(Aperture::whole(size))
    }

    /// The items that `id` is made of.
    pub(crate) fn tiles(&self, id: u32) -> Vec<u32> {
        let made =
            self.references().into_iter().find(|(kind, from, _)| kind == b"dimg" && *from == id);
        made.map_or_else(Vec::new, |(_, _, to)| to)
    }

    /// The items that are small pictures of `id`.
    pub(crate) fn thumbnails(&self, id: u32) -> Vec<u32> {
        let references = self.references().into_iter();
        let small = references.filter(|(kind, _, to)| kind == b"thmb" && to.contains(&id));
        small.map(|(_, from, _)| from).collect()
    }

    /// The item that says how transparent `id` is, and whether `id` is multiplied by it.
    pub(crate) fn alpha(&self, id: u32) -> Option<(u32, bool)> {
        const NAMES: [&[u8]; 2] =
            [b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"];
        let references = self.references();
        let is_alpha = |item: &u32| {
            let properties = self.properties(*item);
            let mut said = properties.iter().filter(|(kind, _)| kind == b"auxC");
            // A version and flags, then the name up to a NUL.
            said.any(|(_, body)| {
                let name = body.get(4..).unwrap_or_default().split(|byte| *byte == 0).next();
                name.is_some_and(|name| NAMES.contains(&name))
            })
        };
        let beside = references.iter().filter(|(kind, _, to)| kind == b"auxl" && to.contains(&id));
        let alpha = beside.map(|(_, from, _)| *from).find(is_alpha)?;
        let multiplied = |(kind, from, to): &([u8; 4], u32, Vec<u32>)| {
            kind == b"prem" && *from == id && to.contains(&alpha)
        };
        Some((alpha, references.iter().any(multiplied)))
    }

    /// Which item refers to which others, and as what.
    fn references(&self) -> Vec<([u8; 4], u32, Vec<u32>)> {
        let Some(body) = self.find(b"iref") else { return Vec::new() };
        let width = if body.first() == Some(&0) { 2 } else { 4 };
        let number = |body: &[u8], at: usize| match width {
            2 => be16(body, at).map(u32::from),
            _ => be32(body, at),
        };
        let reference = |(kind, body): ([u8; 4], &[u8])| {
            let count = usize::from(be16(body, width)?).min(MOST_REFERENCES);
            let to = (0..count).map(|n| number(body, width + 2 + n * width));
            Some((kind, number(body, 0)?, to.collect::<Option<Vec<_>>>()?))
        };
        boxes(body.get(4..).unwrap_or_default()).filter_map(reference).collect()
    }

    /// The bytes of an item, at most `most`.
    pub(crate) fn data(
        &self,
        window: &Window,
        id: u32,
        most: usize,
    ) -> Result<Vec<u8>, DecodeError> {
        let none = || DecodeError::corrupt("the file does not say where its picture is");
        data(window, &self.inside(), id.into(), most)?.ok_or_else(none)
    }
}
