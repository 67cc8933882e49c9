//! The store of objects on its adapters: what is kept, what is refused, what survives.

use std::{ops::Range, path::Path, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use iven_worker::adapters::disk::Disk;
use jobs::{
    ports::{Assembled, ByteStream, Expected, Length, Objects, Part, PortError},
    progress::{Progress, Report},
};
use sha2::{Digest, Sha256};

/// What a case is given: an empty store, and a way to it for a process that starts later.
struct Home {
    objects: Arc<dyn Objects>,
    reopen: Box<dyn Fn() -> Arc<dyn Objects> + Send>,
}

/// Nobody asks how far it is.
fn unheard() -> Arc<Progress> {
    Arc::default()
}

/// Runs each case on each adapter.
macro_rules! on_every_store {
    ($($case:ident),* $(,)?) => {
        mod on_disk {
            $(
                #[tokio::test]
                async fn $case() {
                    let folder = tempfile::tempdir().unwrap();
                    super::$case(super::on_disk_in(folder.path())).await;
                }
            )*
        }
    };
}

mod bodies;

on_every_store![
    the_same_bytes_twice_are_one_part,
    other_bytes_of_one_number_lie_side_by_side,
    one_part_becomes_an_object,
    three_parts_become_an_object_in_their_order,
    an_assembly_can_be_repeated_even_without_its_parts,
    an_assembly_replaces_what_has_another_length,
    an_assembly_of_parts_that_are_gone_is_missing,
    an_abort_forgets_the_parts_of_one_upload,
    uploads_are_stale_by_their_age,
    a_small_object_is_written_whole_and_replaced,
    a_part_of_an_object_can_be_read,
    a_copy_has_its_own_type_and_outlives_its_source,
    a_replaced_object_leaves_its_copy_alone,
    an_object_is_deleted_once_or_more_often,
    what_is_not_there_is_missing,
    a_key_that_leaves_its_place_is_refused,
    an_object_is_there_after_a_restart,
];

fn on_disk_in(folder: &Path) -> Home {
    let folder = folder.join("objects");
    let open = move || -> Arc<dyn Objects> { Arc::new(Disk::open(&folder).unwrap()) };
    Home { objects: open(), reopen: Box::new(open) }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A body in some pieces.
fn body(bytes: &[u8]) -> ByteStream {
    let pieces = bytes.chunks(bytes.len().div_ceil(4).max(1));
    let pieces: Vec<_> = pieces.map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces).boxed()
}

fn exactly(bytes: u64) -> Expected {
    Expected { length: Length::Exactly(bytes), sha256: None }
}

fn at_most(bytes: u64) -> Expected {
    Expected { length: Length::AtMost(bytes), sha256: None }
}

fn code<T: std::fmt::Debug>(answer: Result<T, PortError>) -> String {
    match answer {
        Err(PortError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

fn is_missing<T>(answer: Result<T, PortError>) -> bool {
    matches!(answer, Err(PortError::Missing(_)))
}

impl Home {
    async fn part(&self, upload: &str, number: u32, bytes: &[u8]) -> Part {
        let length = bytes.len() as u64;
        let part = self.objects.put_part(upload, number, exactly(length), body(bytes)).await;
        let part = part.unwrap();
        assert_eq!((part.number, part.bytes), (number, length));
        assert_eq!(part.sha256, sha256(bytes));
        part
    }

    /// Whether `upload` has a part `number` of these bytes.
    async fn has(&self, upload: &str, number: u32, bytes: &[u8]) -> bool {
        let same = self.part("to learn its name", number, bytes).await;
        let key = format!("seen/{upload}/{number}/{}", same.sha256);
        match self.objects.assemble(upload, &[same], &key, "text/plain", &unheard()).await {
            Ok(_) => true,
            Err(PortError::Missing(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    async fn put(&self, key: &str, bytes: &'static [u8]) {
        self.objects.put(key, Bytes::from_static(bytes), "text/plain").await.unwrap();
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Vec<u8> {
        read(&self.objects, key, range).await
    }
}

async fn read(objects: &Arc<dyn Objects>, key: &str, range: Option<Range<u64>>) -> Vec<u8> {
    let pieces: Vec<Bytes> = objects.read(key, range).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

async fn the_same_bytes_twice_are_one_part(home: Home) {
    let first = home.part("u", 1, b"abcdef").await;

    let again = home.part("u", 1, b"abcdef").await;
    home.objects.drop_part("u", &first).await.unwrap();

    assert_eq!(again, first);
    assert!(!home.has("u", 1, b"abcdef").await, "there was only one");
    home.objects.drop_part("u", &first).await.unwrap();
}

async fn other_bytes_of_one_number_lie_side_by_side(home: Home) {
    let lost = home.part("u", 1, b"abc").await;
    let won = home.part("u", 1, b"ABCD").await;
    home.part("v", 1, b"abc").await;

    home.objects.drop_part("u", &lost).await.unwrap();
    home.objects.assemble("u", &[won], "a", "text/plain", &unheard()).await.unwrap();

    assert_eq!(home.read("a", None).await, b"ABCD");
    assert!(!home.has("u", 1, b"abc").await);
    assert!(home.has("v", 1, b"abc").await, "another upload's part is not this one's");
}

async fn one_part_becomes_an_object(home: Home) {
    let part = home.part("u", 1, b"abc").await;

    let whole = home
        .objects
        .assemble("u", &[part], "incoming/1/a", "image/jpeg", &unheard())
        .await
        .unwrap();
    home.objects.abort("u").await.unwrap();

    assert_eq!(whole, Assembled { bytes: 3, sha256: sha256(b"abc") });
    let info = home.objects.info("incoming/1/a").await.unwrap();
    assert_eq!((info.bytes, info.content_type.as_str()), (3, "image/jpeg"));
    assert!(!info.etag.is_empty());
    assert_eq!(home.read("incoming/1/a", None).await, b"abc");
}

async fn three_parts_become_an_object_in_their_order(home: Home) {
    // S3 takes no part but the last that is smaller; they come in another order.
    let large = |byte: u8| vec![byte; 5 << 20];
    let (third, second) = (home.part("u", 3, b"end").await, home.part("u", 2, &large(2)).await);
    let first = home.part("u", 1, &large(1)).await;

    let (parts, progress) = ([first, second, third], unheard());
    let whole = home.objects.assemble("u", &parts, "a", "video/mp4", &progress).await.unwrap();

    let expected = [large(1), large(2), b"end".to_vec()].concat();
    let bytes = expected.len() as u64;
    assert_eq!(whole, Assembled { bytes, sha256: sha256(&expected) });
    assert_eq!(home.objects.info("a").await.unwrap().bytes, bytes);
    assert_eq!(sha256(&home.read("a", None).await), whole.sha256);
    // A store that puts them together by itself says nothing.
    let last = Report { pct: 100, note: "3 of 3 parts are put together".to_owned() };
    assert!(progress.news().is_none_or(|said| said == last));
}

async fn an_assembly_can_be_repeated_even_without_its_parts(home: Home) {
    for (key, count) in [("one", 1), ("two", 2)] {
        let mut parts = Vec::new();
        for number in 1..=count {
            parts.push(home.part(key, number, &vec![7; 5 << 20]).await);
        }
        let unheard = unheard();
        let assemble = || home.objects.assemble(key, &parts, key, "text/plain", &unheard);

        let first = assemble().await.unwrap();
        let second = assemble().await.unwrap();
        home.objects.abort(key).await.unwrap();
        let third = assemble().await.unwrap();

        assert_eq!((&second, &third), (&first, &first));
    }
}

async fn an_assembly_replaces_what_has_another_length(home: Home) {
    home.put("a", b"something else").await;
    let part = home.part("u", 1, b"abc").await;

    home.objects.assemble("u", &[part], "a", "image/png", &unheard()).await.unwrap();

    assert_eq!(home.read("a", None).await, b"abc");
    assert_eq!(home.objects.info("a").await.unwrap().content_type, "image/png");
}

async fn an_assembly_of_parts_that_are_gone_is_missing(home: Home) {
    let parts = [home.part("u", 1, &vec![1; 5 << 20]).await, home.part("u", 2, b"abc").await];
    home.objects.drop_part("u", &parts[1]).await.unwrap();

    let some = home.objects.assemble("u", &parts, "a", "text/plain", &unheard()).await;
    let one = home.objects.assemble("u", &parts[1..], "a", "text/plain", &unheard()).await;

    assert!(is_missing(some) && is_missing(one));
    assert!(is_missing(home.objects.info("a").await), "half an object is none");
}

async fn an_abort_forgets_the_parts_of_one_upload(home: Home) {
    home.part("u", 1, b"abc").await;
    home.part("u", 2, b"def").await;
    home.part("v", 1, b"abc").await;

    home.objects.abort("u").await.unwrap();
    home.objects.abort("u").await.unwrap();
    home.objects.abort("never heard of").await.unwrap();

    assert!(!home.has("u", 1, b"abc").await && !home.has("u", 2, b"def").await);
    assert!(home.has("v", 1, b"abc").await);
}

async fn uploads_are_stale_by_their_age(home: Home) {
    let stale = async |seconds, after, limit| {
        home.objects.stale_uploads(seconds, after, limit).await.unwrap()
    };
    home.part("u", 1, b"abc").await;
    home.part("v", 1, b"abc").await;

    assert_eq!(stale(0, "", 9).await, ["u", "v"]);
    assert_eq!(stale(0, "", 1).await, ["u"]);
    assert_eq!(stale(0, "u", 9).await, ["v"]);
    assert_eq!(stale(3600, "", 9).await, Vec::<String>::new());
    home.objects.abort("u").await.unwrap();
    assert_eq!(stale(0, "", 9).await, ["v"]);
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
            code(objects.abort(key).await),
            code(objects.put_part(key, 1, exactly(3), body(b"abc")).await),
        ];
        assert_eq!(answers, ["bad_key"; 7], "{key:?}");
    }
}

async fn an_object_is_there_after_a_restart(home: Home) {
    let parts = [home.part("u", 1, &vec![1; 5 << 20]).await, home.part("u", 2, b"abc").await];
    let whole = home.objects.assemble("u", &parts, "a", "video/mp4", &unheard()).await.unwrap();
    let info = home.objects.info("a").await.unwrap();
    drop(home.objects);

    let later = (home.reopen)();

    assert_eq!(later.info("a").await.unwrap(), info);
    assert_eq!(sha256(&read(&later, "a", None).await), whole.sha256);
    let again = later.assemble("u", &parts, "b", "video/mp4", &unheard()).await.unwrap();
    assert_eq!(again, whole, "the parts are there, too");
}
