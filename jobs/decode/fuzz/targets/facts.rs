//! Headers, EXIF blocks, ICC segments, boxes and chunks of pictures.
#![no_main]

use decode::{Format, Kind};
use decode_fuzz::{answered, file, limits};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let format = decode::sniff(bytes).unwrap_or(Format::Jpeg);
    if format.kind() != Kind::Image {
        return;
    }
    let facts = answered(decode::facts(&file(bytes), format, &limits()));
    let Some(place) = facts.and_then(|facts| facts.exif).and_then(|exif| exif.gps) else { return };
    assert!(place.latitude.abs() <= 90.0 && place.longitude.abs() <= 180.0, "{place:?}");
});
