//! What a file says about itself: size, time, place, codec, pages.

use std::fs::File;

use crate::{DecodeError, Format, Limits};

/// What a file says about itself. Absent means that the file does not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Width in pixels as shown (after rotation).
    pub width: Option<u32>,
    /// Height in pixels as shown (after rotation).
    pub height: Option<u32>,
    /// Camera, time and place.
    pub exif: Option<Exif>,
    /// Length in seconds.
    pub duration_seconds: Option<f64>,
    /// Codec of the first video stream, else of the first audio stream, by FFmpeg's short name.
    pub codec: Option<String>,
    /// Frames a second.
    pub frame_rate: Option<f64>,
    /// Clockwise turn for display, in degrees: 0, 90, 180, 270.
    pub rotation_degrees: Option<u16>,
    /// Overall bit rate in kbit/s.
    pub bitrate_kbps: Option<u32>,
    /// Samples a second of the first audio stream.
    pub sample_rate_hz: Option<u32>,
    /// Pages of a document.
    pub pages: Option<u32>,
    /// Language of a document, as an ISO 639-1 code or its declared tag's primary part.
    pub language: Option<String>,
    /// Frames of an animated picture, when more than one.
    pub frames: Option<u32>,
}

/// Camera, time and place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exif {
    /// Maker of the camera.
    pub make: Option<String>,
    /// Model of the camera.
    pub model: Option<String>,
    /// EXIF orientation, 1 to 8.
    pub orientation: Option<u8>,
    /// Local time of the picture, `YYYY-MM-DDTHH:MM:SS[.fff]`, valid calendar values only.
    pub local_time: Option<String>,
    /// Offset of that time from UTC in minutes, where the file says.
    pub offset_minutes: Option<i32>,
    /// Place of the picture.
    pub gps: Option<Gps>,
    /// Whether the flash fired.
    pub flash: Option<bool>,
    /// Focal length in millimetres.
    pub focal_length_mm: Option<f64>,
    /// The f-number of the aperture.
    pub f_number: Option<f64>,
    /// ISO speed.
    pub iso: Option<u32>,
}

/// A place in signed decimal degrees, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gps {
    /// Latitude, -90 to 90.
    pub latitude: f64,
    /// Longitude, -180 to 180.
    pub longitude: f64,
}

/// Reads what `file` says about itself, without decoding pictures.
pub fn facts(file: &File, format: Format, limits: &Limits) -> Result<Facts, DecodeError> {
    match format {
        Format::Mp4
        | Format::Mov
        | Format::ThreeGp
        | Format::WebM
        | Format::Mkv
        | Format::Avi
        | Format::MpegTs => crate::video::probe(file, format, limits),
        _ => Ok(Facts::default()),
    }
}
