//! Formats are told by their bytes, and their names agree with each other.

use std::os::unix::fs::FileExt;

use crate::fixtures::fixture;
use crate::sniff::ALL;
use crate::{Format, HEAD_BYTES, Kind, sniff};

#[test]
fn every_format_is_found_again_by_its_media_type() {
    for format in ALL {
        assert_eq!(Format::from_mime(format.mime()), Some(format));
        assert!(format.extension().chars().all(|letter| letter.is_ascii_alphanumeric()));
    }
    let kinds = ALL.map(Format::kind);
    assert_eq!(kinds.iter().filter(|&&kind| kind == Kind::Image).count(), 8);
    assert_eq!(kinds.iter().filter(|&&kind| kind == Kind::Video).count(), 7);
    assert_eq!(kinds.iter().filter(|&&kind| kind == Kind::Audio).count(), 5);
}

#[test]
fn older_and_decorated_media_types_are_understood() {
    assert_eq!(Format::from_mime("image/jpg"), Some(Format::Jpeg));
    assert_eq!(Format::from_mime(" Video/MP4; codecs=\"avc1\""), Some(Format::Mp4));
    assert_eq!(Format::from_mime("audio/x-m4a"), Some(Format::M4a));
    assert_eq!(Format::from_mime("image/svg+xml"), None);
    assert_eq!(Format::from_mime(""), None);
}

#[test]
fn the_first_bytes_decide() {
    let ftyp = |brands: &str| [b"\0\0\0\x20ftyp", brands.as_bytes()].concat();
    let table: [(Vec<u8>, Option<Format>); 24] = [
        (b"\xFF\xD8\xFF\xE0".to_vec(), Some(Format::Jpeg)),
        (b"GIF89a".to_vec(), Some(Format::Gif)),
        (b"RIFF\x24\0\0\0WEBPVP8 ".to_vec(), Some(Format::WebP)),
        (b"RIFF\x24\0\0\0WAVEfmt ".to_vec(), Some(Format::Wav)),
        (b"RIFF\x24\0\0\0AVI LIST".to_vec(), Some(Format::Avi)),
        (b"RIFF\x24\0\0\0sfbk".to_vec(), None),
        (b"MM\0+\0\x08\0\0".to_vec(), Some(Format::Tiff)),
        (ftyp("heic\0\0\0\0mif1heic"), Some(Format::Heic)),
        (ftyp("mif1\0\0\0\0mif1avif"), Some(Format::Avif)),
        (ftyp("mif1\0\0\0\0mif1heix"), Some(Format::Heic)),
        (ftyp("avis\0\0\0\0avifavis"), Some(Format::Avif)),
        (ftyp("isom\0\0\x02\0isomiso2"), Some(Format::Mp4)),
        (ftyp("qt  \0\0\0\0qt  "), Some(Format::Mov)),
        (ftyp("3gp5\0\0\0\x013gp5"), Some(Format::ThreeGp)),
        (ftyp("M4A \0\0\0\0M4A mp42"), Some(Format::M4a)),
        (ftyp("crx \0\0\0\x01crx isom"), None),
        (b"\0\0\0\x08wide\0\0\x10\0mdat".to_vec(), Some(Format::Mov)),
        (b"duty free goods".to_vec(), None),
        (b"\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\x82\x84webm".to_vec(), Some(Format::WebM)),
        (b"\x1A\x45\xDF\xA3\x93\x42\x82\x88matroska".to_vec(), Some(Format::Mkv)),
        (b"ID3\x04\0\0\0\0\0\0\xFF\xFB".to_vec(), Some(Format::Mp3)),
        (b"ID3\x04\0\0\0\0\0\0fLaC".to_vec(), Some(Format::Flac)),
        (b"%PDF-1.7".to_vec(), Some(Format::Pdf)),
        (b"BMW is no bitmap, by the 14th byte".to_vec(), None),
    ];
    for (head, expected) in table {
        assert_eq!(sniff(&head), expected, "{:?}", String::from_utf8_lossy(&head));
    }
}

#[test]
fn pages_archives_and_texts_are_no_media() {
    for head in [
        "",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        "<!DOCTYPE html><script>alert(1)</script>",
        "PK\u{3}\u{4}\u{14}\0\0\0",
        "GIF90a",
        "a plain text",
    ] {
        assert_eq!(sniff(head.as_bytes()), None, "{head}");
    }
}

#[test]
fn chance_bytes_are_no_sound() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..20_000 {
        let mut head = vec![0xFF, 0xFB];
        head.extend((0..1500).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        }));

        assert_eq!(sniff(&head), None);
    }
}

#[test]
fn fixtures_are_what_their_names_say() {
    for path in [
        "documents/fr_1page.pdf",
        "images/photo.jpg",
        "images/extraneous_bytes.jpg",
        "images/interlaced.png",
        "images/alpha.gif",
        "images/lossy_alpha.webp",
        "images/fax4.tif",
        "images/bigtiff.tif",
        "images/short.bmp",
        "images/exif.avif",
        "images/iloc_huge.heic",
        "videos/black_start.mp4",
        "videos/truncated.webm",
        "videos/stream.ts",
        "videos/tone.flac",
        "videos/tone.m4a",
        "videos/tone.mp3",
        "videos/tone.opus",
        "videos/tone.wav",
    ] {
        let (file, format) = fixture(path);
        let mut head = vec![0; HEAD_BYTES];
        let length = file.read_at(&mut head, 0).unwrap();

        assert_eq!(sniff(&head[..length]), Some(format), "{path}");
    }
}
