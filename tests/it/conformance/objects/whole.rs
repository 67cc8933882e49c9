//! Objects under their keys: written, read, copied, removed.

use super::*;

on_every_store![
    a_small_object_is_written_whole_and_replaced,
    a_part_of_an_object_can_be_read,
    an_edited_file_is_written_whole_under_its_key,
    a_large_edited_file_is_sent_in_pieces,
    a_copy_has_its_own_type_and_outlives_its_source,
    a_replaced_object_leaves_its_copy_alone,
    an_object_is_deleted_once_or_more_often,
    what_is_not_there_is_missing,
    a_key_that_leaves_its_place_is_refused,
    a_large_object_is_copied_in_pieces,
    a_probe_finds_nothing_amiss_and_leaves_nothing,
];

/// No store has to be told more than once, or takes more at a time than S3 does.
async fn a_large_object_is_copied_in_pieces(home: Home) {
    let (large, end) = (vec![1; 5 << 20], b"the end");
    let parts = [home.part("u", 1, &large).await, home.part("u", 2, end).await];
    let whole = home.assemble("u", &parts).await.unwrap();

    // The stores of these tests copy more than 5 MiB in pieces.
    home.objects.copy("incoming/u", "events/1/a", "video/mp4").await.unwrap();
    home.objects.copy("incoming/u", "events/1/a", "video/mp4").await.unwrap();

    assert_eq!(sha256(&home.read("events/1/a", None).await), whole.sha256);
    assert_eq!(home.objects.info("events/1/a").await.unwrap().content_type, "video/mp4");
}

async fn a_probe_finds_nothing_amiss_and_leaves_nothing(home: Home) {
    assert_eq!(home.objects.probe().await.unwrap(), [""; 0]);
    assert_eq!(home.objects.stale(0, "", 9).await.unwrap(), []);
}

async fn a_small_object_is_written_whole_and_replaced(home: Home) {
    home.put("a/b/c", b"first").await;
    let before = home.objects.info("a/b/c").await.unwrap();

    let longer = Bytes::from_static(b"the second");
    home.objects.put("a/b/c", longer, "image/png").await.unwrap();

    let after = home.objects.info("a/b/c").await.unwrap();
    assert_eq!((before.bytes, before.content_type.as_str()), (5, "text/plain"));
    assert_eq!((after.bytes, after.content_type.as_str()), (10, "image/png"));
    assert_ne!(after.etag, before.etag);
    assert_eq!(home.read("a/b/c", None).await, b"the second");
    let fetched = home.objects.fetch("a/b/c").await.unwrap();
    assert_eq!(fetched.bytes, 10);
    assert_eq!(std::io::read_to_string(&*fetched.file).unwrap(), "the second");
}

async fn an_edited_file_is_written_whole_under_its_key(home: Home) {
    home.put("a", b"0123456789").await;
    home.put("b", b"before").await;
    let file = home.objects.fetch("a").await.unwrap();
    let edit = |at, length, with| Edit { at, length, with };
    let list = vec![
        edit(0, 2, With::Bytes(Vec::new())),
        edit(3, 0, With::Bytes(b"abc".to_vec())),
        edit(4, 3, With::Fill(b'-')),
        edit(9, 1, With::Bytes(b"z".to_vec())),
    ];
    let edits = Edits::of(10, list).unwrap();

    let first = home.objects.put_edited("b", &file, &edits, "image/png").await.unwrap();
    let again = home.objects.put_edited("b", &file, &edits, "image/png").await.unwrap();

    let expected = b"2abc3---78z";
    assert_eq!(home.read("b", None).await, expected);
    assert_eq!(first, Assembled { bytes: 11, sha256: sha256(expected) });
    assert_eq!((again, edits.bytes()), (first, 11));
    let info = home.objects.info("b").await.unwrap();
    assert_eq!((info.bytes, info.content_type.as_str()), (11, "image/png"));
    assert_eq!(home.read("a", None).await, b"0123456789", "the source is as it was");
    let refused = home.objects.put_edited("../b", &file, &edits, "image/png").await;
    assert!(matches!(refused, Err(PortError::Refused { code, .. }) if code == "bad_key"));
}

