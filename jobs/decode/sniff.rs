//! What a file is, judged from its bytes and never from its name.

use crate::bytes::{array, be32, has, le32};

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

impl Format {
    /// The media type to serve it as.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Avif => "image/avif",
            Self::Heic => "image/heic",
            Self::Mp4 => "video/mp4",
            Self::Mov => "video/quicktime",
            Self::ThreeGp => "video/3gpp",
            Self::WebM => "video/webm",
            Self::Mkv => "video/x-matroska",
            Self::Avi => "video/x-msvideo",
            Self::MpegTs => "video/mp2t",
            Self::Mp3 => "audio/mpeg",
            Self::M4a => "audio/mp4",
            Self::Flac => "audio/flac",
            Self::Ogg => "audio/ogg",
            Self::Wav => "audio/wav",
            Self::Pdf => "application/pdf",
        }
    }

    /// What kind of medium it is.
    pub fn kind(self) -> Kind {
        match self {
            Self::Jpeg | Self::Png | Self::Gif | Self::WebP | Self::Tiff | Self::Bmp => Kind::Image,
            Self::Avif | Self::Heic => Kind::Image,
            Self::Mp4 | Self::Mov | Self::ThreeGp | Self::WebM | Self::Mkv => Kind::Video,
            Self::Avi | Self::MpegTs => Kind::Video,
            Self::Mp3 | Self::M4a | Self::Flac | Self::Ogg | Self::Wav => Kind::Audio,
            Self::Pdf => Kind::Document,
        }
    }

    /// Whether some of what is done with it is FFmpeg's work.
    pub fn needs_ffmpeg(self) -> bool {
        matches!(self, Self::Heic | Self::Avif) || matches!(self.kind(), Kind::Video | Kind::Audio)
    }

    /// The usual end of its file names, lower case, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Tiff => "tif",
            Self::Bmp => "bmp",
            Self::Avif => "avif",
            Self::Heic => "heic",
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::ThreeGp => "3gp",
            Self::WebM => "webm",
            Self::Mkv => "mkv",
            Self::Avi => "avi",
            Self::MpegTs => "ts",
            Self::Mp3 => "mp3",
            Self::M4a => "m4a",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
            Self::Wav => "wav",
            Self::Pdf => "pdf",
        }
    }

    /// The format that a media type names, also by the older names that clients still send.
    pub fn from_mime(mime: &str) -> Option<Self> {
        let name = mime.split(';').next()?.trim().to_ascii_lowercase();
        if let Some(format) = ALL.into_iter().find(|format| format.mime() == name) {
            return Some(format);
        }
        Some(match name.as_str() {
            "image/jpg" | "image/pjpeg" => Self::Jpeg,
            "image/x-png" | "image/apng" => Self::Png,
            "image/x-bmp" | "image/x-ms-bmp" => Self::Bmp,
            "image/heif" | "image/heic-sequence" | "image/heif-sequence" => Self::Heic,
            "video/3gpp2" => Self::ThreeGp,
            "video/matroska" => Self::Mkv,
            "video/avi" | "video/msvideo" => Self::Avi,
            "audio/mp3" | "audio/x-mp3" => Self::Mp3,
            "audio/m4a" | "audio/x-m4a" => Self::M4a,
            "audio/x-flac" => Self::Flac,
            "audio/opus" | "audio/vorbis" | "application/ogg" => Self::Ogg,
            "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => Self::Wav,
            "application/x-pdf" => Self::Pdf,
            _ => return None,
        })
    }
}

pub(crate) const ALL: [Format; 21] = [
    Format::Jpeg,
    Format::Png,
    Format::Gif,
    Format::WebP,
    Format::Tiff,
    Format::Bmp,
    Format::Avif,
    Format::Heic,
    Format::Mp4,
    Format::Mov,
    Format::ThreeGp,
    Format::WebM,
    Format::Mkv,
    Format::Avi,
    Format::MpegTs,
    Format::Mp3,
    Format::M4a,
    Format::Flac,
    Format::Ogg,
    Format::Wav,
    Format::Pdf,
];

/// Formats that a few bytes at the very start decide.
const MAGIC: [(&[u8], Format); 12] = [
    (b"\xFF\xD8\xFF", Format::Jpeg),
    (b"\x89PNG\r\n\x1A\n", Format::Png),
    (b"GIF87a", Format::Gif),
    (b"GIF89a", Format::Gif),
    (b"II*\0", Format::Tiff),
    (b"MM\0*", Format::Tiff),
    (b"II+\0", Format::Tiff),
    (b"MM\0+", Format::Tiff),
    (b"fLaC", Format::Flac),
    (b"OggS", Format::Ogg),
    (b"RF64", Format::Wav),
    (b"%PDF-", Format::Pdf),
];

/// The format of a file that starts with `head` (its first [`HEAD_BYTES`] bytes, or all of it).
pub fn sniff(head: &[u8]) -> Option<Format> {
    let magic = MAGIC.iter().find(|(bytes, _)| head.starts_with(bytes));
    if let Some((_, format)) = magic {
        return Some(*format);
    }
    riff(head)
        .or_else(|| iso_media(head))
        .or_else(|| quicktime(head))
        .or_else(|| matroska(head))
        .or_else(|| bitmap(head))
        .or_else(|| mpeg_ts(head))
        .or_else(|| mpeg_audio(head))
}

fn riff(head: &[u8]) -> Option<Format> {
    if !head.starts_with(b"RIFF") {
        return None;
    }
    match &array::<4>(head, 8)? {
        b"WEBP" => Some(Format::WebP),
        b"WAVE" => Some(Format::Wav),
        b"AVI " => Some(Format::Avi),
        _ => None,
    }
}

