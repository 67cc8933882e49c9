//! MP4, QuickTime, 3GP, M4A, and the outer boxes of HEIC and AVIF.
//!
//! Places of samples are counted from the beginning of the file, so nothing moves: boxes become
//! free space, and the samples of measurements become zeros.

use super::boxes::{Placed, Walk, free};
use super::edits::Edits;
use super::{heif, samples, unsure};
use crate::DecodeError;
use crate::window::Window;

/// Boxes at the top that are needed to show the file.
const KEPT_ON_TOP: [&[u8; 4]; 8] =
    [b"ftyp", b"styp", b"mdat", b"mfra", b"sidx", b"ssix", b"pdin", b"wide"];
/// The same of a film.
const KEPT_IN_MOVIE: [&[u8; 4]; 8] =
    [b"mvhd", b"trak", b"mvex", b"iods", b"pssh", b"ctab", b"clip", b"wide"];
/// The same of a track.
const KEPT_IN_TRACK: [&[u8; 4]; 11] = [
    b"tkhd", b"edts", b"mdia", b"tref", b"trgr", b"tapt", b"load", b"clip", b"matt", b"imap",
    b"wide",
];
/// Pictures, sound, their transparency, their time codes, and how they are sent. Other tracks hold
/// what cameras measure (drones write places as subtitles).
const KEPT_HANDLERS: [&[u8; 4]; 6] = [b"vide", b"soun", b"auxv", b"pict", b"tmcd", b"hint"];
/// What says how the samples of a track are coded, where they are, and when they are shown.
const KEPT_IN_MEDIA: [&[u8; 4]; 31] = [
    b"mdhd", b"elng", b"vmhd", b"smhd", b"gmhd", b"hmhd", b"nmhd", b"sthd", b"dinf", b"stsd",
    b"stts", b"ctts", b"cslg", b"stsc", b"stsz", b"stz2", b"stco", b"co64", b"stss", b"stps",
    b"stsh", b"padb", b"stdp", b"sdtp", b"sbgp", b"sgpd", b"subs", b"saiz", b"saio", b"senc",
    b"wide",
];
/// The same in a piece of a film.
const KEPT_IN_FRAGMENT: [&[u8; 4]; 10] =
    [b"tfhd", b"tfdt", b"trun", b"sbgp", b"sgpd", b"subs", b"saiz", b"saio", b"senc", b"sdtp"];
/// What stands in `hdlr` before its name.
const HANDLER_BYTES: u64 = 24;
/// What says that a film goes all around (Spherical Video V1): players need it.
const SPHERICAL: [u8; 16] = *b"\xFF\xCC\x82\x63\xF8\x55\x4A\x93\x88\x14\x58\x7A\x02\x52\x1F\xDD";

/// See [`super::strip`].
pub(super) fn strip(window: &mut Window, edits: &mut Edits) -> Result<(), DecodeError> {
    let size = window.size();
    let mut walk = Walk::new(window);
    let top = walk.row(0..size)?;
    let kind_of = |kind: &[u8; 4]| top.boxes.iter().find(|part| part.kind == *kind).copied();
    // A film may have a `meta` too, of words alone; that of a HEIF file names its primary picture.
    let items = match kind_of(b"meta") {
        Some(meta) if heif::has_pictures(&mut walk, meta)? => Some(meta),
        _ => None,
    };
    let films = top.boxes.iter().filter(|part| part.kind == *b"moov").count();
    if (films == 0 && items.is_none()) || films > 1 {
        return Err(unsure("the file does not say what is in it"));
    }
    let mut without = Vec::new();
    if let Some(movie) = kind_of(b"moov") {
        without = self::movie(&mut walk, movie, edits)?;
    }
    for part in top.boxes {
        edits.check_deadline()?;
        match &part.kind {
            b"moov" => {}
            b"meta" if Some(part) == items => heif::items(&mut walk, part, edits)?,
            b"moof" => fragment(&mut walk, part, &without, edits)?,
            b"free" | b"skip" => edits.fill(part.body, part.length(), 0)?,
            kind if KEPT_ON_TOP.contains(&kind) => {}
            _ => free(part, edits)?,
        }
    }
    match top.broken {
        // The file ends early, within samples.
        Some((_, [b'm', b'd', b'a', b't'])) | None => Ok(()),
        Some((at, _)) => edits.cut(at, size - at),
    }
}

