//! Who turns bytes into values.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Edits, LocalFile, PictureFormat, PictureSize, PortError};
use crate::model::FileType;

/// What a file is, by its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sniffed {
    /// Its media type, such as `image/jpeg`.
    pub mime_type: String,
    /// What kind of medium it is.
    pub file_type: FileType,
    /// The usual ending, lower case, without a dot.
    pub extension: String,
}

/// What a file says about itself; absent means that it does not say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Width in pixels, as shown.
    pub width: Option<u32>,
    /// Height in pixels, as shown.
    pub height: Option<u32>,
    /// Camera, time and place.
    pub exif: Option<CameraFacts>,
    /// Length in seconds; of an animated picture, once through.
    pub duration_seconds: Option<f64>,
    /// FFmpeg's short name.
    pub codec: Option<String>,
    /// Frames a second.
    pub frame_rate: Option<f64>,
    /// Clockwise, for display.
    pub rotation_degrees: Option<u16>,
    /// Overall, in kbit/s.
    pub bitrate_kbps: Option<u32>,
    /// Samples a second.
    pub sample_rate_hz: Option<u32>,
    /// Pages of a document.
    pub pages: Option<u32>,
    /// ISO 639-1.
    pub language: Option<String>,
    /// Frames of an animated picture.
    pub frames: Option<u32>,
    /// What the colours of a picture mean.
    pub color_space: Option<String>,
}

/// Camera, time and place, as the file says them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CameraFacts {
    /// Maker of the camera.
    pub make: Option<String>,
    /// Model of the camera.
    pub model: Option<String>,
    /// EXIF orientation, 1 to 8.
    pub orientation: Option<u8>,
    /// `YYYY-MM-DDTHH:MM:SS[.fff]`, local.
    pub local_time: Option<String>,
    /// Offset from UTC.
    pub offset_minutes: Option<i32>,
    /// Latitude and longitude in signed degrees.
    pub gps: Option<(f64, f64)>,
    /// Whether the flash fired.
    pub flash: Option<bool>,
    /// In millimetres.
    pub focal_length_mm: Option<f64>,
    /// The f-number.
    pub f_number: Option<f64>,
    /// ISO speed.
    pub iso: Option<u32>,
    /// Model of the lens.
    pub lens: Option<String>,
    /// The same in the picture and in the film of one live photo.
    pub content_identifier: Option<String>,
}

/// A finished small picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// The name of its size.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// How it is coded.
    pub format: PictureFormat,
    /// Without any metadata.
    pub bytes: Vec<u8>,
}

/// All that was made of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pictures {
    /// The one of the fewest pixels first; empty for files that have no picture (sound, text).
    pub pictures: Vec<Picture>,
    /// The file ended early or was damaged; the pictures show what was there.
    pub truncated: bool,
    /// A thumbhash, or nothing.
    pub placeholder: Vec<u8>,
}

/// Turns bytes into values.
///
/// `Refused` carries the stable code of what is wrong with the file.
#[async_trait]
pub trait Decoder: Send + Sync {
    /// What the file is, or `None` if it is nothing that the product takes.
    async fn sniff(&self, file: &LocalFile) -> Result<Option<Sniffed>, PortError>;

    /// What the file says about itself.
    async fn facts(&self, file: &LocalFile, mime_type: &str) -> Result<Facts, PortError>;

    /// Small pictures of the file.
    async fn pictures(
        &self,
        file: &LocalFile,
        mime_type: &str,
        sizes: &[PictureSize],
    ) -> Result<Pictures, PortError>;

    /// The first `seconds` of a film in small, moving and without sound, as a picture named
    /// `preview`; `None` for what does not move.
    async fn preview(
        &self,
        file: &LocalFile,
        mime_type: &str,
        seconds: u32,
    ) -> Result<Option<Picture>, PortError>;

    /// The edits that take out of the file what is not needed to show it: places, serial numbers,
    /// names, comments. `None` where files of the type are left as they are.
    async fn strip(&self, file: &LocalFile, mime_type: &str) -> Result<Option<Edits>, PortError>;
}
