//! What a file is, judged from its bytes and never from its name.

/// How many first bytes [`sniff`] wants to see.
pub const HEAD_BYTES: usize = 4096;

/// What kind of medium a file is: the seed's `fileType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A still or animated picture.
    Image,
    /// Moving pictures.
    Video,
    /// Sound alone.
    Audio,
    /// Pages.
    Document,
}

/// The formats that the product takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the formats")]
pub enum Format {
    Jpeg,
    Png,
    Gif,
    WebP,
    Tiff,
    Bmp,
    Avif,
    Heic,
    Mp4,
    Mov,
    ThreeGp,
    WebM,
    Mkv,
    Avi,
    MpegTs,
    Mp3,
    M4a,
    Flac,
    Ogg,
    Wav,
    Pdf,
}

/// The format of a file that starts with `head` (its first [`HEAD_BYTES`] bytes, or all of it).
pub fn sniff(head: &[u8]) -> Option<Format> {
    let _ = head;
    None
}
