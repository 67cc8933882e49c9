//! Size, EXIF block, colours, frames and time of a PNG: one walk over its chunks.

use fdeflate::{BoundedDecompressionError, decompress_to_vec_bounded};

use crate::DecodeError;
use crate::bytes::{be16, be32};
use crate::color_space::{self, PROFILE_BYTES, SRGB};
use crate::picture_header::{EXIF_BYTES, Header, MOST_PARTS};
use crate::window::Window;

/// What is kept of the chunks until all are seen.
#[derive(Default)]
struct Found {
    /// The EXIF of ImageMagick's text.
    raw_profile: Option<Vec<u8>>,
    /// By code points, by a profile, by the chunk sRGB: the third edition of PNG ranks them so.
    colours: [Option<String>; 3],
    /// A profile has come. Each costs the time to inflate it, so one is all.
    has_profile: bool,
}

/// Reads what the chunks say.
pub(crate) fn read(window: &mut Window) -> Result<Header, DecodeError> {
    let mut header = Header::default();
    if window.array(0)? != Some(*b"\x89PNG\r\n\x1a\n") {
        return Ok(header);
    }
    let mut found = Found::default();
    let mut at = 8;
    for _ in 0..MOST_PARTS {
        let Some(head) = window.array::<8>(at)? else { break };
        let length = u64::from(be32(&head, 0).unwrap_or(0));
        if head.ends_with(b"IEND") {
            break;
        }
        take(&mut header, &mut found, window, (&head[4..], at + 8, length))?;
        at += 12 + length;
    }
    if let Some(profile) = found.raw_profile {
        header.take_exif(profile);
    }
    header.color_space = found.colours.into_iter().flatten().next();
    Ok(header)
}

/// Takes what a chunk says: its name, where its body is and how long.
fn take(
    header: &mut Header,
    found: &mut Found,
    window: &mut Window,
    (name, body, length): (&[u8], u64, u64),
) -> Result<(), DecodeError> {
    let [points, profile, srgb] = &mut found.colours;
    match name {
        b"IHDR" => {
            let size = window.array::<8>(body)?.unwrap_or_default();
            header.size = be32(&size, 0).zip(be32(&size, 4));
        }
        b"eXIf" => header.take_exif(window.part(body, length, EXIF_BYTES)?),
        b"tEXt" if found.raw_profile.is_none() => {
            let is_profile = window.array(body)? == Some(*b"Raw profile type ");
            if is_profile {
                // Two digits for each byte.
                found.raw_profile = from_hex(&window.part(body, length, EXIF_BYTES * 2)?);
            }
        }
        b"cICP" => {
            let [primaries, transfer] = window.array(body)?.unwrap_or_default();
            *points = color_space::of_code_points(primaries.into(), transfer.into());
        }
        b"iCCP" if !found.has_profile => {
            found.has_profile = true;
            *profile = inflated(&window.part(body, length, PROFILE_BYTES)?);
        }
        b"sRGB" => *srgb = Some(SRGB.to_owned()),
        b"fcTL" => {
            header.frames += 1;
            header.seconds += delay(&window.array::<24>(body)?.unwrap_or_default());
        }
        _ => {}
    }
    Ok(())
}

/// How long a frame is shown, in seconds: a fraction, in hundredths where its lower part is 0.
fn delay(body: &[u8]) -> f64 {
    let (over, under) = (be16(body, 20).unwrap_or(0), be16(body, 22).unwrap_or(0));
    f64::from(over) / f64::from(if under == 0 { 100 } else { under })
}

/// The name of a profile: a name of the writer's, a zero, the method, a zlib stream.
fn inflated(body: &[u8]) -> Option<String> {
    let at = body.iter().position(|byte| *byte == 0)?;
    let profile = match decompress_to_vec_bounded(body.get(at + 2..)?, PROFILE_BYTES) {
        Ok(profile) => profile,
        Err(BoundedDecompressionError::OutputTooLarge { partial_output }) => partial_output,
        Err(BoundedDecompressionError::DecompressionError { .. }) => return None,
    };
    color_space::of_icc(&profile)
}

/// The EXIF in a text of ImageMagick: a name, a zero, `exif` or `APP1`, a length, hex digits.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let at = text.iter().position(|byte| *byte == 0)?;
    let mut lines = text.get(at + 1..)?.split(|byte| *byte == b'\n').filter(|l| !l.is_empty());
    if !matches!(lines.next()?.trim_ascii(), b"exif" | b"APP1") {
        return None;
    }
    lines.next()?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let digits: Vec<u8> = lines.flatten().filter_map(digit).collect();
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, d| byte << 4 | d)).collect())
}
