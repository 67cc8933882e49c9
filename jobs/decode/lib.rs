//! Turns bytes into values: pictures, facts of a video, EXIF.
//!
//! Synchronous, no network, no file names. Every entry point takes an open file and [`Limits`],
//! looks at the header first and refuses before it spends.

#[cfg(test)]
mod animation_tests;
mod avif;
mod avio;
#[cfg(test)]
mod bent_tests;
mod bmp;
mod bmp_runs;
mod bytes;
mod color_space;
#[cfg(test)]
mod color_space_tests;
mod colour;
#[cfg(test)]
mod colour_tests;
#[cfg(test)]
mod corpus_tests;
mod encode;
#[cfg(test)]
mod encode_tests;
mod error;
mod exif;
mod exif_block;
mod exif_text;
mod facts;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod fuzz_tests;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gif;
mod gif_header;
#[cfg(test)]
mod golden_tests;
mod heif;
mod heif_header;
mod heif_items;
mod heif_meta;
mod heif_shown;
#[cfg(test)]
mod heif_shown_tests;
#[cfg(test)]
mod heif_tests;
mod ifd;
mod jpeg;
mod jpeg_eighth;
#[cfg(test)]
mod jpeg_eighth_tests;
mod jpeg_half;
#[cfg(test)]
mod jpeg_half_tests;
mod jpeg_header;
mod jpeg_huffman;
mod jpeg_tables;
mod jpeg_units;
mod libav;
mod libav_frame;
#[expect(non_snake_case, reason = "they are the names of FFmpeg")]
mod libav_link;
mod libav_scale;
mod limits;
#[cfg(test)]
mod limits_tests;
mod mov_tables;
mod orientation;
mod pdf;
mod pdf_cost;
mod pdf_load;
mod picture;
mod picture_header;
mod planes;
mod png;
mod png_header;
#[cfg(test)]
mod refusal_tests;
mod resize;
mod rows;
mod shown;
mod sizes;
mod sniff;
#[cfg(test)]
mod sniff_tests;
mod source;
mod strip;
#[cfg(test)]
mod strip_corpus_tests;
#[cfg(test)]
mod strip_tests;
#[cfg(test)]
mod thumbnail_tests;
mod thumbnails;
mod tiff;
mod tiff_samples;
mod tone;
#[cfg(test)]
mod tone_tests;
mod turbo;
mod video;
mod video_poster;
mod video_preview;
#[cfg(test)]
mod video_preview_tests;
#[cfg(test)]
mod walk_tests;
mod webp;
mod webp_animation;
mod webp_planes;
mod webp_rows;
mod webp_sys;
mod window;

pub use error::{Code, DecodeError};
pub use facts::{Exif, Facts, Gps, facts};
pub use limits::Limits;
pub use sizes::{Coding, Framing, Size};
pub use sniff::{Format, HEAD_BYTES, Kind, sniff};
pub use strip::{Edit, With, strip};
pub use thumbnails::{Pictures, Raster, Thumbnail, thumbnails};
pub use video_preview::preview;

/// Opens FFmpeg's libraries, for the formats that need them ([`Format::needs_ffmpeg`]); else the
/// first such file does. They stay open.
///
/// # Errors
/// [`Code::ReadFailed`] on a machine that does not have them.
pub fn open_ffmpeg() -> Result<(), DecodeError> {
    libav::prepare()
}
