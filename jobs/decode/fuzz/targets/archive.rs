//! What a zip holds that a scanner may pass over.
#![no_main]

// It has no door of its own: only the adapter of the scanner asks it.
#[path = "../../../../src/adapters/clamd/archive.rs"]
mod archive;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jobs::ports::LocalFile;

const MEMBER_BYTES: u64 = 1 << 20;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let file = LocalFile { file: Arc::new(decode_fuzz::file(bytes)), bytes: bytes.len() as u64 };
    let until = Instant::now() + Duration::from_secs(2);
    let bounds = archive::Bounds { member_bytes: MEMBER_BYTES, until };
    match archive::look(&file, bounds).expect("a file in memory can be read") {
        Ok(largest) => assert!(largest <= MEMBER_BYTES, "a member of {largest} bytes"),
        Err(objection) => assert_ne!(objection, "timeout"),
    }
});
