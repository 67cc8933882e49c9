//! What is refused, by which code, and before anything is spent.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::fixtures::{fixture, limits, nameless};
use crate::{Code, DecodeError, Format, Limits, Pictures, Size, thumbnails};

fn bytes(path: &str) -> Vec<u8> {
    let mut data = Vec::new();
    fixture(path).0.read_to_end(&mut data).unwrap();
    data
}

fn made_of(data: &[u8], format: Format, limits: &Limits) -> Result<Pictures, DecodeError> {
    let sizes = [320, 960, 1920].map(Size::square);
    let start = Instant::now();
    let made = thumbnails(&nameless(data), format, &sizes, limits);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    made
}

fn code(data: &[u8], format: Format) -> Code {
    made_of(data, format, &limits()).expect_err("it is refused").code
}

/// A JPEG whose frame header says 65500 x 65500.
fn huge_jpeg() -> Vec<u8> {
    let mut jpeg = bytes("images/photo.jpg");
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0xDC, 0xFF, 0xDC]);
    jpeg
}

#[test]
fn bombs_are_refused_by_their_headers() {
    let mut gif = bytes("images/alpha.gif");
    gif[6..10].fill(0xFF);
    assert_eq!(code(&gif, Format::Gif), Code::PixelLimit);
    let mut bmp = bytes("images/short.bmp");
    bmp[18..26].copy_from_slice(&[0x60, 0xEA, 0, 0, 0x60, 0xEA, 0, 0]);
    assert_eq!(code(&bmp, Format::Bmp), Code::PixelLimit);
    assert_eq!(code(&bytes("images/header_65535.png"), Format::Png), Code::PixelLimit);
    assert_eq!(code(&huge_jpeg(), Format::Jpeg), Code::PixelLimit);
    let mut tiff = bytes("images/planar.tif");
    // Width, height and rows in a strip.
    for entry in [10, 22, 94] {
        tiff[entry + 8..entry + 12].copy_from_slice(&60_000u32.to_le_bytes());
    }
    assert_eq!(code(&tiff, Format::Tiff), Code::PixelLimit);
}

#[test]
fn a_jpeg_of_thousands_of_scans_is_refused() {
    let mut jpeg = bytes("images/progressive.jpg");
    let end = jpeg.len() - 2;
    let last = jpeg.windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap();
    let scan = jpeg[last..end].to_vec();
    jpeg.truncate(end);
    (0..3000).for_each(|_| jpeg.extend_from_slice(&scan));

    assert_eq!(code(&jpeg, Format::Jpeg), Code::CorruptFile);
}

#[test]
fn a_jpeg_without_data_for_its_size_is_refused() {
    let mut jpeg = huge_jpeg();
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x27, 0x10, 0x27, 0x10]);

    assert_eq!(code(&jpeg, Format::Jpeg), Code::CorruptFile);
}

/// A TIFF of `strips` strips, all of which are the same bytes: a JPEG.
fn tiff_of_one_jpeg(jpeg: &[u8], strips: u32) -> Vec<u8> {
    const LONG: u16 = 4;
    let (lists, jpeg_at) = (8, 8 + strips * 8);
    let directory = jpeg_at + jpeg.len() as u32;
    let mut tiff = b"II*\0".to_vec();
    tiff.extend(directory.to_le_bytes());
    (0..strips).for_each(|_| tiff.extend(jpeg_at.to_le_bytes()));
    (0..strips).for_each(|_| tiff.extend((jpeg.len() as u32).to_le_bytes()));
    tiff.extend_from_slice(jpeg);
    let one = |value: u32| (1, value);
    // Width, height, bits, compression by JPEG, black is zero; strips of one row.
    let entries = [(256, one(8)), (257, one(strips)), (258, one(8)), (259, one(7)), (262, one(1))];
    let offsets = [(273, (strips, lists)), (277, one(1)), (278, one(1))];
    let entries = entries.into_iter().chain(offsets).chain([(279, (strips, lists + strips * 4))]);
    tiff.extend(9u16.to_le_bytes());
    for (tag, (count, value)) in entries {
        tiff.extend(u16::to_le_bytes(tag));
        tiff.extend(LONG.to_le_bytes());
        tiff.extend(u32::to_le_bytes(count));
        tiff.extend(u32::to_le_bytes(value));
    }
    tiff.extend([0; 4]);
    tiff
}

