//! What a copy for others keeps of an EXIF block.

use crate::exif_block::{EXIF_POINTER, Wish, select};

/// Names of makers, models and lenses have some 30 characters.
const VALUE_BYTES: usize = 128;
/// A header and a directory without entries.
const EMPTY_BYTES: usize = 14;
/// The directory about interoperability, which says that the colours are Adobe RGB (DCF 2.0).
const INTEROPERABILITY: u16 = 0xA005;

/// Exposure, aperture, sensitivity, version, time with its offset and fraction, flash, focal
/// length, space of colours, model of the lens.
pub(super) const EXIF_TAGS: &[u16] = &[
    0x829A, 0x829D, 0x8827, 0x8833, 0x9000, 0x9003, 0x9011, 0x9209, 0x920A, 0x9291, 0xA001, 0xA405,
    0xA434,
];

/// Those, maker and model of the camera, orientation. No place, no serial number, no name, no note
/// of the maker, no small picture.
const KEPT: Wish = Wish {
    tags: &[0x010F, 0x0110, 0x0112],
    inside: &[(
        EXIF_POINTER,
        Wish { tags: EXIF_TAGS, inside: &[(INTEROPERABILITY, Wish { tags: &[1], inside: &[] })] },
    )],
};

/// A TIFF block with the few values of `block` that tell how to show a picture, and when and with
/// what kind of camera it was taken; `None` where there are none.
pub(super) fn kept(block: &[u8]) -> Option<Vec<u8>> {
    select(block, &KEPT, VALUE_BYTES).filter(|kept| kept.len() > EMPTY_BYTES)
}
