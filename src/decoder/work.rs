//! What a decoder is asked and what it answers, and the doing of it: here or in a process of its
//! own.

use std::{fs::File, panic::AssertUnwindSafe, time::Duration};

use decode::{Code, Coding, DecodeError, Format, HEAD_BYTES, Kind, Limits};
use jobs::{
    model::FileType,
    ports::{
        CameraFacts, Facts, Framing, Picture, PictureFormat, PictureSize, Pictures, PortError,
        Sniffed,
    },
};
use serde::{Deserialize, Serialize};

use super::packed::Packed;

/// What one decode may cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct DecodeLimits {
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// The largest file that is read into memory as a whole.
    pub still_bytes: u64,
    /// Pixels of a picture.
    pub pixels: u64,
    /// Frames of an animated picture.
    pub frames: u32,
    /// Length of a film.
    pub film: Duration,
    /// Time.
    pub time: Duration,
}

/// What is asked about a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Work {
    /// See [`jobs::ports::Decoder::sniff`].
    Sniff,
    /// See [`jobs::ports::Decoder::facts`]; of this media type.
    Facts(String),
    /// See [`jobs::ports::Decoder::pictures`]; of this media type.
    Pictures(String, Vec<PictureSize>),
    /// See [`jobs::ports::Decoder::preview`]; of this media type, so many seconds.
    Preview(String, u32),
    /// See [`jobs::ports::Decoder::strip`]; of this media type.
    Strip(String),
}

/// The answer to each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// To [`Work::Sniff`].
    Sniffed(Option<Sniffed>),
    /// To [`Work::Facts`].
    Facts(Box<Facts>),
    /// To [`Work::Pictures`] and [`Work::Preview`].
    Pictures(Pictures),
    /// To [`Work::Strip`].
    Edits(Option<Packed>),
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable, `snake_case`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The machine's fault, not the file's.
    pub is_transient: bool,
}

impl From<Refusal> for PortError {
    fn from(Refusal { code, message, is_transient }: Refusal) -> Self {
        if is_transient { Self::Unavailable(message) } else { Self::refused(code, message) }
    }
}

impl From<DecodeError> for Refusal {
    fn from(DecodeError { code, message }: DecodeError) -> Self {
        let is_transient = code == Code::ReadFailed;
        Self { code: code.as_str().to_owned(), message, is_transient }
    }
}

impl Work {
    /// Whether FFmpeg may be needed for it.
    pub fn needs_ffmpeg(&self) -> bool {
        match self {
            Self::Sniff | Self::Strip(_) => false,
            Self::Preview(..) => true,
            Self::Facts(mime_type) => {
                let kind = Format::from_mime(mime_type).map(Format::kind);
                matches!(kind, Some(Kind::Video | Kind::Audio))
            }
            Self::Pictures(mime_type, sizes) => {
                let is_avif = |size: &PictureSize| size.format == PictureFormat::Avif;
                Format::from_mime(mime_type).is_some_and(Format::needs_ffmpeg)
                    || sizes.iter().any(is_avif)
            }
        }
    }

    /// Whether all of it is done by safe Rust, which no file can make do anything else: then a
    /// process may do it with one file after the other.
    pub fn is_safe(&self) -> bool {
        !matches!(self, Self::Pictures(..)) && !self.needs_ffmpeg()
    }

