//! The boxes of MP4 and QuickTime: what tables of samples claim, down to FFmpeg, which is not
//! opened here, and films without their metadata.
#![no_main]

use decode::Format;
use decode_fuzz::{answered, file, limits};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    answered(decode::facts(&file(bytes), Format::Mp4, &limits()));
    decode_fuzz::strip(bytes, Format::Mp4);
});
