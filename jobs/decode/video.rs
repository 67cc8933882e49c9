//! What a film says about itself, and a picture of it.

use std::ffi::CStr;
use std::fs::File;

use crate::exif_text::{iso_6709, local_time, offset_minutes};
use crate::libav::{Input, Stream, StreamKind};
use crate::{DecodeError, Exif, Facts, Format, Limits};

pub(crate) use crate::video_poster::poster;

/// Reads length, size, codecs and rates from the container of a film or a piece of music.
pub(crate) fn probe(file: &File, format: Format, limits: &Limits) -> Result<Facts, DecodeError> {
    let mut input = Input::open(file, format, limits)?;
    if is_incomplete(&input, format) {
        // Half an answer is better than none: a file that ends early has its header.
        let looked = input.look_closer();
        if input.streams().is_empty() {
            looked?;
            return Err(DecodeError::corrupt("the file has no video and no sound"));
        }
    }
    let streams = input.streams();
    let video = streams.iter().find(|stream| stream.kind == StreamKind::Video);
    let audio = streams.iter().find(|stream| stream.kind == StreamKind::Audio);
    let duration = input.duration();
    let mut facts = Facts {
        duration_seconds: duration,
        codec: video.or(audio).and_then(|stream| stream.codec.clone()),
        bitrate_kbps: bitrate(file.metadata()?.len(), duration),
        sample_rate_hz: audio.map(|stream| stream.sample_rate).filter(|rate| *rate > 0),
        exif: exif(&input),
        ..Facts::default()
    };
    if let Some(video) = video {
        let turn = Turn::of(video);
        let size = Some((video.width, video.height)).filter(|size| size.0 > 0 && size.1 > 0);
        let size = size.map(|(w, h)| if turn.swaps() { (h, w) } else { (w, h) });
        facts.width = size.map(|size| size.0);
        facts.height = size.map(|size| size.1);
        facts.frame_rate = video.frame_rate;
        facts.rotation_degrees = Some(turn.degrees);
    }
    Ok(facts)
}

/// How a stored picture is turned to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Clockwise: 0, 90, 180 or 270.
    pub(crate) degrees: u16,
    /// Whether left and right are exchanged before turning.
    pub(crate) mirrored: bool,
}

impl Turn {
    /// The turn that the display matrix of `stream` asks for.
    pub(crate) fn of(stream: &Stream) -> Self {
        let Some([a, b, _, c, d, ..]) = stream.matrix else {
            return Self { degrees: 0, mirrored: false };
        };
        // A picture's point (x, y) is shown at (a x + c y, b x + d y), with y downwards.
        let (a, b, c, d) = (f64::from(a), f64::from(b), f64::from(c), f64::from(d));
        let mirrored = a * d - b * c < 0.0;
        let angle = if mirrored { (-b).atan2(-a) } else { b.atan2(a) };
        let quarters = (angle.to_degrees() / 90.0).round().rem_euclid(4.0);
        Self { degrees: quarters as u16 * 90, mirrored }
    }

    /// Whether width and height change places.
    pub(crate) fn swaps(self) -> bool {
        self.degrees % 180 == 90
    }
}

/// Whether the header alone left something out that reading on may tell.
fn is_incomplete(input: &Input, format: Format) -> bool {
    let streams = input.streams();
    let lacks = |stream: &Stream| match stream.kind {
        _ if stream.codec.is_none() => stream.kind != StreamKind::Other,
        StreamKind::Video => stream.width == 0 || stream.height == 0 || stream.frame_rate.is_none(),
        StreamKind::Audio => stream.sample_rate == 0,
        StreamKind::Other => false,
    };
    // A transport stream has no header: its streams turn up one by one.
    let headless = format == Format::MpegTs;
    headless || streams.is_empty() || input.duration().is_none() || streams.iter().any(lacks)
}

/// Camera, time and place, by the names that Apple, Android and FFmpeg use.
fn exif(input: &Input) -> Option<Exif> {
    let first = |keys: &[&CStr]| keys.iter().find_map(|key| input.tag(key));
    // Apple's own date has the offset of the place; the container's is in UTC.
    let time = first(&[c"com.apple.quicktime.creationdate", c"creation_time"]);
    let time = time.as_deref().and_then(|time| time.split_at_checked(19));
    let local = time.and_then(|(time, _)| local_time(time, None));
    let exif = Exif {
        make: first(&[c"com.apple.quicktime.make", c"com.android.manufacturer", c"make"]),
        model: first(&[c"com.apple.quicktime.model", c"com.android.model", c"model"]),
        offset_minutes: time
            .filter(|_| local.is_some())
            // Digits behind the second come before the zone.
            .map(|(_, rest)| rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()))
            .and_then(offset_minutes),
        local_time: local,
        gps: first(&[c"com.apple.quicktime.location.ISO6709", c"location"])
            .and_then(|place| iso_6709(&place)),
        content_identifier: first(&[c"com.apple.quicktime.content.identifier"]),
        ..Exif::default()
    };
    (exif != Exif::default()).then_some(exif)
}

/// Overall bit rate in kbit/s.
fn bitrate(size_bytes: u64, duration: Option<f64>) -> Option<u32> {
    let kbps = (size_bytes as f64 * 8.0 / duration? / 1000.0).round();
    (kbps >= 1.0 && kbps <= f64::from(u32::MAX)).then_some(kbps as u32)
}
