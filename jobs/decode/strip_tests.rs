//! Files without their metadata: what goes, what stays, what is refused.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::fixtures::{fixture, limits, nameless};
use crate::{Code, Edit, Format, With, facts, strip};

/// The file after its edits.
pub(crate) fn applied(bytes: &[u8], edits: &[Edit]) -> Vec<u8> {
    let (mut made, mut at) = (Vec::new(), 0);
    for Edit { at: start, length, with } in edits {
        let (start, length) = (*start as usize, *length as usize);
        assert!(at <= start, "edits are in order");
        made.extend_from_slice(&bytes[at..start]);
        match with {
            With::Bytes(new) => made.extend_from_slice(new),
            With::Fill(byte) => made.extend(std::iter::repeat_n(*byte, length)),
        }
        at = start + length;
    }
    made.extend_from_slice(&bytes[at..]);
    made
}

/// Whether all bytes but cut-off ends stay at their places.
pub(crate) fn moves_nothing(edits: &[Edit], length: usize) -> bool {
    edits.iter().all(|edit| match &edit.with {
        With::Fill(_) => true,
        With::Bytes(new) => {
            new.len() as u64 == edit.length || edit.at + edit.length == length as u64
        }
    })
}

/// The bytes of a fixture before and after.
fn stripped(path: &str) -> (Vec<u8>, Vec<u8>) {
    let (mut file, format) = fixture(path);
    let mut before = Vec::new();
    file.read_to_end(&mut before).unwrap();
    let after = of(&before, format);
    (before, after)
}

fn of(bytes: &[u8], format: Format) -> Vec<u8> {
    let edits = strip(&nameless(bytes), format, &limits()).unwrap().unwrap();
    applied(bytes, &edits)
}

