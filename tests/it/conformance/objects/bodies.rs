//! What comes in through `put_part`: kept whole or not at all.

use std::{io::Write, path::PathBuf};

use jobs::ports::Spooled;
use tokio::sync::mpsc::{Receiver, Sender};

use super::*;

on_every_store![
    a_part_of_another_length_is_refused_and_not_kept,
    a_part_with_another_digest_is_refused_and_not_kept,
    a_body_that_breaks_off_is_not_kept,
    a_body_whose_sender_hangs_up_is_not_kept,
    a_body_without_end_is_not_read_to_its_end,
    a_file_of_this_machine_becomes_a_part,
    a_process_that_starts_leaves_the_others_their_unfinished_parts,
];

fn as_it_comes(rest: Receiver<Bytes>) -> ByteStream {
    stream::unfold(rest, |mut rest| async { Some((Ok(rest.recv().await?), rest)) }).boxed()
}

/// Returns when the first is on its way to the store: the channel has room for one.
async fn send_twice(more: &Sender<Bytes>) {
    for _ in 0..2 {
        more.send(Bytes::from_static(b"abc")).await.unwrap();
    }
}

async fn a_part_of_another_length_is_refused_and_not_kept(home: Home) {
    let transfer = home.transfer("u").await;
    let put = |expected| home.objects.put_part(&transfer, 1, expected, body(b"abcdef"));

    assert_eq!(code(put(exactly(5)).await), "chunk_size");
    assert_eq!(code(put(exactly(7)).await), "chunk_size");
    assert_eq!(code(put(at_most(5)).await), "chunk_size");
    assert_eq!(home.kept("u").await, 0);
    let part = put(at_most(7)).await.unwrap();
    assert_eq!((part.bytes, part.sha256.clone()), (6, Some(sha256(b"abcdef"))));
    assert!(home.has("u", &part).await);
}

async fn a_part_with_another_digest_is_refused_and_not_kept(home: Home) {
    let transfer = home.transfer("u").await;
    let put = |promised: &[u8], length| {
        let expected = Expected { length, sha256: Some(sha256(promised)) };
        home.objects.put_part(&transfer, 1, expected, body(b"abcdef"))
    };

    for length in [Length::Exactly(6), Length::AtMost(9)] {
        assert_eq!(code(put(b"fedcba", length).await), "digest_mismatch");
        assert_eq!(home.kept("u").await, 0);
    }
    let part = put(b"abcdef", Length::Exactly(6)).await.unwrap();
    assert!(home.has("u", &part).await);
}

async fn a_body_that_breaks_off_is_not_kept(home: Home) {
    let broken = || {
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let pieces = [Ok(Bytes::from_static(b"abc")), Err(reset), Ok(Bytes::from_static(b"def"))];
        stream::iter(pieces).boxed()
    };

    let transfer = home.transfer("u").await;
    for expected in [exactly(6), exactly(3), at_most(6)] {
        let answer = home.objects.put_part(&transfer, 1, expected, broken()).await;
        assert_eq!(code(answer), "body_interrupted");
    }
    assert_eq!(home.kept("u").await, 0);
}

async fn a_body_whose_sender_hangs_up_is_not_kept(home: Home) {
    let (more, rest) = tokio::sync::mpsc::channel(1);
    let transfer = home.transfer("u").await;
    let put = home.objects.put_part(&transfer, 1, at_most(6), as_it_comes(rest));

    tokio::select! {
        // Gone with what it still has to send, like a request whose caller hung up.
        _ = put => panic!("it waits for more"),
        () = send_twice(&more) => {}
    }

    assert_eq!(home.kept("u").await, 0);
}

async fn a_body_without_end_is_not_read_to_its_end(home: Home) {
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(b"on and on"))).boxed();

    let transfer = home.transfer("u").await;
    let answer = home.objects.put_part(&transfer, 1, exactly(1 << 20), endless).await;

    assert_eq!(code(answer), "chunk_size");
}

async fn a_file_of_this_machine_becomes_a_part(home: Home) {
    let transfer = home.transfer("u").await;
    // The second is another disk, which a file cannot simply be moved from.
    let folders = [std::env::temp_dir(), PathBuf::from("/dev/shm")];
    for (number, folder) in (1..).zip(folders.iter().filter(|folder| folder.is_dir())) {
        let mut file = tempfile::NamedTempFile::new_in(folder).unwrap();
        file.write_all(b"abcdef").unwrap();
        let path = file.path().to_owned();
        let whole = Spooled { file, bytes: 6, sha256: sha256(b"abcdef") };

        let part = home.objects.put_file(&transfer, number, whole).await.unwrap();

        let same = Part { number, sha256: Some(sha256(b"abcdef")), bytes: 6, ..part.clone() };
        assert_eq!(part, same);
        assert!(home.has("u", &part).await && !path.exists());
    }
}

async fn a_process_that_starts_leaves_the_others_their_unfinished_parts(home: Home) {
    let (more, rest) = tokio::sync::mpsc::channel(1);
    let transfer = home.transfer("u").await;
    let put = home.objects.put_part(&transfer, 1, exactly(6), as_it_comes(rest));

    let start_another = async {
        send_twice(&more).await;
        (home.reopen)().await;
        drop(more);
    };
    let (kept, ()) = tokio::join!(put, start_another);

    assert!(home.has("u", &kept.unwrap()).await);
}
