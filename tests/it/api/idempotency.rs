//! A wish that is sent again under its `Idempotency-Key` gets the upload of the first time.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::house::{House, answer};

/// Wishes an upload of three bytes under a key.
async fn wish(house: &House, key: &str, change: Value) -> (StatusCode, Value) {
    let mut wish = json!({
        "eventId": 1, "userId": 42, "filename": "a.jpg", "size": 3, "mimeType": "image/jpeg",
    });
    wish.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let request = Request::post("/v1/uploads").header("idempotency-key", key);
    answer(house.send(request.body(Body::from(wish.to_string())).unwrap()).await).await
}

/// The upload of a wish that is granted.
async fn granted(house: &House, key: &str, change: Value) -> String {
    let (status, upload) = wish(house, key, change).await;
    assert_eq!(status, StatusCode::CREATED, "{upload}");
    upload["uploadId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_same_wish_gets_the_same_upload_from_announcement_to_publication() {
    let house = House::new().await;
    let promised = json!({
        "caption": "us", "tags": ["a", "b"], "visibility": "private",
        "sha256": hex::encode(Sha256::digest("abc")).to_uppercase(),
    });

    for (key, change) in [("bare", json!({})), ("full", promised)] {
        let first = granted(&house, key, change.clone()).await;
        let again = granted(&house, key, change.clone()).await;
        house.put_chunk(&first, 1, b"abc".to_vec()).await;
        house.complete(&first).await;
        house.drain().await;
        let stored = granted(&house, key, change).await;

        assert_eq!((&again, &stored), (&first, &first), "{key}");
    }
}

#[tokio::test]
async fn another_wish_with_the_same_key_is_refused_whatever_differs() {
    let house = House::new().await;
    granted(&house, "k1", json!({})).await;
    let others = [
        json!({ "eventId": 2 }),
        json!({ "filename": "b.jpg" }),
        json!({ "mimeType": "image/png" }),
        json!({ "size": 4 }),
        json!({ "sha256": "0".repeat(64) }),
        json!({ "caption": "us" }),
        json!({ "tags": ["a"] }),
        json!({ "visibility": "private" }),
    ];

    for other in others {
        let (status, problem) = wish(&house, "k1", other.clone()).await;

        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{other}");
        assert_eq!(problem["code"], "idempotency_mismatch", "{other}");
    }
    // A key counts for one user: another's is another key.
    granted(&house, "k1", json!({ "userId": 43 })).await;
}

#[tokio::test]
async fn the_key_of_an_upload_that_came_to_nothing_says_so() {
    let house = House::new().await;
    let refused = |(status, problem): (StatusCode, Value)| {
        assert_eq!(status, StatusCode::CONFLICT, "{problem}");
        problem["code"].as_str().unwrap().to_owned()
    };
    let cancelled = granted(&house, "cancelled", json!({})).await;
    house.ask("DELETE", &format!("/v1/uploads/{cancelled}"), Value::Null).await;
    let wrong = json!({ "sha256": "0".repeat(64) });
    let failed = granted(&house, "failed", wrong.clone()).await;
    house.put_chunk(&failed, 1, b"abc".to_vec()).await;
    house.complete(&failed).await;
    house.drain().await;
    granted(&house, "late", json!({})).await;

    let cancelled = refused(wish(&house, "cancelled", json!({})).await);
    let failed = refused(wish(&house, "failed", wrong).await);
    house.ground.clock.forward(Duration::from_secs(3600));
    let late = refused(wish(&house, "late", json!({})).await);
    house.recover().await;
    let swept = refused(wish(&house, "late", json!({})).await);

    let ends = ["upload_cancelled", "sha256_mismatch", "upload_expired", "upload_expired"];
    assert_eq!([cancelled, failed, late, swept], ends);
}

#[tokio::test]
async fn a_file_in_one_request_that_is_sent_again_is_the_first_one() {
    let house = House::new().await;
    let send = |key: &'static str, more: &'static str, bytes: &'static str| {
        let path = format!("/v1/media?eventId=1&filename=a.jpg&{more}");
        let request = Request::post(path).header("idempotency-key", key);
        let request = request.body(Body::from(bytes)).unwrap();
        async { answer(house.send(request).await).await }
    };

    let (status, first) = send("k", "userId=42", "abc").await;
    let again = send("k", "userId=42", "abc").await;
    house.drain().await;
    let late = send("k", "userId=42", "abc").await;
    let others = [
        send("k", "userId=42", "abd").await,
        send("k", "userId=42", "abcd").await,
        send("k", "userId=42&caption=us", "abc").await,
    ];
    let (_, neighbour) = send("k", "userId=43", "abc").await;
    let (_, other_key) = send("l", "userId=42", "abc").await;

    assert_eq!(status, StatusCode::ACCEPTED, "{first}");
    assert_eq!((again.0, &again.1, late.0, &late.1), (status, &first, status, &first));
    for (status, problem) in others {
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(problem["code"], "idempotency_mismatch");
    }
    let ids = [&first, &neighbour, &other_key].map(|sent| sent["mediaId"].as_str().unwrap());
    assert!(ids[0] != ids[1] && ids[0] != ids[2], "{ids:?}");
    house.drain().await;
    assert!(!house.ground.files().iter().any(|file| file.starts_with("parts")), "nothing is left");
}
