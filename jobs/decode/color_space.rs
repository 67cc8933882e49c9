//! What the colours of a picture mean, by its own word, under the names that people use.

use crate::bytes::{array, be16, be32, has};
use crate::exif_block::EXIF_POINTER;
use crate::exif_text::text;
use crate::ifd::Ifd;

/// How much of a profile is looked at: its description stands before its tables.
pub(crate) const PROFILE_BYTES: usize = 1 << 20;
/// Entries of a profile; real ones have some 20.
const MOST_TAGS: u32 = 100;
/// The longest description; more is cut off.
const DESCRIPTION_BYTES: usize = 256;

pub(crate) const SRGB: &str = "sRGB";
const ADOBE_RGB: &str = "Adobe RGB (1998)";
const DISPLAY_P3: &str = "Display P3";

/// The name of an ICC profile, by its description.
pub(crate) fn of_icc(profile: &[u8]) -> Option<String> {
    if !has(profile, 36, b"acsp") {
        return None;
    }
    let mut entries = (0..be32(profile, 128)?.min(MOST_TAGS)).map(|n| 132 + 12 * n as usize);
    let entry = entries.find(|at| has(profile, *at, b"desc"))?;
    let body = profile.get(usize::try_from(be32(profile, entry + 4)?).ok()?..)?;
    let description = match &array::<4>(body, 0)? {
        // Version 2: a length and ASCII.
        b"desc" => text(part(body, 12, be32(body, 8)?)),
        // Version 4: texts in many languages, of which the first will do, in UTF-16.
        b"mluc" => {
            let at = usize::try_from(be32(body, 24)?).ok()?;
            text(utf16(part(body, at, be32(body, 20)?)).as_bytes())
        }
        _ => None,
    };
    description.map(common_name)
}

/// What is there of `length` bytes at `at`.
fn part(body: &[u8], at: usize, length: u32) -> &[u8] {
    let rest = body.get(at..).unwrap_or_default();
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    rest.get(..length.min(DESCRIPTION_BYTES).min(rest.len())).unwrap_or_default()
}

fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| be16(pair, 0));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// One name for what makers describe in many ways; what is not known keeps its description.
fn common_name(description: String) -> String {
    /// How descriptions of each begin, in lower case.
    const BEGINNINGS: [(&str, &str); 10] = [
        ("srgb iec61966", SRGB),
        ("srgb built-in", SRGB),
        ("srgb v4", SRGB),
        ("display p3", DISPLAY_P3),
        // Android.
        ("dci-p3 d65", DISPLAY_P3),
        ("adobe rgb", ADOBE_RGB),
        ("adobergb", ADOBE_RGB),
        ("prophoto", "ProPhoto RGB"),
        ("romm rgb", "ProPhoto RGB"),
        ("rec2020", "Rec. 2020"),
    ];
    let lower = description.to_lowercase();
    // `c2` is the smallest sRGB profile, which Facebook writes.
    if matches!(lower.as_str(), "srgb" | "c2") {
        return SRGB.to_owned();
    }
    let known = BEGINNINGS.iter().find(|(beginning, _)| lower.starts_with(beginning));
    known.map_or(description, |(_, name)| (*name).to_owned())
}

/// The name of colour primaries and a transfer function of ITU-T H.273, which PNG (`cICP`), HEIC
/// and AVIF (`nclx`) use; none where they are unspecified.
pub(crate) fn of_code_points(primaries: u16, transfer: u16) -> Option<String> {
    let name = match (primaries, transfer) {
        (1, 13) => SRGB,
        (12, 13) => DISPLAY_P3,
        (1, 1 | 6 | 14 | 15) => "Rec. 709",
        (5 | 6, 1 | 6 | 14 | 15) => "Rec. 601",
        (9, 1 | 6 | 14 | 15) => "Rec. 2020",
        (9, 16) => "Rec. 2100 PQ",
        (9, 18) => "Rec. 2100 HLG",
        _ => return None,
    };
    Some(name.to_owned())
}

/// The body of a `colr` box of HEIF: a profile or code points.
pub(crate) fn of_colr(body: &[u8]) -> Option<String> {
    match &array::<4>(body, 0)? {
        b"prof" | b"rICC" => of_icc(body.get(4..)?),
        b"nclx" => of_code_points(be16(body, 4)?, be16(body, 6)?),
        _ => None,
    }
}

/// What the EXIF tag ColorSpace says.
pub(crate) fn of_exif(block: &[u8]) -> Option<String> {
    const COLOR_SPACE: u16 = 0xA001;
    const INTEROPERABILITY: u16 = 0xA005;
    const INDEX: u16 = 1;
    let exif = Ifd::first(block)?.directory(EXIF_POINTER)?;
    let is_adobe = || {
        let index = exif.directory(INTEROPERABILITY)?.value(INDEX)?;
        index.bytes.starts_with(b"R03").then_some(())
    };
    match exif.short(COLOR_SPACE)?.1 {
        1 => Some(SRGB.to_owned()),
        // Not of the standard, and common.
        2 => Some(ADOBE_RGB.to_owned()),
        // "Uncalibrated"; DCF says Adobe RGB by the letters R03.
        0xFFFF => is_adobe().map(|()| ADOBE_RGB.to_owned()),
        _ => None,
    }
}

/// The profile in a TIFF file.
pub(crate) fn of_tiff(file: &[u8]) -> Option<String> {
    const ICC_PROFILE: u16 = 0x8773;
    of_icc(Ifd::first(file)?.bytes(ICC_PROFILE)?)
}
