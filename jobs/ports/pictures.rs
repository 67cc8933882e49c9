//! Which small pictures are asked of a decoder.

use serde::{Deserialize, Serialize};

/// How a small picture lies in its box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// All of it, within the box.
    #[default]
    Fit,
    /// Its middle, cut to the shape of the box, which it fills.
    Cover,
}

/// The format of a small picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum PictureFormat {
    #[default]
    Jpeg,
    WebP,
    Avif,
}

impl PictureFormat {
    /// Its name in settings and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::WebP => "webp",
            Self::Avif => "avif",
        }
    }

    /// Its media type.
    pub fn mime_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Avif => "image/avif",
        }
    }

    /// The quality at which the eye no longer finds the difference at the size of a thumbnail.
    pub fn usual_quality(self) -> u8 {
        match self {
            Self::Jpeg | Self::WebP => 80,
            Self::Avif => 60,
        }
    }

    /// The usual ending, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
            Self::Avif => "avif",
        }
    }
}

/// A small picture to make. It is never enlarged: of a file that is smaller than the box, `Fit` is
/// all of it as it is, and `Cover` the largest part of it that has the shape of the box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureSize {
    /// The name under which it is kept.
    pub name: String,
    /// Width of the box in pixels.
    pub width: u32,
    /// Height of the box in pixels.
    pub height: u32,
    /// How it lies in the box.
    pub framing: Framing,
    /// Its format.
    pub format: PictureFormat,
    /// 1 to 100, by the scale of the format.
    pub quality: u8,
}

impl PictureSize {
    /// Fits into a square of `edge` pixels; a JPEG of quality 80.
    pub fn square(edge: u32) -> Self {
        Self {
            name: edge.to_string(),
            width: edge,
            height: edge,
            framing: Framing::Fit,
            format: PictureFormat::Jpeg,
            quality: 80,
        }
    }
}
