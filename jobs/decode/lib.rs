//! Turns bytes into values: pictures, facts of a video, EXIF.
//!
//! Synchronous, no network, no file names. Every entry point takes a [`Source`] and [`Limits`],
//! looks at the header first and refuses before it spends.

mod avio;
mod error;
mod facts;
mod libav;
mod libav_frame;
mod limits;
mod sniff;
mod thumbnails;
mod video;
mod video_poster;

pub use error::{Code, DecodeError};
pub use facts::{Exif, Facts, Gps, facts};
pub use limits::Limits;
pub use sniff::{Format, HEAD_BYTES, Kind, sniff};
pub use thumbnails::{Pictures, Raster, Size, Thumbnail, thumbnails};