/// Strips a film and says which tracks are gone.
fn movie(walk: &mut Walk, movie: Placed, edits: &mut Edits) -> Result<Vec<u32>, DecodeError> {
    let mut without = Vec::new();
    for part in walk.inside(movie, 0)? {
        match &part.kind {
            b"cmov" => return Err(unsure("the directory of the film is compressed")),
            b"free" | b"skip" => edits.fill(part.body, part.length(), 0)?,
            b"trak" => {
                let inside = walk.inside(part, 0)?;
                if is_shown(walk, &inside)? {
                    track(walk, inside, edits)?;
                } else {
                    without.push(number(walk, &inside)?);
                    samples::blank(walk, &inside, edits)?;
                    free(part, edits)?;
                }
            }
            kind if KEPT_IN_MOVIE.contains(&kind) => {}
            _ => free(part, edits)?,
        }
    }
    Ok(without)
}

/// Whether people see or hear the track.
fn is_shown(walk: &mut Walk, track: &[Placed]) -> Result<bool, DecodeError> {
    let Some(media) = find(track, b"mdia") else { return Ok(false) };
    let inside = walk.inside(media, 0)?;
    let Some(handler) = find(&inside, b"hdlr") else { return Ok(false) };
    let head = walk.head::<12>(handler)?.unwrap_or_default();
    Ok(KEPT_HANDLERS.iter().any(|kept| head.ends_with(*kept)))
}

/// The number of a track.
fn number(walk: &mut Walk, track: &[Placed]) -> Result<u32, DecodeError> {
    let header = find(track, b"tkhd").map(|header| walk.head::<24>(header)).transpose()?.flatten();
    let header = header.unwrap_or_default();
    let at = if header.first() == Some(&1) { 20 } else { 12 };
    Ok(crate::bytes::be32(&header, at).unwrap_or(0))
}

fn track(walk: &mut Walk, inside: Vec<Placed>, edits: &mut Edits) -> Result<(), DecodeError> {
    for part in inside {
        match &part.kind {
            b"free" | b"skip" => edits.fill(part.body, part.length(), 0)?,
            b"uuid" if walk.head(part)? == Some(SPHERICAL) => {}
            b"mdia" => media(walk, part, edits, 0)?,
            kind if KEPT_IN_TRACK.contains(&kind) => {}
            _ => free(part, edits)?,
        }
    }
    Ok(())
}

/// The boxes `mdia`, `minf` and `stbl`: what does not belong there goes, and the name of who wrote
/// the track.
fn media(walk: &mut Walk, of: Placed, edits: &mut Edits, depth: u8) -> Result<(), DecodeError> {
    for part in walk.inside(of, 0)? {
        match &part.kind {
            b"minf" | b"stbl" if depth < 2 => media(walk, part, edits, depth + 1)?,
            b"free" | b"skip" => edits.fill(part.body, part.length(), 0)?,
            b"hdlr" => {
                let name = part.body.saturating_add(HANDLER_BYTES).min(part.end);
                edits.fill(name, part.end - name, 0)?;
            }
            kind if KEPT_IN_MEDIA.contains(&kind) => {}
            _ => free(part, edits)?,
        }
    }
    Ok(())
}

/// A piece of a film that comes in pieces.
fn fragment(
    walk: &mut Walk,
    of: Placed,
    without: &[u32],
    edits: &mut Edits,
) -> Result<(), DecodeError> {
    for part in walk.inside(of, 0)? {
        match &part.kind {
            b"mfhd" => {}
            b"traf" => {
                let inside = walk.inside(part, 0)?;
                let header = find(&inside, b"tfhd");
                let header = header.map(|header| walk.head::<8>(header)).transpose()?.flatten();
                let track = header.and_then(|header| crate::bytes::be32(&header, 4));
                if track.is_none_or(|track| without.contains(&track)) {
                    return Err(unsure("a film in pieces has a track of measurements"));
                }
                let words = inside.iter().filter(|part| !KEPT_IN_FRAGMENT.contains(&&part.kind));
                words.copied().try_for_each(|part| free(part, edits))?;
            }
            b"free" | b"skip" => edits.fill(part.body, part.length(), 0)?,
            _ => free(part, edits)?,
        }
    }
    Ok(())
}

/// The first box of a kind.
pub(super) fn find(boxes: &[Placed], kind: &[u8; 4]) -> Option<Placed> {
    boxes.iter().find(|part| part.kind == *kind).copied()
}