#[test]
fn strips_of_a_tiff_that_share_their_bytes_are_walked_once() {
    // A progressive frame of 3000 x 3000, one scan of nothing.
    let mut jpeg = b"\xFF\xD8\xFF\xC2\0\x0B\x08\x0B\xB8\x0B\xB8\x01\x01\x11\0".to_vec();
    jpeg.extend_from_slice(b"\xFF\xDA\0\x08\x01\x01\0\0\0\0");
    jpeg.resize(8_000_000, 0);
    jpeg.extend_from_slice(b"\xFF\xD9");

    assert_eq!(code(&tiff_of_one_jpeg(&jpeg, 5000), Format::Tiff), Code::MemoryLimit);
}

#[test]
fn a_profile_that_inflates_without_end_is_left_out() {
    let made = made_of(&bytes("images/profile_bomb.png"), Format::Png, &limits()).unwrap();

    assert_eq!(made.thumbnails.len(), 1);
    assert!(!made.truncated);
}

#[test]
fn the_limits_are_kept() {
    let photo = bytes("images/photo.jpg");
    let small = Limits { still_bytes: 1000, ..limits() };
    assert_eq!(made_of(&photo, Format::Jpeg, &small).unwrap_err().code, Code::FileTooLarge);
    let tight = Limits { memory_bytes: 100_000, ..limits() };
    assert_eq!(made_of(&photo, Format::Jpeg, &tight).unwrap_err().code, Code::MemoryLimit);
    let over = Limits { deadline: Instant::now(), ..limits() };
    assert_eq!(made_of(&photo, Format::Jpeg, &over).unwrap_err().code, Code::DecodeTimeout);
}

#[test]
fn what_is_no_picture_is_corrupt() {
    for format in [Format::Jpeg, Format::Png, Format::Gif, Format::WebP, Format::Tiff, Format::Bmp]
    {
        assert_eq!(code(b"", format), Code::CorruptFile, "{format:?}");
        assert_eq!(code(b"<svg xmlns='http://www.w3.org/2000/svg'/>", format), Code::CorruptFile);
    }
}

#[test]
fn a_frame_outside_its_canvas_is_refused() {
    let mut webp = bytes("images/animated.webp");
    assert_eq!(&webp[12..16], b"VP8X");
    // Width and height, less one.
    webp[24..30].fill(0);

    assert_eq!(code(&webp, Format::WebP), Code::CorruptFile);
}

#[test]
fn pixels_that_live_at_the_same_time_are_counted_together() {
    // Without its texts the file is shorter than its pixels.
    let mut interlaced = bytes("images/interlaced.png");
    interlaced.drain(33..884);
    // 8 x 12 in red, green, blue and alpha, and the same without alpha.
    let (whole, opaque) = (8 * 12 * 4, 8 * 12 * 3);
    let made =
        |memory_bytes| made_of(&interlaced, Format::Png, &Limits { memory_bytes, ..limits() });

    assert!(made(whole + opaque).is_ok());
    assert_eq!(made(whole + opaque - 1).unwrap_err().code, Code::MemoryLimit);
}

#[test]
fn run_lengths_of_bmp_are_expanded() {
    let runs = |runs: &[u8], nibbles| {
        crate::bmp_runs::expand(runs, nibbles, (4, 2), &limits()).map(|it| (it.indexes, it.ended))
    };
    // Three times 7, end of row; a literal of 1 2 3, its padding, end of picture.
    let rle8 = [3, 7, 0, 0, 0, 3, 1, 2, 3, 0, 0, 1];
    assert_eq!(runs(&rle8, false).unwrap(), (vec![7, 7, 7, 0, 1, 2, 3, 0], true));
    // Five nibbles 1 2 1 2 1, of which four fit; one step right and one row up, then 9.
    let rle4 = [5, 0x12, 0, 0, 0, 2, 1, 0, 1, 0x90, 0, 1];
    assert_eq!(runs(&rle4, true).unwrap(), (vec![1, 2, 1, 2, 0, 9, 0, 0], true));
}

#[test]
fn runs_that_break_off_are_a_cut_picture() {
    let ended =
        |runs: &[u8]| crate::bmp_runs::expand(runs, false, (4, 2), &limits()).unwrap().ended;
    assert!(!ended(&[4, 7, 0, 0, 2, 9]));
    assert!(ended(&[4, 7, 0, 0, 2, 9, 0, 1]), "the end mark came");
    assert!(ended(&[4, 7, 0, 0, 4, 9]), "the picture is full");
}

#[test]
fn runs_past_the_end_of_a_row_take_no_time() {
    let start = Instant::now();
    let endless: Vec<u8> = [255, 1].repeat(32 << 20);

    crate::bmp_runs::expand(&endless, false, (4, 2), &limits()).unwrap();

    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}
