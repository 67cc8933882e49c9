//! Chunks in any order, in parallel, again; cancelled and expired uploads.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use base64::Engine;
use jobs::model::{CHUNK_BYTES, ProcessingStatus};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::house::{House, answer};

/// A file of `bytes` bytes; no two chunks are alike.
fn large(bytes: u64) -> Vec<u8> {
    (0..bytes / 8).flat_map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes()).collect()
}

async fn announce(house: &House, size: usize, more: Value) -> String {
    let mut wish = json!({
        "eventId": 1, "userId": 42, "filename": "a.jpg", "size": size, "mimeType": "image/jpeg",
    });
    wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, upload) = house.ask("POST", "/v1/uploads", wish).await;
    assert_eq!(status, StatusCode::CREATED, "{upload}");
    upload["uploadId"].as_str().unwrap().to_owned()
}

async fn show(house: &House, id: &str) -> Value {
    house.ask("GET", &format!("/v1/uploads/{id}"), Value::Null).await.1
}

#[tokio::test]
async fn chunks_come_in_any_order_in_parallel_and_twice() {
    let house = House::new().await;
    let bytes = large(2 * CHUNK_BYTES + 800);
    let promised = json!({ "sha256": hex::encode(Sha256::digest(&bytes)) });
    let id = announce(&house, bytes.len(), promised).await;
    let chunks: Vec<&[u8]> = bytes.chunks(CHUNK_BYTES as usize).collect();

    let sends = [3, 1, 2, 3, 1].map(|n| house.put_chunk(&id, n, chunks[n - 1].to_vec()));
    let answers = futures_util::future::join_all(sends).await;
    let upload = show(&house, &id).await;
    let media = house.complete(&id).await;
    let again = house.complete(&id).await;
    house.drain().await;

    assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK), "{answers:?}");
    assert_eq!((&upload["progress"], &upload["missing"]), (&json!(100), &json!([])));
    assert_eq!(media, again);
    let upload = show(&house, &id).await;
    assert_eq!((&upload["status"], &upload["phase"]), (&json!("completed"), &json!("stored")));
    assert_eq!(upload["sha256"], promised_of(&bytes));
    assert_eq!(house.read(media).await.file_size, bytes.len() as u64);
}

fn promised_of(bytes: &[u8]) -> Value {
    json!(hex::encode(Sha256::digest(bytes)))
}

#[tokio::test]
async fn progress_is_the_share_of_distinct_verified_bytes() {
    let house = House::new().await;
    let bytes = large(CHUNK_BYTES + CHUNK_BYTES / 4);
    let id = announce(&house, bytes.len(), json!({})).await;
    let first = bytes[..CHUNK_BYTES as usize].to_vec();

    let (_, once) = house.put_chunk(&id, 1, first.clone()).await;
    let (_, twice) = house.put_chunk(&id, 1, first).await;

    assert_eq!(once, json!({ "chunkNumber": 1, "progress": 80 }));
    assert_eq!(twice, once);
    assert_eq!(show(&house, &id).await["receivedBytes"], json!(CHUNK_BYTES));
}

