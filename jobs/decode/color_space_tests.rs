//! The names of colour spaces, and where each format says them.

use std::io::Read;
use std::time::Instant;

use moxcms::ColorProfile;

use crate::color_space::{of_code_points, of_colr, of_exif, of_icc};
use crate::corpus_tests::{look, report, truth, unexplained};
use crate::fixtures::{corpus, fixture, limits, nameless};
use crate::{Format, facts};

fn name_of(path: &str) -> Option<String> {
    let (file, format) = fixture(path);
    facts(&file, format, &limits()).unwrap().color_space
}

/// A profile that has a description alone, as version 2 writes it.
fn profile(description: &str) -> Vec<u8> {
    let mut profile = vec![0; 128];
    profile[36..40].copy_from_slice(b"acsp");
    profile.extend([0, 0, 0, 1]);
    profile.extend([&b"desc"[..], &144u32.to_be_bytes(), &100u32.to_be_bytes()].concat());
    profile.extend([&b"desc"[..], &[0; 4]].concat());
    profile.extend((description.len() as u32 + 1).to_be_bytes());
    profile.extend([description.as_bytes(), &[0]].concat());
    profile
}

fn named(description: &str) -> Option<String> {
    of_icc(&profile(description))
}

#[test]
fn each_format_says_it_in_its_way() {
    for (path, name) in [
        ("images/adobe_rgb.jpg", Some("Adobe RGB (1998)")),
        ("images/display_p3.jpg", Some("Display P3")),
        ("images/display_p3.png", Some("Display P3")),
        ("images/exif.avif", Some("Display P3")),
        ("images/exif_prefix.webp", Some("sRGB")),
        ("images/exif_as_text.png", Some("sRGB")),
        ("images/gray_gamma.jpg", Some("Gray Gamma 2.2")),
        // Uncalibrated.
        ("images/gps_iphone.jpg", None),
        ("images/photo.jpg", None),
        ("images/alpha.gif", None),
    ] {
        assert_eq!(name_of(path).as_deref(), name, "{path}");
    }
}

#[test]
fn descriptions_of_makers_have_one_name_and_others_stay() {
    assert_eq!(named("sRGB IEC61966-2.1").as_deref(), Some("sRGB"));
    assert_eq!(named("sRGB built-in").as_deref(), Some("sRGB"));
    assert_eq!(named("c2").as_deref(), Some("sRGB"));
    assert_eq!(named("DCI-P3 D65 Gamut with sRGB Transfer").as_deref(), Some("Display P3"));
    assert_eq!(named("ROMM RGB").as_deref(), Some("ProPhoto RGB"));
    assert_eq!(named("U.S. Web Coated (SWOP) v2").as_deref(), Some("U.S. Web Coated (SWOP) v2"));
    assert_eq!(named("sRGB-elle-V2-g10.icc").as_deref(), Some("sRGB-elle-V2-g10.icc"));
    assert_eq!(named(""), None);
}

#[test]
fn profiles_of_version_4_are_read_and_broken_ones_are_none() {
    let p3 = ColorProfile::new_display_p3().encode().unwrap();

    assert_eq!(of_icc(&p3).as_deref(), Some("Display P3"));
    for length in 0..p3.len() {
        of_icc(&p3[..length]);
    }
    let mut endless = profile("sRGB");
    endless[128..132].fill(0xFF);
    endless[132] = b'x';
    assert_eq!(of_icc(&endless), None);
    assert_eq!(of_icc(&[0xAB; 200]), None);
}

#[test]
fn code_points_have_names_and_a_profile_goes_before_them() {
    assert_eq!(of_code_points(1, 13).as_deref(), Some("sRGB"));
    assert_eq!(of_code_points(9, 16).as_deref(), Some("Rec. 2100 PQ"));
    assert_eq!(of_code_points(2, 2), None);
    assert_eq!(of_colr(b"nclx\0\x0C\0\x0D\0\x06\x80").as_deref(), Some("Display P3"));
    assert_eq!(of_colr(b"nclx\0"), None);
    assert_eq!(of_colr(&[&b"prof"[..], &profile("sRGB")].concat()).as_deref(), Some("sRGB"));
}

/// An EXIF block of this ColorSpace, with or without the letters of DCF for Adobe RGB.
fn exif(space: u16, letters: &[u8; 4]) -> Vec<u8> {
    let mut block = b"MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1A\0\0\0\0".to_vec();
    block.extend(b"\0\x02\xA0\x01\0\x03\0\0\0\x01");
    block.extend([space.to_be_bytes(), [0; 2]].as_flattened());
    block.extend(b"\xA0\x05\0\x04\0\0\0\x01\0\0\0\x38\0\0\0\0");
    block.extend(b"\0\x01\0\x01\0\x02\0\0\0\x04");
    block.extend(letters);
    block.extend([0; 4]);
    block
}

#[test]
fn exif_says_it_by_a_number_and_by_letters() {
    assert_eq!(of_exif(&exif(1, b"R98\0")).as_deref(), Some("sRGB"));
    assert_eq!(of_exif(&exif(2, b"R98\0")).as_deref(), Some("Adobe RGB (1998)"));
    assert_eq!(of_exif(&exif(0xFFFF, b"R03\0")).as_deref(), Some("Adobe RGB (1998)"));
    assert_eq!(of_exif(&exif(0xFFFF, b"R98\0")), None);
}

#[test]
fn chunks_of_a_png_rank_as_its_standard_says() {
    let mut data = Vec::new();
    fixture("images/display_p3.png").0.read_to_end(&mut data).unwrap();
    let with = |chunks: &[u8]| {
        let data = [&data[..33], chunks, &data[33..]].concat();
        facts(&nameless(&data), Format::Png, &limits()).unwrap().color_space
    };

    let srgb = b"\0\0\0\x01sRGB\0\0\0\0\0";
    assert_eq!(with(srgb).as_deref(), Some("Display P3"));
    let points = b"\0\0\0\x04cICP\x09\x10\0\x01\0\0\0\0";
    assert_eq!(with(points).as_deref(), Some("Rec. 2100 PQ"));
}

#[test]
fn profiles_that_inflate_without_end_cost_little() {
    let start = Instant::now();
    let mut bomb = Vec::new();
    fixture("images/profile_bomb.png").0.read_to_end(&mut bomb).unwrap();
    let at = bomb.windows(4).position(|name| name == b"iCCP").unwrap() - 4;
    let length = u32::from_be_bytes(bomb[at..at + 4].try_into().unwrap()) as usize;
    let chunk = bomb[at..at + 12 + length].to_vec();
    let data = [&bomb[..at], &chunk.repeat(1000)[..], &bomb[at..]].concat();

    facts(&nameless(&data), Format::Png, &limits()).unwrap();

    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
}

#[test]
fn profiles_are_named_as_exiftool_names_them() {
    let Some(root) = corpus("truth.jsonl") else { return };
    let (mut same, mut different) = (0, Vec::new());

    for (path, truth) in truth(&root) {
        let Some(theirs) = truth["ProfileDescription"].as_str() else { continue };
        let Some((Ok(facts), _)) = look(&root, &path) else { continue };
        match facts.color_space == named(theirs) {
            true => same += 1,
            false => {
                let ours = facts.color_space;
                different.push(format!("{path} colour space: {theirs}, we say {ours:?}"));
            }
        }
    }

    report(&[("different", &different)]);
    println!("colour spaces: {same} agree");
    assert!(same > 10, "{same}");
    assert_eq!(unexplained(different), Vec::<String>::new());
}
