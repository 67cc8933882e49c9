//! Small files for the tests of this crate.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::{Format, Limits};

/// Opens a file of `fixtures/`; its format is taken from the ending of its name.
pub(crate) fn fixture(path: &str) -> (File, Format) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let file = File::open(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    (file, format_of(path).unwrap())
}

/// The folder of real files, if it is there and has this list.
pub(crate) fn corpus(list: &str) -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let root = std::env::var_os("IVEN_CORPUS").map_or(default, PathBuf::from);
    if root.join(list).is_file() {
        return Some(root);
    }
    println!("skipped: no corpus at {}", root.display());
    None
}

/// A file without a name that holds `bytes`.
pub(crate) fn nameless(bytes: &[u8]) -> File {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(format!("iven-decode-{process}-{count}"));
    let mut options = File::options();
    let mut file = options.read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Limits that no fixture reaches, on a slow machine either.
pub(crate) fn limits() -> Limits {
    Limits::within(Duration::from_secs(30))
}

/// The format that the ending of a name stands for.
pub(crate) fn format_of(path: &str) -> Option<Format> {
    let ending = path.rsplit('.').next()?.to_ascii_lowercase();
    Some(match ending.as_str() {
        "jpg" | "jpeg" => Format::Jpeg,
        "png" => Format::Png,
        "gif" => Format::Gif,
        "webp" => Format::WebP,
        "tif" | "tiff" => Format::Tiff,
        "bmp" => Format::Bmp,
        "avif" => Format::Avif,
        "heic" => Format::Heic,
        "mp4" => Format::Mp4,
        "mov" => Format::Mov,
        "3gp" => Format::ThreeGp,
        "webm" => Format::WebM,
        "mkv" => Format::Mkv,
        "avi" => Format::Avi,
        "ts" => Format::MpegTs,
        "mp3" => Format::Mp3,
        "m4a" => Format::M4a,
        "flac" => Format::Flac,
        "ogg" | "opus" => Format::Ogg,
        "wav" => Format::Wav,
        "pdf" => Format::Pdf,
        _ => return None,
    })
}
