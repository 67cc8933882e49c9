//! Files of all formats without their metadata.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(format) = decode::sniff(bytes) {
        decode_fuzz::strip(bytes, format);
    }
});