/// The first known brand decides, the major one before the compatible ones.
fn iso_media(head: &[u8]) -> Option<Format> {
    if !has(head, 4, b"ftyp") {
        return None;
    }
    let end = usize::try_from(be32(head, 0)?).ok()?.min(head.len());
    let major = array::<4>(head, 8)?;
    let compatible = || head.get(16..end).unwrap_or_default().chunks_exact(4);
    if matches!(&major, b"mif1" | b"msf1") {
        // The general picture brands: AVIF writers use them too and name avif beside them.
        let avif = compatible().any(|brand| matches!(brand, b"avif" | b"avis"));
        return Some(if avif { Format::Avif } else { Format::Heic });
    }
    if &major == b"crx " {
        return None; // A raw Canon photo in the same boxes.
    }
    brand(&major).or_else(|| compatible().find_map(brand)).or(Some(Format::Mp4))
}

fn brand(brand: &[u8]) -> Option<Format> {
    Some(match brand {
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"mif1" | b"msf1" => {
            Format::Heic
        }
        b"avif" | b"avis" => Format::Avif,
        b"qt  " => Format::Mov,
        b"M4A " | b"M4B " | b"M4P " => Format::M4a,
        b"isom" | b"iso2" | b"iso4" | b"iso5" | b"iso6" | b"mp41" | b"mp42" | b"avc1" => {
            Format::Mp4
        }
        _ if brand.starts_with(b"3gp") || brand.starts_with(b"3g2") => Format::ThreeGp,
        _ => return None,
    })
}

/// Old QuickTime files have no `ftyp`: they start with a box whose size must make sense,
/// because the four letters alone also occur in text.
fn quicktime(head: &[u8]) -> Option<Format> {
    let size = be32(head, 0)?;
    let fits = match &array::<4>(head, 4)? {
        b"wide" => size == 8,
        b"moov" => (16..1 << 28).contains(&size),
        b"free" | b"skip" | b"pnot" => (8..1 << 28).contains(&size),
        // 1 means that a 64 bit size follows.
        b"mdat" => size == 1 || (8..1 << 29).contains(&size),
        _ => false,
    };
    fits.then_some(Format::Mov)
}

fn matroska(head: &[u8]) -> Option<Format> {
    if !head.starts_with(b"\x1A\x45\xDF\xA3") {
        return None;
    }
    // The header is a few dozen bytes; its element 0x4282 is the document type.
    let header = head.get(4..head.len().min(128))?;
    let at = header.windows(2).position(|pair| pair == b"\x42\x82")?;
    let (length, name) = header.get(at + 2..)?.split_first()?;
    let name = name.get(..usize::from(length & 0x7F))?;
    match name {
        b"webm" => Some(Format::WebM),
        _ if name.starts_with(b"matroska") => Some(Format::Mkv),
        _ => None,
    }
}

fn bitmap(head: &[u8]) -> Option<Format> {
    let known = matches!(le32(head, 14)?, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124);
    (head.starts_with(b"BM") && known).then_some(Format::Bmp)
}

/// Sync bytes at the spacing of packets: 188 bytes, or 192 with a time stamp before each.
fn mpeg_ts(head: &[u8]) -> Option<Format> {
    const PACKETS: usize = 5;
    let synced = |start: usize, spacing: usize| {
        (0..PACKETS).all(|packet| head.get(start + packet * spacing) == Some(&0x47))
    };
    (synced(0, 188) || synced(4, 192)).then_some(Format::MpegTs)
}

fn mpeg_audio(head: &[u8]) -> Option<Format> {
    if head.starts_with(b"ID3") && head.get(3).is_some_and(|&version| version < 0xFF) {
        let after = after_id3(head)?;
        return Some(if has(head, after, b"fLaC") { Format::Flac } else { Format::Mp3 });
    }
    // One header may be chance; a second of the same stream at the exact distance is not.
    let (first, length) = frame(head, 0)?;
    let (second, _) = frame(head, length)?;
    (first == second).then_some(Format::Mp3)
}

/// Where the data behind an ID3 tag starts.
fn after_id3(head: &[u8]) -> Option<usize> {
    let sizes = array::<4>(head, 6)?;
    // Seven bits a byte; a high bit set means that this is no tag.
    let tag = sizes
        .iter()
        .try_fold(0usize, |sum, &byte| (byte < 0x80).then_some(sum << 7 | usize::from(byte)))?;
    Some(10 + tag)
}

/// What all frames of one MPEG audio stream share (version, layer, sample rate), and the length
/// of the frame at `at`. The tables are those of ISO 11172-3 and 13818-3, layers I to III.
fn frame(head: &[u8], at: usize) -> Option<([u8; 3], usize)> {
    const RATES: [usize; 3] = [44_100, 48_000, 32_000];
    const V1_L2: [usize; 15] = [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
    const V1_L3: [usize; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const V2: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

    let [sync, flags, rates, _] = array::<4>(head, at)?;
    let (version, layer) = (flags >> 3 & 3, flags >> 1 & 3);
    if sync != 0xFF || flags & 0xE0 != 0xE0 || version == 1 {
        return None;
    }
    let table = match (version, layer) {
        (3, 2) => V1_L2,
        (3, 1) => V1_L3,
        (_, 1 | 2) => V2,
        _ => return None, // Layer I is extinct, layer 0 is AAC.
    };
    let kbps = *table.get(usize::from(rates >> 4))?;
    let hertz = RATES.get(usize::from(rates >> 2 & 3))? >> (3 - version).min(2);
    let samples = if layer == 1 && version != 3 { 72 } else { 144 };
    let padding = usize::from(rates >> 1 & 1);
    (kbps > 0).then(|| ([version, layer, rates >> 2 & 3], samples * kbps * 1000 / hertz + padding))
}