fn has(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn exif(bytes: &[u8], format: Format) -> crate::Exif {
    facts(&nameless(bytes), format, &limits()).unwrap().exif.unwrap_or_default()
}

/// Where the scans begin.
fn scans(jpeg: &[u8]) -> &[u8] {
    &jpeg[jpeg.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap()..]
}

#[test]
fn a_photo_loses_its_place_and_keeps_its_time_its_camera_and_every_scan() {
    let (before, after) = stripped("images/gps_iphone.jpg");
    let (was, is) = (exif(&before, Format::Jpeg), exif(&after, Format::Jpeg));

    assert!(was.gps.is_some());
    let expected = crate::Exif { gps: None, content_identifier: None, ..was };
    assert_eq!(is, expected);
    let small = after.len() - scans(&after).len();
    assert!(scans(&before).ends_with(scans(&after)) || scans(&after) == scans(&before));
    assert!(!has(&after[..small], b"Apple iOS"), "the note of the maker");
}

#[test]
fn what_lies_behind_a_jpeg_and_words_between_its_segments_go() {
    let (before, clean) = stripped("images/photo.jpg");
    let mut words = before[..2].to_vec();
    words.extend(b"\xFF\xFE\0\x0EJane Doe 123");
    words.extend(b"\xFF\xE1\0\x23http://ns.adobe.com/xap/1.0/\0<x/>");
    words.extend(&before[2..]);
    words.extend(b"\0\0\0\x18ftypmp42 +48.8577+002.295/");

    assert_eq!(of(&words, Format::Jpeg), clean);
}

#[test]
fn the_profile_of_colours_stays() {
    for (path, format) in
        [("images/display_p3.jpg", Format::Jpeg), ("images/display_p3.png", Format::Png)]
    {
        let (_, after) = stripped(path);

        assert!(has(&after, if format == Format::Png { b"iCCP" } else { b"ICC_" }), "{path}");
    }
    assert!(has(&stripped("images/cmyk.jpg").1, b"Adobe\0"), "how its colours are stored");
}

#[test]
fn the_exif_of_a_png_is_a_small_chunk_and_its_texts_are_gone() {
    let (before, after) = stripped("images/exif_as_text.png");
    let (was, is) = (exif(&before, Format::Png), exif(&after, Format::Png));

    assert!(has(&before, b"Raw profile type"));
    assert!(has(&after, b"eXIf") && !has(&after, b"tEXt") && !has(&after, b"zTXt"));
    assert_eq!((is.orientation, is.gps), (was.orientation, None));
}

#[test]
fn a_webp_says_truly_what_is_in_it() {
    let (before, after) = stripped("images/exif_prefix.webp");

    let size = u32::from_le_bytes(after[4..8].try_into().unwrap());
    assert_eq!(size as usize + 8, after.len());
    assert_eq!(after[20] & 4, 0, "no XMP");
    assert_eq!(after[20] & 8 != 0, has(&after, b"EXIF"));
    let (was, is) = (exif(&before, Format::WebP), exif(&after, Format::WebP));
    assert_eq!((is.orientation, is.gps), (was.orientation, None));
}

#[test]
fn a_comment_in_a_gif_goes_and_its_loop_stays() {
    let (before, clean) = stripped("images/five_frames.gif");
    assert!(has(&clean, b"NETSCAPE2.0") == has(&before, b"NETSCAPE2.0"));
    let end = clean.len() - 1;
    let mut words = clean[..end].to_vec();
    words.extend(b"\x21\xFE\x08Jane Doe\0\x21\xFF\x0BXMP DataXMP\x03<x>\0");
    words.extend(&clean[end..]);
    words.extend(b"behind it");

    assert_eq!(of(&words, Format::Gif), clean);
}

#[test]
fn heif_keeps_every_place_and_its_small_exif() {
    for (path, format) in
        [("images/exif.avif", Format::Avif), ("images/thumbnail.heic", Format::Heic)]
    {
        let (before, after) = stripped(path);
        let (was, is) = (exif(&before, format), exif(&after, format));

        assert_eq!(after.len(), before.len(), "{path}");
        let time = (is.local_time, is.orientation);
        assert_eq!(time, (was.local_time, was.orientation), "{path}");
        assert_eq!(is.gps, None, "{path}");
    }
}

#[test]
fn a_film_loses_its_place_and_no_sample_moves() {
    let (before, after) = stripped("videos/rot90_gps.mp4");
    let file = nameless(&after);

    assert!(has(&before, b"loci") && !has(&after, b"loci"));
    assert!(has(&before, b"udta") && !has(&after, b"udta"));
    assert_eq!(after.len(), before.len());
    let facts = facts(&file, Format::Mp4, &limits()).unwrap();
    assert_eq!(facts.rotation_degrees, Some(90));
    assert_eq!(facts.exif.and_then(|exif| exif.gps), None);
}

#[test]
fn a_track_of_measurements_becomes_free_space_and_its_samples_zeros() {
    let (before, _) = stripped("videos/tone.m4a");
    let at = before.windows(8).position(|window| window == b"\0\0\0\0soun").unwrap() + 4;
    let mut measured = before.clone();
    measured[at..at + 4].copy_from_slice(b"meta");

    let after = of(&measured, Format::M4a);

    assert!(!has(&after, b"trak"));
    let data = after.windows(4).position(|window| window == b"mdat").unwrap() + 4;
    let size = u32::from_be_bytes(after[data - 8..data - 4].try_into().unwrap()) as usize;
    let filled = after[data..data + size - 8].iter().filter(|byte| **byte != 0).count();
    assert_eq!(filled, 0, "{filled} of {size} bytes are left");
}

/// A page of one pixel with an artist, an EXIF directory with a serial number, and a place.
fn page() -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        let numbers = [tag.to_le_bytes(), kind.to_le_bytes()].concat();
        [numbers, count.to_le_bytes().to_vec(), value.to_le_bytes().to_vec()].concat()
    };
    let first = [
        entry(256, 3, 1, 1),
        entry(257, 3, 1, 1),
        entry(258, 3, 1, 8),
        entry(259, 3, 1, 1),
        entry(262, 3, 1, 1),
        entry(273, 4, 1, 240),
        entry(274, 3, 1, 6),
        entry(278, 3, 1, 1),
        entry(279, 4, 1, 1),
        entry(315, 2, 9, 220),
        entry(0x8769, 4, 1, 170),
        entry(0x8825, 4, 1, 200),
    ];
    let mut file = [b"II*\0\x08\0\0\0\x0C\0".to_vec(), first.concat(), vec![0; 4]].concat();
    file.resize(170, 0);
    file.extend(
        [b"\x02\0".to_vec(), entry(0x829D, 3, 1, 4), entry(0xA431, 2, 4, 0x39_39_39)].concat(),
    );
    file.resize(200, 0);
    file.extend([b"\x01\0".to_vec(), entry(1, 2, 2, u32::from(b'N')), vec![0; 4]].concat());
    file.resize(220, 0);
    file.extend(b"Jane Doe\0");
    file.resize(240, 0);
    file.push(0x77);
    file
}

