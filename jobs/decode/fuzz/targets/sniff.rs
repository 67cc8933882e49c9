//! What a file is, by its first bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(format) = decode::sniff(bytes) {
        assert_eq!(decode::Format::from_mime(format.mime()), Some(format));
    }
    let text = String::from_utf8_lossy(bytes);
    decode::Format::from_mime(&text);
});