/// The stores of these tests send more than 5 MiB in pieces.
async fn a_large_edited_file_is_sent_in_pieces(home: Home) {
    let ones = Bytes::from(vec![1; 6 << 20]);
    home.objects.put("a", ones, "video/mp4").await.unwrap();
    let file = home.objects.fetch("a").await.unwrap();
    let filled = Edit { at: 2, length: (6 << 20) - 3, with: With::Fill(2) };
    let edits = Edits::of(6 << 20, vec![filled]).unwrap();

    let made = home.objects.put_edited("events/1/a", &file, &edits, "video/mp4").await.unwrap();

    let mut expected = vec![2; 6 << 20];
    (expected[0], expected[1], expected[(6 << 20) - 1]) = (1, 1, 1);
    assert_eq!(made, Assembled { bytes: 6 << 20, sha256: sha256(&expected) });
    assert_eq!(sha256(&home.read("events/1/a", None).await), made.sha256);
    assert_eq!(home.objects.info("events/1/a").await.unwrap().content_type, "video/mp4");
}

async fn a_part_of_an_object_can_be_read(home: Home) {
    home.put("a", b"0123456789").await;

    assert_eq!(home.read("a", None).await, b"0123456789");
    assert_eq!(home.read("a", Some(0..1)).await, b"0");
    assert_eq!(home.read("a", Some(3..7)).await, b"3456");
    assert_eq!(home.read("a", Some(8..10)).await, b"89");
    assert_eq!(home.read("a", Some(8..99)).await, b"89", "no more than there is");
}

async fn a_copy_has_its_own_type_and_outlives_its_source(home: Home) {
    home.put("private/a", b"abc").await;

    home.objects.copy("private/a", "public/a", "image/jpeg").await.unwrap();
    home.objects.copy("private/a", "public/a", "image/png").await.unwrap();
    let source = home.objects.info("private/a").await.unwrap();
    home.objects.delete("private/a").await.unwrap();

    assert_eq!(source.content_type, "text/plain");
    let copy = home.objects.info("public/a").await.unwrap();
    assert_eq!((copy.bytes, copy.content_type.as_str()), (3, "image/png"));
    assert_eq!(home.read("public/a", None).await, b"abc");
}

async fn a_replaced_object_leaves_its_copy_alone(home: Home) {
    home.put("a", b"abc").await;
    home.objects.copy("a", "b", "text/plain").await.unwrap();
    let fetched = home.objects.fetch("a").await.unwrap();

    home.put("a", b"other").await;

    assert_eq!(home.read("b", None).await, b"abc");
    assert_eq!(std::io::read_to_string(&*fetched.file).unwrap(), "abc", "an open file stays");
}

async fn an_object_is_deleted_once_or_more_often(home: Home) {
    home.put("a", b"abc").await;
    home.put("ab", b"abc").await;

    home.objects.delete("a").await.unwrap();
    home.objects.delete("a").await.unwrap();

    assert!(is_missing(home.objects.info("a").await));
    assert_eq!(home.read("ab", None).await, b"abc");
}

async fn what_is_not_there_is_missing(home: Home) {
    home.put("a/b", b"abc").await;

    for key in ["none", "a/none", "none/b"] {
        assert!(is_missing(home.objects.info(key).await), "{key}");
        assert!(is_missing(home.objects.fetch(key).await), "{key}");
        assert!(is_missing(home.objects.read(key, None).await.map(|_| ())), "{key}");
        assert!(is_missing(home.objects.copy(key, "c", "text/plain").await), "{key}");
    }
    assert!(is_missing(home.objects.info("c").await), "nothing came of the copies");
}

async fn a_key_that_leaves_its_place_is_refused(home: Home) {
    let objects = &home.objects;
    home.put("a", b"abc").await;

    for key in ["", "..", "../a", "a/../b", "/etc/a", "a//b", "a\0b", "./a", "a/", "a/./b"] {
        let bytes = Bytes::from_static(b"abc");
        let answers = [
            code(objects.put(key, bytes, "text/plain").await),
            code(objects.copy("a", key, "text/plain").await),
            code(objects.delete(key).await),
            code(objects.fetch(key).await),
            code(objects.read(key, None).await.map(|_| ())),
            code(objects.info(key).await),
            code(objects.begin(key, "text/plain", true).await),
        ];
        assert_eq!(answers, ["bad_key"; 7], "{key:?}");
    }
}
