//! What comes in through `put_part`: kept whole or not at all.

use tokio::sync::mpsc::{Receiver, Sender};

use super::*;

on_every_store![
    a_part_of_another_length_is_refused_and_not_kept,
    a_part_with_another_digest_is_refused_and_not_kept,
    a_body_that_breaks_off_is_not_kept,
    a_body_whose_sender_hangs_up_is_not_kept,
    a_body_without_end_is_not_read_to_its_end,
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
    let put = |expected| home.objects.put_part("u", 1, expected, body(b"abcdef"));

    assert_eq!(code(put(exactly(5)).await), "chunk_size");
    assert_eq!(code(put(exactly(7)).await), "chunk_size");
    assert_eq!(code(put(at_most(5)).await), "chunk_size");
    assert!(!home.has("u", 1, b"abcdef").await && !home.has("u", 1, b"abcde").await);
    assert_eq!(put(at_most(7)).await.unwrap().bytes, 6);
    assert!(home.has("u", 1, b"abcdef").await);
}

async fn a_part_with_another_digest_is_refused_and_not_kept(home: Home) {
    let put = |promised: &[u8]| {
        let expected = Expected { sha256: Some(sha256(promised)), ..exactly(6) };
        home.objects.put_part("u", 1, expected, body(b"abcdef"))
    };

    assert_eq!(code(put(b"fedcba").await), "digest_mismatch");
    assert!(!home.has("u", 1, b"abcdef").await);
    put(b"abcdef").await.unwrap();
    assert!(home.has("u", 1, b"abcdef").await);
}

async fn a_body_that_breaks_off_is_not_kept(home: Home) {
    let broken = || {
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let pieces = [Ok(Bytes::from_static(b"abc")), Err(reset), Ok(Bytes::from_static(b"def"))];
        stream::iter(pieces).boxed()
    };

    for expected in [exactly(6), exactly(3), at_most(6)] {
        let answer = home.objects.put_part("u", 1, expected, broken()).await;
        assert_eq!(code(answer), "body_interrupted");
    }
    assert!(!home.has("u", 1, b"abc").await && !home.has("u", 1, b"abcdef").await);
}

async fn a_body_whose_sender_hangs_up_is_not_kept(home: Home) {
    let (more, rest) = tokio::sync::mpsc::channel(1);
    let put = home.objects.put_part("u", 1, at_most(6), as_it_comes(rest));

    tokio::select! {
        // Gone with what it still has to send, like a request whose caller hung up.
        _ = put => panic!("it waits for more"),
        () = send_twice(&more) => {}
    }

    assert!(!home.has("u", 1, b"abc").await && !home.has("u", 1, b"abcabc").await);
}

async fn a_body_without_end_is_not_read_to_its_end(home: Home) {
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(b"on and on"))).boxed();

    let answer = home.objects.put_part("u", 1, exactly(1 << 20), endless).await;

    assert_eq!(code(answer), "chunk_size");
}

async fn a_process_that_starts_leaves_the_others_their_unfinished_parts(home: Home) {
    let (more, rest) = tokio::sync::mpsc::channel(1);
    let put = home.objects.put_part("u", 1, exactly(6), as_it_comes(rest));

    let start_another = async {
        send_twice(&more).await;
        (home.reopen)();
        drop(more);
    };
    let (kept, ()) = tokio::join!(put, start_another);

    assert_eq!(kept.unwrap().bytes, 6);
    assert!(home.has("u", 1, b"abcabc").await);
}