#[tokio::test]
async fn a_chunk_that_is_not_what_was_said_is_refused_and_nothing_is_kept() {
    let house = House::new().await;
    let id = announce(&house, 6, json!({})).await;
    let put = |bytes: &'static str, digest: Option<String>| {
        let request = Request::put(format!("/v1/uploads/{id}/chunks/1"));
        let request = digest.into_iter().fold(request, |r, d| r.header("content-digest", d));
        let request = request.body(Body::from(bytes)).unwrap();
        async { answer(house.send(request).await).await }
    };
    let digest = |bytes: &str| {
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(bytes));
        Some(format!("sha-256=:{hash}:"))
    };

    let (short, problem) = put("abc", None).await;
    assert_eq!((short, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("chunk_size")));
    let mismatch = (StatusCode::UNPROCESSABLE_ENTITY, json!("digest_mismatch"));
    let (wrong, problem) = put("abcdef", digest("fedcba")).await;
    assert_eq!((wrong, &problem["code"]), (mismatch.0, &mismatch.1));
    let right = digest("abcdef").unwrap();
    let odd = [
        "sha-256=abc".to_owned(),
        "garbage".to_owned(),
        right.replace("sha-256=:", ""),
        right.replace("sha-256=:", "sha-256:"),
        right.replace("sha-256", "sha256"),
        right.replace("sha-256", "SHA-256"),
        right.replace("sha-256", "sha_256"),
        right.replace('=', ""),
        "sha-256=:AAAA:".to_owned(),
        format!("{right}, garbage"),
        format!("{right}, {right}"),
    ];
    for odd in odd {
        let (status, problem) = put("abcdef", Some(odd.clone())).await;
        let said = (status.as_u16(), problem["code"].as_str());
        assert_eq!(said, (400, Some("bad_digest_header")), "{odd}");
    }
    assert_eq!(house.ground.files(), Vec::<String>::new());

    let (right, _) = put("abcdef", Some(format!("md5=:AAAA:, {right}"))).await;
    assert_eq!(right, StatusCode::OK);
    assert_eq!(put("abcdef", Some("sha-512=:AAAA:".into())).await.0, StatusCode::OK);
    let (other, problem) = put("ABCDEF", None).await;
    assert_eq!((other, &problem["code"]), (StatusCode::CONFLICT, &json!("chunk_conflict")));
    for (again, said) in [("abcdef", "fedcba"), ("abcdeX", "abcdef")] {
        let (wrong, problem) = put(again, digest(said)).await;
        assert_eq!((wrong, &problem["code"]), (mismatch.0, &mismatch.1), "{again} for {said}");
    }
    assert_eq!(house.ground.files().len(), 1);
}

#[tokio::test]
async fn of_two_who_bring_other_bytes_at_once_one_wins_and_the_file_is_whole() {
    let house = House::new().await;
    let id = announce(&house, 4096, json!({})).await;

    let sends = (0..8u8).map(|n| house.put_chunk(&id, 1, vec![n; 4096]));
    let answers = futures_util::future::join_all(sends).await;

    let won: Vec<_> = answers.iter().filter(|(status, _)| *status == StatusCode::OK).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let lost = answers.iter().filter(|(_, body)| body["code"] == "chunk_conflict");
    assert_eq!(lost.count(), 7);
    assert_eq!(house.ground.files().len(), 1, "the losers' bytes are gone");
}

#[tokio::test]
async fn completing_without_all_chunks_says_which_are_missing() {
    let house = House::new().await;
    let id = announce(&house, CHUNK_BYTES as usize + 1, json!({})).await;
    house.put_chunk(&id, 2, vec![7]).await;

    let path = format!("/v1/uploads/{id}/complete");
    let (status, problem) = house.ask("POST", &path, json!({})).await;

    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("chunks_missing")));
    assert_eq!(problem["missing"], json!([1]));
}

