//! The walk over a JPEG's scans, of which some are dropped; our own reader beside the library.
#![no_main]

use decode::{Format, Size};
use decode_fuzz::{answered, file, limits};

/// The smallest takes every file at an eighth.
const EDGES: [u32; 2] = [1, 64];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let file = file(bytes);
    let facts = answered(decode::facts(&file, Format::Jpeg, &limits()));
    for edge in EDGES {
        let size = Size::square(edge);
        let Some(pictures) = answered(decode::thumbnails(&file, Format::Jpeg, &[size], &limits()))
        else {
            continue;
        };
        let facts = facts.as_ref().expect("what can be decoded has a header");
        let full = facts.width.zip(facts.height).expect("what can be decoded has a size");
        for made in pictures.thumbnails {
            assert!(made.width.max(made.height) <= edge, "{} x {}", made.width, made.height);
            let is_flat = |(width, height)| width >= height;
            let may_be =
                made.width == made.height || is_flat((made.width, made.height)) == is_flat(full);
            assert!(may_be, "{} x {} of {full:?}", made.width, made.height);
        }
    }
    if let Some((ours, library)) = decode::fuzzing::eighths(bytes, &limits()) {
        assert_eq!(ours, library, "the sizes at an eighth");
    }
    if let Some((ours, library)) = decode::fuzzing::halves(bytes, &limits()) {
        assert_eq!((ours.0 as usize, ours.1 as usize), library, "the sizes at a half");
    }
});
