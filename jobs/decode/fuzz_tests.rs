//! What random files found (`fuzz/`), each as the smallest file that shows it.

use crate::fixtures::{limits, nameless};
use crate::strip_tests::applied;
use crate::{Code, Format, facts, jpeg_header, strip};

/// The file without its metadata, which a second time leaves as it is.
fn stripped(bytes: &[u8], format: Format) -> Vec<u8> {
    let of = |bytes: &[u8]| {
        let edits = strip(&nameless(bytes), format, &limits()).unwrap().unwrap();
        applied(bytes, &edits)
    };
    let once = of(bytes);
    assert_eq!(of(&once), once, "a second time changes something");
    once
}

/// A WebP of these chunks.
fn webp(chunks: &[&[u8]]) -> Vec<u8> {
    let body = chunks.concat();
    let size = (body.len() as u32 + 4).to_le_bytes();
    [b"RIFF", &size[..], b"WEBP", &body].concat()
}

#[test]
fn a_last_chunk_that_claims_more_than_the_webp_has_takes_no_picture_along() {
    let picture = b"VP8 \x04\0\0\0\x30\x01\0\x9D";
    let claims = b"JUNK\xFF\xFF\0\0words";

    let after = stripped(&webp(&[picture, claims]), Format::WebP);

    assert_eq!(after, webp(&[picture]));
}

/// Twelve bytes of a directory of a TIFF.
fn entry(tag: u16, kind: u16, count: u32, value: u32) -> Vec<u8> {
    let numbers = [tag.to_le_bytes(), kind.to_le_bytes()].concat();
    [numbers, count.to_le_bytes().to_vec(), value.to_le_bytes().to_vec()].concat()
}

/// A directory that begins at 8.
fn tiff(entries: &[Vec<u8>], next: u32) -> Vec<u8> {
    let count = (entries.len() as u16).to_le_bytes();
    [b"II*\0\x08\0\0\0", &count[..], &entries.concat(), &next.to_le_bytes()].concat()
}

#[test]
fn a_value_that_goes_does_not_take_the_header_of_the_tiff_along() {
    // The artist is the whole file.
    let before = tiff(&[entry(256, 3, 1, 1), entry(315, 2, 38, 0)], 0);

    let after = stripped(&before, Format::Tiff);

    assert_eq!(after[..10], *b"II*\0\x08\0\0\0\x01\0");
}

#[test]
fn a_directory_that_lies_in_the_end_of_one_that_shrinks_is_refused() {
    let entries = [entry(256, 3, 1, 1), entry(315, 2, 1, 0), entry(316, 2, 1, 0)];
    // The next one has no entries, and begins in the last of these.
    let before = tiff(&entries, 36);

    let refused = strip(&nameless(&before), Format::Tiff, &limits()).unwrap_err();

    assert_eq!(refused.code, Code::Unstrippable);
}

#[test]
fn all_readers_of_a_jpeg_take_the_same_exif() {
    let turned = |tag: u32| {
        let block = [b"Exif\0\0".to_vec(), tiff(&[entry(0x0112, 3, 1, tag)], 0)].concat();
        segment(0xE1, &block)
    };
    let frame = segment(0xC0, b"\x08\0\x10\0\x20\x01\x01\x11\0");
    let scan = [segment(0xDA, b"\x01\x01\0\0\x3F\0"), vec![0x55; 9]].concat();
    let no_tiff = segment(0xE1, b"Exif\0\0words");
    let end = b"\xFF\xD9".to_vec();
    // Progressive, so that the walk goes on behind a scan.
    let progressive = segment(0xC2, b"\x08\0\x10\0\x20\x01\x01\x11\0");
    for (case, parts, is_turned) in [
        ("one that is none", vec![&no_tiff, &turned(6), &frame, &scan], true),
        ("behind a scan", vec![&progressive, &scan, &turned(6), &scan], false),
        ("the second", vec![&turned(1), &turned(6), &frame, &scan], false),
    ] {
        let parts: Vec<u8> = parts.into_iter().chain([&end]).flatten().copied().collect();
        let jpeg = [b"\xFF\xD8".to_vec(), parts].concat();

        for (when, jpeg) in [("before", jpeg.clone()), ("after", stripped(&jpeg, Format::Jpeg))] {
            let said = facts(&nameless(&jpeg), Format::Jpeg, &limits()).unwrap();
            let size = if is_turned { (16, 32) } else { (32, 16) };
            assert_eq!(said.width.zip(said.height), Some(size), "{case}, {when}");
            let header = jpeg_header::read(&jpeg).unwrap();
            assert_eq!(header.orientation.is_sideways(), is_turned, "{case}, {when}");
        }
    }
}

#[test]
fn a_scan_before_the_header_of_its_frame_is_no_picture() {
    let scan = [segment(0xDA, b"\x01\x01\0\x01\x3F\0"), vec![0x55; 9]].concat();
    let frame = segment(0xC2, b"\x08\0\x10\0\x20\x01\x01\x11\0");
    let jpeg = [b"\xFF\xD8".to_vec(), scan.clone(), frame, scan].concat();

    let error = facts(&nameless(&jpeg), Format::Jpeg, &limits()).unwrap_err();

    assert_eq!(error.code, Code::CorruptFile);
    assert_eq!(jpeg_header::read(&jpeg).err().map(|error| error.code), Some(Code::CorruptFile));
}

fn segment(code: u8, body: &[u8]) -> Vec<u8> {
    [&[0xFF, code], &(body.len() as u16 + 2).to_be_bytes()[..], body].concat()
}

fn part(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

/// A HEIC whose item of EXIF has these four bytes.
fn heic(exif_at: u32) -> Vec<u8> {
    let start = part(b"ftyp", b"heic\0\0\0\0");
    let info = part(b"infe", b"\x02\0\0\0\0\x01\0\0Exif\0");
    let place =
        [b"\0\0\0\0\x44\0\0\x01\0\x01\0\0\0\x01", &exif_at.to_be_bytes()[..], b"\0\0\0\x04"];
    let boxes = [
        part(b"pitm", b"\0\0\0\0\0\x01"),
        part(b"iinf", &[b"\0\0\0\0\0\x01", &info[..]].concat()),
        part(b"iloc", &place.concat()),
    ];
    let meta = part(b"meta", &[b"\0\0\0\0", &boxes.concat()[..]].concat());
    [start, meta, part(b"mdat", b"\0\0\0\0MM\0*")].concat()
}

#[test]
fn metadata_over_the_boxes_of_a_heif_file_are_refused() {
    let length = heic(0).len() as u32;
    let code = |at| {
        let refused = strip(&nameless(&heic(at)), Format::Heic, &limits());
        refused.map(drop).map_err(|error| error.code)
    };

    assert_eq!(code(length - 4), Ok(()));
    for at in [0, 13, 21, length - 30, length - 20] {
        assert_eq!(code(at), Err(Code::Unstrippable), "{at}");
    }
    // Four bytes of the second head, which claims more than is there.
    let cut_off = [heic(length + 4), b"\0\0\xFF\xFFmdat".to_vec()].concat();
    let refused = strip(&nameless(&cut_off), Format::Heic, &limits()).unwrap_err();
    assert_eq!(refused.code, Code::Unstrippable);
    assert_eq!(stripped(&heic(length - 4), Format::Heic).len() as u32, length);
}