#[tokio::test]
async fn a_broken_promise_of_the_whole_fails_the_upload() {
    let house = House::new().await;
    let id = announce(&house, 3, json!({ "sha256": "0".repeat(64) })).await;
    house.put_chunk(&id, 1, b"abc".to_vec()).await;

    let media = house.complete(&id).await;
    let log = house.drain().await;

    assert_eq!(log, ["assemble_upload: done (sha256_mismatch)"]);
    let upload = show(&house, &id).await;
    assert_eq!(upload["status"], "failed");
    assert_eq!(upload["error"]["code"], "sha256_mismatch");
    assert_eq!(house.read(media).await.processing_status, ProcessingStatus::Failed);
    assert_eq!(house.ground.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_cancelled_upload_leaves_nothing_and_takes_nothing() {
    let house = House::new().await;
    let id = announce(&house, CHUNK_BYTES as usize + 1, json!({})).await;
    house.put_chunk(&id, 2, vec![7]).await;

    let (cancelled, _) = house.ask("DELETE", &format!("/v1/uploads/{id}"), Value::Null).await;
    let (late, problem) = house.put_chunk(&id, 2, vec![7]).await;
    let (again, _) = house.ask("DELETE", &format!("/v1/uploads/{id}"), Value::Null).await;

    assert_eq!((cancelled, again), (StatusCode::NO_CONTENT, StatusCode::NO_CONTENT));
    assert_eq!((late, &problem["code"]), (StatusCode::CONFLICT, &json!("upload_cancelled")));
    assert_eq!(house.ground.files(), Vec::<String>::new());
    assert_eq!(show(&house, &id).await["status"], "cancelled");
}

#[tokio::test]
async fn an_upload_expires_when_no_chunk_comes_and_not_while_they_do() {
    let house = House::new().await;
    let id = announce(&house, 2 * CHUNK_BYTES as usize, json!({})).await;
    let chunk = large(CHUNK_BYTES);

    house.ground.clock.forward(Duration::from_secs(2000));
    house.put_chunk(&id, 1, chunk.clone()).await;
    house.ground.clock.forward(Duration::from_secs(2000));
    house.recover().await;
    let alive = show(&house, &id).await;
    house.ground.clock.forward(Duration::from_secs(3600));
    let log = house.recover().await;
    let expired = show(&house, &id).await;
    let repeated = house.put_chunk(&id, 1, chunk.clone()).await;
    let late = house.put_chunk(&id, 2, chunk).await;

    assert_eq!(alive["status"], "uploading");
    assert!(log[0].starts_with("sweep: done (1 expired"), "{log:?}");
    assert_eq!(expired["status"], "failed");
    assert_eq!(expired["error"]["code"], "upload_expired");
    for (status, problem) in [repeated, late] {
        let refused = (StatusCode::CONFLICT, &json!("upload_expired"));
        assert_eq!((status, &problem["code"]), refused, "{problem}");
    }
    assert_eq!(house.ground.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_chunk_under_way_when_its_upload_is_cancelled_is_refused_and_leaves_nothing() {
    for already_there in [false, true] {
        let house = House::new().await;
        let id = announce(&house, 3, json!({})).await;
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (go_on, goes_on) = tokio::sync::oneshot::channel::<()>();
        let slow = futures_util::stream::once(async {
            begun.send(()).unwrap();
            goes_on.await.unwrap();
            Ok::<_, std::io::Error>("abc")
        });
        let slow = Request::put(format!("/v1/uploads/{id}/chunks/1")).body(Body::from_stream(slow));

        let meanwhile = async {
            has_begun.await.unwrap();
            if already_there {
                house.put_chunk(&id, 1, b"abc".to_vec()).await;
            }
            house.ask("DELETE", &format!("/v1/uploads/{id}"), Value::Null).await;
            go_on.send(()).unwrap();
        };
        let (late, ()) = futures_util::future::join(house.send(slow.unwrap()), meanwhile).await;
        let (status, problem) = answer(late).await;

        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("upload_cancelled")));
        assert_eq!(house.ground.files(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_chunk_sent_again_is_refused_from_the_moment_the_upload_is_late() {
    let house = House::new().await;
    let id = announce(&house, CHUNK_BYTES as usize + 1, json!({})).await;
    house.put_chunk(&id, 2, vec![7]).await;

    house.ground.clock.forward(Duration::from_secs(3600));
    let (late, problem) = house.put_chunk(&id, 2, vec![7]).await;

    assert_eq!((late, &problem["code"]), (StatusCode::CONFLICT, &json!("upload_expired")));
}

#[tokio::test]
async fn a_chunk_sent_again_after_completion_is_kept_and_after_a_failure_is_not() {
    let house = House::new().await;
    let good = announce(&house, 3, json!({})).await;
    let broken = announce(&house, 3, json!({ "sha256": "0".repeat(64) })).await;
    for id in [&good, &broken] {
        house.put_chunk(id, 1, b"abc".to_vec()).await;
        house.complete(id).await;
    }
    house.drain().await;

    let (kept, _) = house.put_chunk(&good, 1, b"abc".to_vec()).await;
    let (late, problem) = house.put_chunk(&broken, 1, b"abc".to_vec()).await;

    assert_eq!(kept, StatusCode::OK);
    assert_eq!((late, &problem["code"]), (StatusCode::CONFLICT, &json!("sha256_mismatch")));
}
