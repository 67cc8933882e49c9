//! Zip files that clamd answers with OK although it did not look at all of them.

use std::io::{Cursor, Write};

use jobs::ports::{PortError, Scanner, Verdict};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{both_ways, eicar, local, scanner, server::TestClamd, unscannable, verdict};

/// A deflated zip of these members.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A few MB that take clamd many seconds.
pub fn slow() -> Vec<u8> {
    let bytes = zip(&[("0", &vec![0; 90 << 20])]);
    let mut one = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for number in 0..30 {
        let member = one.by_index(0).unwrap();
        writer.raw_copy_file_rename(member, format!("{number}")).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Where the central directory's first entry begins.
fn listing(zip: &[u8]) -> usize {
    zip.windows(4).position(|four| four == b"PK\x01\x02").unwrap()
}

/// 120 MB of zeros in a few KB, and 100 MB is the limit.
fn large_member() -> Vec<u8> {
    zip(&[("large.bin", &vec![0; 120 << 20])])
}

async fn everybody_says(bytes: &[u8], expected: &Verdict) {
    for scanner in both_ways() {
        assert_eq!(verdict(&scanner, &local(bytes)).await, *expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_harmless_zip_is_clean() {
    let inner = zip(&[("text.txt", b"harmless")]);
    let outer = zip(&[("a.txt", b"harmless"), ("folder/", b""), ("b.zip", &inner)]);

    everybody_says(&outer, &Verdict::Clean).await;
    everybody_says(&zip(&[]), &Verdict::Clean).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_above_the_limit_is_unscannable() {
    let honest = large_member();
    everybody_says(&honest, &unscannable("archive_member_too_large")).await;

    // One level down, and behind bytes that are no zip.
    let nested = zip(&[("inner.zip", &honest)]);
    everybody_says(&nested, &unscannable("archive_member_too_large")).await;
    let hidden = [b"\xff\xd8\xff\xe0 a picture ".as_slice(), &honest].concat();
    everybody_says(&hidden, &unscannable("archive_member_too_large")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_clamd_itself_would_leave_out_gives_no_verdict() {
    let server = TestClamd::start(80);
    let scanner = scanner(&server.address());
    let small = local(&zip(&[("small.bin", &vec![0; 1 << 20])]));
    let large = local(&zip(&[("large.bin", &vec![0; 90 << 20])]));

    assert_eq!(verdict(&scanner, &small).await, Verdict::Clean);
    // clamd says OK to this one, too, without a look at its member.
    let scan = scanner.scan(&large).await;

    assert!(matches!(scan, Err(PortError::Unavailable(_))), "{scan:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_member_is_unscannable() {
    let mut locked = zip(&[("secret.txt", &eicar())]);
    let entry = listing(&locked);
    locked[6] |= 1;
    locked[entry + 8] |= 1;
    everybody_says(&locked, &unscannable("encrypted")).await;

    // clamd answers this one with OK.
    let hidden = [b"\xff\xd8\xff\xe0 a picture ".as_slice(), &locked].concat();
    everybody_says(&hidden, &unscannable("encrypted")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_clamd_does_not_know_is_unscannable() {
    let mut odd = zip(&[("a.txt", &eicar())]);
    let entry = listing(&odd);
    odd[8] = 93;
    odd[entry + 10] = 93;

    everybody_says(&odd, &unscannable("archive_method")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zip_that_tells_two_stories_is_unscannable() {
    let whole = zip(&[("a.txt", b"a text that is harmless"), ("b.txt", b"another text")]);

    // Both places that name the size say 100 bytes.
    let mut lying = large_member();
    let entry = listing(&lying);
    lying[entry + 24..entry + 28].copy_from_slice(&100_u32.to_le_bytes());
    lying[22..26].copy_from_slice(&100_u32.to_le_bytes());
    everybody_says(&lying, &unscannable("archive_damaged")).await;

    let cut_off = &whole[..listing(&whole)];
    everybody_says(cut_off, &unscannable("archive_damaged")).await;

    let mut renamed = whole.clone();
    renamed[30] = b'x';
    everybody_says(&renamed, &unscannable("archive_damaged")).await;

    let mut broken = whole;
    broken[40] ^= 0xff;
    everybody_says(&broken, &unscannable("archive_damaged")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zip_within_a_zip_within_a_zip_is_unscannable() {
    let inner = zip(&[("a.txt", b"harmless")]);
    let middle = zip(&[("inner.zip", &inner)]);
    let outer = zip(&[("middle.zip", &middle)]);

    everybody_says(&middle, &Verdict::Clean).await;
    everybody_says(&outer, &unscannable("archive_too_deep")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zip_of_very_many_members_is_unscannable() {
    let names: Vec<_> = (0..10_001).map(|number| format!("{number}")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();

    everybody_says(&zip(&members), &unscannable("limits_exceeded")).await;
}
