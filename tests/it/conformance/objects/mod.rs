//! The store of objects on its adapters: what is kept, what is refused, what survives.

use std::{
    collections::HashMap,
    ops::Range,
    path::Path,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use iven_worker::adapters::{
    clock::SystemClock,
    disk::Disk,
    s3::{Place, S3},
};
use jobs::{
    ports::{
        Assembled, ByteStream, Edit, Edits, Expected, Length, Objects, Part, PortError, Transfer,
        With,
    },
    progress::Progress,
};
use sha2::{Digest, Sha256};

/// What a case is given: an empty store, and a way to it for a process that starts later.
struct Home {
    objects: Arc<dyn Objects>,
    reopen: Reopen,
    /// By the names of their uploads.
    transfers: Mutex<HashMap<String, Transfer>>,
}

type Reopen = Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Objects>> + Send + Sync>;

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
                    super::$case(super::on_disk_in(folder.path()).await).await;
                }
            )*
        }

        mod on_s3s {
            $(
                #[tokio::test]
                async fn $case() {
                    let folder = tempfile::tempdir().unwrap();
                    let server = crate::s3::in_process(folder.path()).await;
                    super::$case(super::on_s3_at(&server, folder.path()).await).await;
                }
            )*
        }

        mod on_a_real_bucket {
            $(
                #[tokio::test]
                async fn $case() {
                    let Some(bucket) = crate::s3::real::Bucket::alone().await else { return };
                    let folder = tempfile::tempdir().unwrap();
                    super::$case(super::on_s3_at(&bucket.place, folder.path()).await).await;
                }
            )*
        }
    };
}

mod bodies;
mod whole;

on_every_store![
    the_same_bytes_twice_are_one_part,
    of_two_parts_with_one_number_the_list_says_what_is_kept,
    one_part_becomes_an_object,
    three_parts_become_an_object_in_their_order,
    an_assembly_can_be_repeated_even_without_its_parts,
    an_assembly_replaces_what_has_another_length,
    an_assembly_of_parts_that_are_gone_is_missing,
    an_abort_forgets_the_parts_of_one_upload,
    transfers_are_stale_by_their_age,
    what_arrived_is_listed_by_its_age,
    an_object_is_there_after_a_restart,
];

async fn on_disk_in(folder: &Path) -> Home {
    let folder = folder.join("objects");
    Home::new(Box::new(move || {
        let folder = folder.clone();
        async move { Arc::new(Disk::open(&folder).unwrap()) as Arc<dyn Objects> }.boxed()
    }))
    .await
}

