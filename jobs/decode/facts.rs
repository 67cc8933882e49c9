//! What a file says about itself: size, time, place, codec, pages.

use std::fs::File;

use crate::orientation::Orientation;
use crate::{DecodeError, Format, Kind, Limits, color_space, exif, pdf, picture_header, video};

/// What a file says about itself. Absent means that the file does not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Width in pixels as shown (after rotation).
    pub width: Option<u32>,
    /// Height in pixels as shown (after rotation).
    pub height: Option<u32>,
    /// Camera, time and place.
    pub exif: Option<Exif>,
    /// Length in seconds; of an animated picture, once through.
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
    /// What the colours of a picture mean: `sRGB`, `Display P3`, `Adobe RGB (1998)`, or the words
    /// of its ICC profile.
    pub color_space: Option<String>,
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
    /// Model of the lens.
    pub lens: Option<String>,
    /// The same in the picture and in the film of one live photo (Apple).
    pub content_identifier: Option<String>,
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
    match format.kind() {
        Kind::Image => picture(file, format, limits),
        Kind::Video | Kind::Audio => video::probe(file, format, limits),
        Kind::Document => pdf::facts(file, limits),
    }
}

fn picture(file: &File, format: Format, limits: &Limits) -> Result<Facts, DecodeError> {
    let header = picture_header::read(file, format, limits)?;
    let block = header.exif.as_deref();
    let is_heif = matches!(format, Format::Heic | Format::Avif);
    // HEIF turns its pictures itself; the orientation in its EXIF is only a copy.
    let sideways = match block {
        Some(block) if !is_heif => Orientation::of_exif(block).is_sideways(),
        _ => header.sideways,
    };
    let size = header.size.map(|(w, h)| if sideways { (h, w) } else { (w, h) });
    let is_animated = header.frames > 1;
    Ok(Facts {
        width: size.map(|size| size.0),
        height: size.map(|size| size.1),
        exif: block.and_then(exif::of_block),
        // To the millisecond: sums of fractions have stray digits behind it.
        duration_seconds: is_animated.then(|| (header.seconds * 1000.0).round() / 1000.0),
        frames: is_animated.then_some(header.frames),
        color_space: header.color_space.or_else(|| block.and_then(color_space::of_exif)),
        ..Facts::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::fixtures::{fixture, limits};

    fn facts_of(path: &str) -> Result<Facts, DecodeError> {
        let (file, format) = fixture(path);
        facts(&file, format, &limits())
    }

    #[test]
    fn camera_time_and_place_of_a_photo() {
        let exif = facts_of("images/gps_iphone.jpg").unwrap().exif.unwrap();

        assert_eq!(exif.make.as_deref(), Some("Apple"));
        assert_eq!(exif.model.as_deref(), Some("iPhone XR"));
        assert_eq!(exif.local_time.as_deref(), Some("2020-09-02T18:52:42.892"));
        assert_eq!(exif.offset_minutes, None);
        let gps = exif.gps.unwrap();
        assert!((gps.latitude - 43.859_469).abs() < 1e-5);
        assert!((gps.longitude - 15.503_283).abs() < 1e-5);
        assert_eq!(
            (exif.focal_length_mm, exif.f_number, exif.iso),
            (Some(4.2), Some(1.8), Some(25))
        );
    }

    #[test]
    fn exif_is_found_in_each_container() {
        for (path, model) in [
            ("images/exif_prefix.webp", "iPhone X"),
            ("images/exif_as_text.png", "vivo X90 Pro+"),
            ("images/exif.avif", "iPhone 12 Pro"),
        ] {
            let exif = facts_of(path).unwrap().exif.unwrap();
            assert_eq!(exif.model.as_deref(), Some(model), "{path}");
        }
    }

    #[test]
    fn the_lens_and_what_pairs_a_live_photo() {
        let exif = facts_of("images/exif.avif").unwrap().exif.unwrap();

        let lens = "iPhone 12 Pro back triple camera 4.2mm f/1.6";
        assert_eq!(exif.lens.as_deref(), Some(lens));
        // ExifTool calls it MediaGroupUUID.
        let pair = "242684F6-0839-44E0-8E39-A8FE43182C29";
        assert_eq!(exif.content_identifier.as_deref(), Some(pair));
    }

    #[test]
    fn a_picture_has_the_size_that_is_shown() {
        let size = |path| facts_of(path).map(|facts| (facts.width.unwrap(), facts.height.unwrap()));

        // Stored as 320 x 240 with orientation 6.
        assert_eq!(size("images/exif_prefix.webp").unwrap(), (240, 320));
        assert_eq!(size("images/exif.avif").unwrap(), (192, 256));
        assert_eq!(size("images/bigtiff.tif").unwrap(), (64, 64));
        assert_eq!(size("images/short.bmp").unwrap(), (127, 64));
    }

    #[test]
    fn frames_are_counted() {
        let frames = |path| facts_of(path).unwrap().frames;

        assert_eq!(frames("images/five_frames.gif"), Some(5));
        assert_eq!(frames("images/animated.webp"), Some(6));
        assert_eq!(frames("images/animated.png"), Some(2));
        assert_eq!(frames("images/exif_prefix.webp"), None);
    }

    #[test]
    fn directories_that_point_at_themselves_end() {
        let facts = facts_of("images/exif_loop.jpg").unwrap();

        assert_eq!((facts.width, facts.height), (Some(1), Some(1)));
        assert_eq!(facts.exif.unwrap().model.as_deref(), Some("Canon EOS 1000D"));
    }

    #[test]
    fn a_picture_without_a_size_is_damaged() {
        assert_eq!(facts_of("images/iloc_huge.heic").unwrap_err().code, Code::CorruptFile);
    }

    #[test]
    fn a_turned_film() {
        let facts = facts_of("videos/rot90_gps.mp4").unwrap();

        assert_eq!((facts.width, facts.height), (Some(90), Some(160)));
        assert_eq!(facts.rotation_degrees, Some(90));
        assert_eq!(facts.codec.as_deref(), Some("h264"));
        assert_eq!((facts.duration_seconds, facts.frame_rate), (Some(2.0), Some(25.0)));
        let exif = facts.exif.unwrap();
        assert_eq!(exif.local_time.as_deref(), Some("2024-05-17T10:20:30"));
        assert_eq!(exif.offset_minutes, Some(0));
        assert_eq!(exif.gps, Some(Gps { latitude: 48.8584, longitude: 2.2945 }));
    }

    #[test]
    fn the_stored_size_of_a_film_does_not_depend_on_the_shape_of_its_pixels() {
        let facts = facts_of("videos/sar_64_45.mp4").unwrap();

        assert_eq!((facts.width, facts.height), (Some(128), Some(96)));
    }

    #[test]
    fn music_has_length_codec_and_rates() {
        for (path, codec, rate) in [
            ("videos/tone.mp3", "mp3", 44_100),
            ("videos/tone.m4a", "aac", 44_100),
            ("videos/tone.opus", "opus", 48_000),
            ("videos/tone.flac", "flac", 8_000),
            ("videos/tone.wav", "pcm_s16le", 8_000),
        ] {
            let facts = facts_of(path).unwrap();
            assert_eq!(facts.codec.as_deref(), Some(codec), "{path}");
            assert_eq!(facts.sample_rate_hz, Some(rate), "{path}");
            assert!(facts.duration_seconds.is_some_and(|time| time > 0.4 && time < 1.2), "{path}");
            assert!(facts.bitrate_kbps.is_some_and(|rate| rate > 15 && rate < 130), "{path}");
            assert_eq!((facts.width, facts.rotation_degrees), (None, None), "{path}");
        }
    }

    #[test]
    fn boxes_in_boxes_in_boxes_are_refused() {
        assert_eq!(facts_of("videos/nested_boxes.mp4").unwrap_err().code, Code::CorruptFile);
    }
}
