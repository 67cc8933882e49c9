//! From a file's facts to the seed's `metadata`. Pure.

use bson::DateTime;

use crate::{
    model::{Dimensions, Exif, FileType, Location, MediaMetadata},
    places,
    ports::{CameraFacts, Facts},
};

/// The document's `metadata` for a file of this kind, and when it was taken.
pub fn metadata(file_type: FileType, facts: Facts) -> (MediaMetadata, Option<DateTime>) {
    let dimensions = facts.width.zip(facts.height);
    let dimensions = dimensions.map(|(width, height)| Dimensions { width, height });
    let is_video = file_type == FileType::Video;
    let resolution = dimensions.filter(|_| is_video).map(|d| format!("{}x{}", d.width, d.height));
    let exif = facts.exif.map(exif);
    let taken_at = exif.as_ref().and_then(|exif| exif.timestamp);
    let metadata = MediaMetadata {
        dimensions,
        exif: exif.filter(|exif| *exif != Exif::default()),
        duration: facts.duration_seconds,
        resolution,
        codec: facts.codec,
        frame_rate: facts.frame_rate,
        bitrate: facts.bitrate_kbps,
        sample_rate: facts.sample_rate_hz,
        pages: facts.pages,
        language: facts.language,
        rotation: facts.rotation_degrees.filter(|_| is_video),
        frames: facts.frames,
        color_space: facts.color_space,
        truncated: None,
    };
    (metadata, taken_at)
}

fn exif(facts: CameraFacts) -> Exif {
    Exif {
        timestamp: facts.local_time.as_deref().and_then(|t| moment(t, facts.offset_minutes)),
        camera: facts.model.or_else(|| facts.make.clone()),
        make: facts.make,
        location: facts.gps.map(|(latitude, longitude)| Location {
            address: places::address(latitude, longitude),
            ..Location::at(latitude, longitude)
        }),
        flash: facts.flash,
        focal_length: facts.focal_length_mm.map(|mm| format!("{}mm", short(mm))),
        aperture: facts.f_number.map(|f| format!("f/{}", short(f))),
        iso: facts.iso,
        lens: facts.lens,
        content_identifier: facts.content_identifier,
        orientation: facts.orientation,
        local_time: facts.local_time,
        offset: facts.offset_minutes.map(offset),
    }
}

/// The moment of a local time. Without an offset the time is read as UTC: of all guesses it is the
/// one that a reader can undo, and `offset` is absent then.
fn moment(local_time: &str, offset_minutes: Option<i32>) -> Option<DateTime> {
    let local = DateTime::parse_rfc3339_str(format!("{local_time}Z")).ok()?;
    let offset = i64::from(offset_minutes.unwrap_or(0)) * 60_000;
    Some(DateTime::from_millis(local.timestamp_millis().checked_sub(offset)?))
}

fn offset(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// At most one decimal, none when it is zero: `24`, `4.2`.
fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_is_described_in_the_words_of_the_seed() {
        let camera = CameraFacts {
            make: Some("Apple".into()),
            model: Some("iPhone 15 Pro".into()),
            orientation: Some(6),
            local_time: Some("2024-01-15T20:30:45".into()),
            offset_minutes: Some(60),
            gps: Some((48.8566, 2.3522)),
            flash: Some(false),
            focal_length_mm: Some(24.0),
            f_number: Some(1.6),
            iso: Some(100),
            ..CameraFacts::default()
        };
        let facts = Facts { exif: Some(camera), ..Facts::default() };

        let (metadata, taken_at) = metadata(FileType::Image, facts);

        let exif = metadata.exif.unwrap();
        assert_eq!(exif.focal_length.as_deref(), Some("24mm"));
        assert_eq!(exif.aperture.as_deref(), Some("f/1.6"));
        assert_eq!(exif.offset.as_deref(), Some("+01:00"));
        let location = exif.location.unwrap();
        assert_eq!(location.coordinates, Some([2.3522, 48.8566]));
        assert_eq!(location.address.as_deref(), Some("Paris, France"));
        let utc = DateTime::parse_rfc3339_str("2024-01-15T19:30:45Z").unwrap();
        assert_eq!(taken_at, Some(utc));
    }

    #[test]
    fn a_time_without_an_offset_is_kept_and_says_so() {
        let local_time = Some("2024-01-15T20:30:45".into());
        let camera = CameraFacts { local_time, ..CameraFacts::default() };

        let exif = exif(camera);

        assert_eq!(exif.offset, None);
        assert_eq!(exif.local_time.as_deref(), Some("2024-01-15T20:30:45"));
        assert!(exif.timestamp.is_some());
    }
}