async fn on_s3_at(place: &Place, folder: &Path) -> Home {
    let (place, folder) = (place.clone(), folder.join("copies"));
    Home::new(Box::new(move || {
        let (place, folder) = (place.clone(), folder.clone());
        async move {
            Arc::new(S3::open(place, &folder, Arc::new(SystemClock)).await.unwrap())
                as Arc<dyn Objects>
        }
        .boxed()
    }))
    .await
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
    async fn new(reopen: Reopen) -> Self {
        Self { objects: reopen().await, reopen, transfers: Mutex::default() }
    }

    /// The transfer of this upload, which begins when it is named first.
    async fn transfer(&self, upload: &str) -> Transfer {
        let known = self.transfers.lock().unwrap().get(upload).cloned();
        if let Some(transfer) = known {
            return transfer;
        }
        let transfer = self.objects.begin(upload, "video/mp4", true).await.unwrap();
        self.transfers.lock().unwrap().insert(upload.to_owned(), transfer.clone());
        transfer
    }

    async fn part(&self, upload: &str, number: u32, bytes: &[u8]) -> Part {
        let (length, transfer) = (bytes.len() as u64, self.transfer(upload).await);
        let part = self.objects.put_part(&transfer, number, exactly(length), body(bytes)).await;
        let part = part.unwrap();
        assert_eq!((part.number, part.bytes), (number, length));
        assert_eq!(part.sha256, Some(sha256(bytes)));
        part
    }

    async fn drop_part(&self, upload: &str, part: &Part) {
        self.objects.drop_part(&self.transfer(upload).await, part).await.unwrap();
    }

    async fn assemble(&self, upload: &str, parts: &[Part]) -> Result<Assembled, PortError> {
        let transfer = self.transfer(upload).await;
        self.objects.assemble(&transfer, parts, "video/mp4", &unheard()).await
    }

    async fn abort(&self, upload: &str) {
        self.objects.abort(&self.transfer(upload).await).await.unwrap();
    }

    /// Whether `upload` has this part.
    async fn has(&self, upload: &str, part: &Part) -> bool {
        let kept = self.objects.parts(&self.transfer(upload).await).await.unwrap();
        kept.iter().any(|kept| {
            let same = (kept.number, &kept.etag, kept.bytes);
            same == (part.number, &part.etag, part.bytes)
                && (kept.sha256.is_none() || kept.sha256 == part.sha256)
        })
    }

    /// How many parts `upload` has.
    async fn kept(&self, upload: &str) -> usize {
        self.objects.parts(&self.transfer(upload).await).await.unwrap().len()
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

    assert_eq!(again, first);
    let kept = home.objects.parts(&home.transfer("u").await).await.unwrap();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(home.has("u", &first).await);
}

async fn of_two_parts_with_one_number_the_list_says_what_is_kept(home: Home) {
    let lost = home.part("u", 1, b"abc").await;
    let won = home.part("u", 1, b"ABCD").await;
    let other = home.part("v", 1, b"abc").await;

    home.drop_part("u", &lost).await;
    assert!(!home.has("u", &lost).await && home.has("u", &won).await);
    assert!(home.has("v", &other).await, "another upload's part is not this one's");

    home.assemble("u", &[won]).await.unwrap();
    assert_eq!(home.read("incoming/u", None).await, b"ABCD");
}

async fn one_part_becomes_an_object(home: Home) {
    let part = home.part("u", 1, b"abc").await;

    let whole = home.assemble("u", &[part]).await.unwrap();
    home.abort("u").await;

    assert_eq!(whole, Assembled { bytes: 3, sha256: sha256(b"abc") });
    let info = home.objects.info("incoming/u").await.unwrap();
    assert_eq!((info.bytes, info.content_type.as_str()), (3, "video/mp4"));
    assert!(!info.etag.is_empty() && !info.etag.contains('"'));
    assert_eq!(home.read("incoming/u", None).await, b"abc");
}

async fn three_parts_become_an_object_in_their_order(home: Home) {
    // S3 takes no part but the last that is smaller; they come in another order.
    let large = |byte: u8| vec![byte; 5 << 20];
    let (third, second) = (home.part("u", 3, b"end").await, home.part("u", 2, &large(2)).await);
    let first = home.part("u", 1, &large(1)).await;

    let (parts, progress) = ([first, second, third], unheard());
    let transfer = home.transfer("u").await;
    let whole = home.objects.assemble(&transfer, &parts, "video/mp4", &progress).await.unwrap();

    let expected = [large(1), large(2), b"end".to_vec()].concat();
    let bytes = expected.len() as u64;
    assert_eq!(whole, Assembled { bytes, sha256: sha256(&expected) });
    assert_eq!(home.objects.info("incoming/u").await.unwrap().bytes, bytes);
    assert_eq!(sha256(&home.read("incoming/u", None).await), whole.sha256);
    assert!(progress.news().is_none_or(|said| said.pct == 100));
}

async fn an_assembly_can_be_repeated_even_without_its_parts(home: Home) {
    for (upload, count) in [("one", 1), ("two", 2)] {
        let mut parts = Vec::new();
        for number in 1..=count {
            parts.push(home.part(upload, number, &vec![7; 5 << 20]).await);
        }

        let first = home.assemble(upload, &parts).await.unwrap();
        let second = home.assemble(upload, &parts).await.unwrap();
        home.abort(upload).await;
        let third = home.assemble(upload, &parts).await.unwrap();

        assert_eq!((&second, &third), (&first, &first));
    }
}

async fn an_assembly_replaces_what_has_another_length(home: Home) {
    home.put("incoming/u", b"something else").await;
    let part = home.part("u", 1, b"abc").await;

    home.assemble("u", &[part]).await.unwrap();

    assert_eq!(home.read("incoming/u", None).await, b"abc");
    assert_eq!(home.objects.info("incoming/u").await.unwrap().content_type, "video/mp4");
}

async fn an_assembly_of_parts_that_are_gone_is_missing(home: Home) {
    let parts = [home.part("u", 1, &vec![1; 5 << 20]).await, home.part("u", 2, b"abc").await];
    let never = Part { number: 3, ..parts[1].clone() };
    home.abort("u").await;

    let gone = home.assemble("u", &parts).await;
    let one = home.assemble("u", &parts[1..]).await;
    let part = home.part("v", 1, &vec![1; 5 << 20]).await;
    let some = home.assemble("v", &[part, never]).await;

    assert!(is_missing(gone) && is_missing(one) && is_missing(some));
    for key in ["incoming/u", "incoming/v"] {
        assert!(is_missing(home.objects.info(key).await), "half an object is none");
    }
}

async fn an_abort_forgets_the_parts_of_one_upload(home: Home) {
    let parts = [home.part("u", 1, b"abc").await, home.part("u", 2, b"def").await];
    let other = home.part("v", 1, b"abc").await;

    home.abort("u").await;
    home.abort("u").await;

    assert!(!home.has("u", &parts[0]).await && !home.has("u", &parts[1]).await);
    assert!(home.has("v", &other).await);
}

async fn transfers_are_stale_by_their_age(home: Home) {
    let stale = async |seconds, after, limit| {
        let found = home.objects.stale(seconds, after, limit).await.unwrap();
        found.into_iter().map(|transfer| transfer.upload).collect::<Vec<_>>()
    };
    home.part("u", 1, b"abc").await;
    home.part("v", 1, b"abc").await;

    assert_eq!(stale(0, "", 9).await, ["u", "v"]);
    assert_eq!(stale(0, "", 1).await, ["u"]);
    assert_eq!(stale(0, "u", 9).await, ["v"]);
    assert_eq!(stale(3600, "", 9).await, Vec::<String>::new());
    home.abort("u").await;
    assert_eq!(stale(0, "", 9).await, ["v"]);
}

async fn what_arrived_is_listed_by_its_age(home: Home) {
    let arrived = async |seconds, after, limit| {
        let found = home.objects.arrived(seconds, after, limit).await.unwrap();
        found.into_iter().map(|object| (object.key, object.bytes)).collect::<Vec<_>>()
    };
    assert_eq!(arrived(0, "", 9).await, []);
    for key in ["incoming/b", "incoming/a.tail-x-2", "events/1/media/c"] {
        home.objects.put(key, Bytes::from_static(b"abc"), "text/plain").await.unwrap();
    }
    home.part("u", 1, b"no object yet").await;
    let (tail, whole) = (("incoming/a.tail-x-2".to_owned(), 3), ("incoming/b".to_owned(), 3));

    assert_eq!(arrived(0, "", 9).await, [tail.clone(), whole.clone()]);
    assert_eq!(arrived(0, "", 1).await, std::slice::from_ref(&tail));
    assert_eq!(arrived(0, &tail.0, 9).await, [whole]);
    assert_eq!(arrived(3600, "", 9).await, []);
}

async fn an_object_is_there_after_a_restart(home: Home) {
    let parts = [home.part("u", 1, &vec![1; 5 << 20]).await, home.part("u", 2, b"abc").await];
    let whole = home.assemble("u", &parts).await.unwrap();
    let info = home.objects.info("incoming/u").await.unwrap();
    let waiting = home.part("v", 1, b"abc").await;

    let later = Home { objects: (home.reopen)().await, ..home };

    assert_eq!(later.objects.info("incoming/u").await.unwrap(), info);
    assert_eq!(sha256(&later.read("incoming/u", None).await), whole.sha256);
    assert_eq!(later.assemble("u", &parts).await.unwrap(), whole);
    assert!(later.has("v", &waiting).await, "the parts are there, too");
}
