//! Items, grids and references of HEIC and AVIF, down to the codec, which is not opened here.
#![no_main]

use decode::{Format, Size};
use decode_fuzz::{answered, file, limits};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let file = file(bytes);
    answered(decode::facts(&file, Format::Heic, &limits()));
    let sizes = [64, 512].map(Size::square);
    for size in sizes {
        answered(decode::thumbnails(&file, Format::Heic, &[size], &limits()));
    }
});