#[test]
fn a_page_keeps_its_pixels_and_loses_names_and_places() {
    let before = page();

    let after = of(&before, Format::Tiff);

    assert_eq!((after.len(), after[240]), (before.len(), 0x77));
    assert!(!has(&after, b"Jane") && !has(&after, b"999"));
    assert!(crate::ifd::Ifd::first(&after).unwrap().directory(0x8825).is_none());
    let exif = exif(&after, Format::Tiff);
    assert_eq!(exif.orientation, Some(6));
    assert_eq!(of(&after, Format::Tiff), after, "nothing is left to do");
}

#[test]
fn what_cannot_be_read_for_sure_is_refused() {
    let raw = {
        let mut page = page();
        page[10 + 4 * 12 + 8..][..2].copy_from_slice(&32_803_u16.to_le_bytes());
        page
    };
    let jpeg = stripped("images/photo.jpg").0[..40].to_vec();
    for (bytes, format) in [
        (jpeg, Format::Jpeg),
        (b"GIF89a".to_vec(), Format::Gif),
        (b"RIFF\x04\0\0\0WEBP".to_vec(), Format::WebP),
        (b"\x89PNG\r\n\x1a\n\0\0\0\0IEND".to_vec(), Format::Png),
        (b"\0\0\0\x10ftypmp42\0\0\0\0".to_vec(), Format::Mp4),
        (b"II*\0\xFF\xFF\0\0".to_vec(), Format::Tiff),
        (raw, Format::Tiff),
        ([b"II*\0\x10\0\0\0CR\x02\0".to_vec(), page()].concat(), Format::Tiff),
    ] {
        let refused = strip(&nameless(&bytes), format, &limits()).unwrap_err();

        assert_eq!(refused.code, Code::Unstrippable, "{format:?}: {refused}");
    }
    assert_eq!(strip(&nameless(b"%PDF-"), Format::Pdf, &limits()).unwrap(), None);
}

#[test]
fn bent_files_are_answered_with_edits_that_fit_or_refused() {
    let mut numbers = 0x1234_5678_9ABC_DEF1_u64;
    let mut below = |end: usize| {
        // Xorshift, after Marsaglia.
        numbers ^= numbers << 13;
        numbers ^= numbers >> 7;
        numbers ^= numbers << 17;
        (numbers % end as u64) as usize
    };
    for path in [
        "images/gps_iphone.jpg",
        "images/progressive.jpg",
        "images/animated.png",
        "images/exif_as_text.png",
        "images/exif_prefix.webp",
        "images/animated.webp",
        "images/five_frames.gif",
        "images/bigtiff.tif",
        "images/planar.tif",
        "images/exif.avif",
        "images/thumbnail.heic",
        "images/grid.avif",
        "videos/rot90_gps.mp4",
        "videos/nested_boxes.mp4",
        "videos/tone.m4a",
    ] {
        let (mut file, format) = fixture(path);
        let mut whole = Vec::new();
        file.read_to_end(&mut whole).unwrap();
        for round in 0..200 {
            let mut bent = whole.clone();
            let reach = if round % 2 == 0 { bent.len().min(2048) } else { bent.len() };
            for _ in 0..=below(8) {
                let at = below(reach);
                bent[at] = [0x00, 0xFF, 0x7F, 0x80, bent[at] ^ 0x10][below(5)];
            }
            if round % 5 == 0 {
                bent.truncate(below(whole.len()).max(1));
            }
            let start = Instant::now();

            let edits = strip(&nameless(&bent), format, &limits());

            assert!(start.elapsed() < Duration::from_secs(5), "{path}, round {round}");
            if let Ok(Some(edits)) = edits {
                applied(&bent, &edits);
            }
        }
    }
}