    /// How metrics name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sniff => "sniff",
            Self::Facts(_) => "facts",
            Self::Pictures(..) => "pictures",
            Self::Preview(..) => "preview",
            Self::Strip(_) => "strip",
        }
    }

    /// Does it, on this thread. A panic is the file's fault.
    pub fn run(&self, file: &File, limits: DecodeLimits) -> Result<Answer, Refusal> {
        let DecodeLimits { memory_bytes, still_bytes, pixels, frames, film, time } = limits;
        let budget =
            Limits { memory_bytes, still_bytes, pixels, frames, film, ..Limits::within(time) };
        let done = std::panic::catch_unwind(AssertUnwindSafe(|| self.decode(file, &budget)));
        match done {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Refusal {
                code: "decoder_panicked".to_owned(),
                message: "the decoder gave up on this file".to_owned(),
                is_transient: false,
            }),
        }
    }

    fn decode(&self, file: &File, limits: &Limits) -> Result<Answer, DecodeError> {
        match self {
            Self::Sniff => {
                let mut head = vec![0; HEAD_BYTES];
                let length = read_head(file, &mut head)?;
                head.truncate(length);
                Ok(Answer::Sniffed(decode::sniff(&head).map(sniffed)))
            }
            Self::Facts(mime_type) => {
                let facts = decode::facts(file, format_of(mime_type)?, limits)?;
                Ok(Answer::Facts(Box::new(facts_of(facts))))
            }
            Self::Pictures(mime_type, sizes) => {
                let sizes: Vec<decode::Size> = sizes.iter().map(size_of).collect();
                let made = decode::thumbnails(file, format_of(mime_type)?, &sizes, limits)?;
                Ok(Answer::Pictures(Pictures {
                    pictures: made.thumbnails.into_iter().map(picture).collect(),
                    truncated: made.truncated,
                    placeholder: made.placeholder,
                }))
            }
            Self::Preview(mime_type, seconds) => {
                let made = decode::preview(file, format_of(mime_type)?, *seconds, limits)?;
                let pictures = made.into_iter().map(picture).collect();
                Ok(Answer::Pictures(Pictures { pictures, ..Pictures::default() }))
            }
            Self::Strip(mime_type) => {
                let edits = decode::strip(file, format_of(mime_type)?, limits)?;
                Ok(Answer::Edits(edits.as_deref().map(Packed::of)))
            }
        }
    }
}

fn sniffed(format: Format) -> Sniffed {
    Sniffed {
        mime_type: format.mime().to_owned(),
        file_type: file_type(format.kind()),
        extension: format.extension().to_owned(),
    }
}

/// Reads from the start, whatever the shared position is.
fn read_head(file: &std::fs::File, head: &mut [u8]) -> std::io::Result<usize> {
    use std::os::unix::fs::FileExt;
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

fn format_of(mime_type: &str) -> Result<Format, DecodeError> {
    Format::from_mime(mime_type).ok_or_else(|| {
        let message = format!("there is no decoder for {mime_type}");
        DecodeError::new(Code::UnsupportedFormat, message)
    })
}

fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::Image => FileType::Image,
        Kind::Video => FileType::Video,
        Kind::Audio => FileType::Audio,
        Kind::Document => FileType::Document,
    }
}

fn size_of(size: &PictureSize) -> decode::Size {
    decode::Size {
        name: size.name.clone(),
        width: size.width,
        height: size.height,
        framing: match size.framing {
            Framing::Fit => decode::Framing::Fit,
            Framing::Cover => decode::Framing::Cover,
        },
        coding: match size.format {
            PictureFormat::Jpeg => Coding::Jpeg,
            PictureFormat::WebP => Coding::WebP,
            PictureFormat::Avif => Coding::Avif,
        },
        quality: size.quality,
    }
}

fn picture(made: decode::Thumbnail) -> Picture {
    let decode::Thumbnail { name, width, height, coding, bytes } = made;
    let format = match coding {
        Coding::Jpeg => PictureFormat::Jpeg,
        Coding::WebP => PictureFormat::WebP,
        Coding::Avif => PictureFormat::Avif,
    };
    Picture { name, width, height, format, bytes }
}

fn facts_of(facts: decode::Facts) -> Facts {
    Facts {
        width: facts.width,
        height: facts.height,
        exif: facts.exif.map(camera_of),
        duration_seconds: facts.duration_seconds,
        codec: facts.codec,
        frame_rate: facts.frame_rate,
        rotation_degrees: facts.rotation_degrees,
        bitrate_kbps: facts.bitrate_kbps,
        sample_rate_hz: facts.sample_rate_hz,
        pages: facts.pages,
        language: facts.language,
        frames: facts.frames,
        color_space: facts.color_space,
    }
}

fn camera_of(exif: decode::Exif) -> CameraFacts {
    CameraFacts {
        make: exif.make,
        model: exif.model,
        orientation: exif.orientation,
        local_time: exif.local_time,
        offset_minutes: exif.offset_minutes,
        gps: exif.gps.map(|gps| (gps.latitude, gps.longitude)),
        flash: exif.flash,
        focal_length_mm: exif.focal_length_mm,
        f_number: exif.f_number,
        iso: exif.iso,
        lens: exif.lens,
        content_identifier: exif.content_identifier,
    }
}
