//! Parts that go past the service by signed addresses, to a bucket or to the service itself.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use jobs::model::CHUNK_BYTES;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::house::{House, fixture};

/// Runs each case on a house with objects on disk and on one with a bucket.
macro_rules! on_both_stores {
    ($($case:ident),+ $(,)?) => {
        mod on_disk {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::house::House::new().await).await;
            })+
        }

        mod on_s3 {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::house::House::on_s3().await).await;
            })+
        }
    };
}
pub(super) use on_both_stores;

on_both_stores![
    a_file_goes_past_the_service_and_is_published,
    an_address_takes_its_part_and_nothing_else,
    what_the_store_does_not_have_is_missing,
    uppy_sends_a_file_in_parts,
    uppy_sends_a_whole_file,
    of_two_that_send_one_part_at_once_one_counts,
    a_part_that_comes_again_counts,
];

/// Two chunks, of which no two pieces are alike.
fn large() -> Vec<u8> {
    let photo = fixture("images/gps_iphone.jpg");
    let rest = CHUNK_BYTES as usize + 4_000 - photo.len();
    // Behind the end of a picture anything may stand.
    photo.into_iter().chain((0..rest).map(|n| (n * 31 % 251) as u8)).collect()
}

async fn announce(house: &House, size: usize) -> String {
    let wish = json!({
        "eventId": 1, "userId": 42, "filename": "a.jpg", "size": size, "mimeType": "image/jpeg",
        "transport": "presigned",
    });
    let (status, upload) = house.ask("POST", "/v1/uploads", wish).await;
    assert_eq!(status, StatusCode::CREATED, "{upload}");
    upload["uploadId"].as_str().unwrap().to_owned()
}

async fn addresses(house: &House, upload: &str, chunks: &[&[u8]]) -> Vec<Value> {
    let part = |(index, chunk): (usize, &&[u8])| {
        let sha256 = hex::encode(Sha256::digest(chunk));
        json!({ "number": index + 1, "sha256": sha256 })
    };
    let parts: Vec<_> = chunks.iter().enumerate().map(part).collect();
    let path = format!("/v1/uploads/{upload}/parts");
    let (status, signed) = house.ask("POST", &path, json!({ "parts": parts })).await;
    assert_eq!(status, StatusCode::OK, "{signed}");
    signed["parts"].as_array().unwrap().clone()
}

/// Sends these bytes where the address says, without any key.
async fn put(house: &House, address: &Value, bytes: &[u8]) -> StatusCode {
    let url = address["url"].as_str().unwrap();
    let none = serde_json::Map::new();
    let headers = address["headers"].as_object().unwrap_or(&none);
    let header =
        |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap().to_owned());
    let headers: Vec<_> = headers.iter().map(header).collect();
    if let Some(path) = url.strip_prefix("http://127.0.0.1:8787") {
        let request = Request::put(path).header("content-length", bytes.len());
        let request = request.body(Body::from(bytes.to_vec())).unwrap();
        return house.send(request).await.status();
    }
    let patience = std::time::Duration::from_secs(20);
    let mut request = reqwest::Client::new().put(url).body(bytes.to_vec()).timeout(patience);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send().await.unwrap().status()
}

async fn published(house: &House, media: &Value, bytes: &[u8]) {
    let id = media.as_str().unwrap();
    house.drain().await;
    let served = house.bytes(&format!("/v1/media/{id}/file")).await.unwrap();
    assert!(served == bytes, "{} bytes of {} are served", served.len(), bytes.len());
}

async fn a_file_goes_past_the_service_and_is_published(house: House) {
    let bytes = large();
    let chunks: Vec<&[u8]> = bytes.chunks(CHUNK_BYTES as usize).collect();
    let id = announce(&house, bytes.len()).await;
    let addresses = addresses(&house, &id, &chunks).await;

    assert!(put(&house, &addresses[1], chunks[1]).await.is_success());
    let (_, half) = house.ask("GET", &format!("/v1/uploads/{id}"), Value::Null).await;
    assert!(put(&house, &addresses[0], chunks[0]).await.is_success());
    let (status, done) = house.ask("POST", &format!("/v1/uploads/{id}/complete"), json!({})).await;

    assert_eq!(half["missing"], json!([1]));
    assert_eq!(status, StatusCode::ACCEPTED, "{done}");
    published(&house, &done["mediaId"], &bytes).await;
    let late = house.ask("POST", &format!("/v1/uploads/{id}/parts"), json!({ "parts": [] })).await;
    assert_eq!(late.0, StatusCode::CONFLICT, "a file that is published takes no parts");
    let (_, media) = house
        .ask("GET", &format!("/v1/media/{}", done["mediaId"].as_str().unwrap()), Value::Null)
        .await;
    let download = &media["s3Info"]["presignedUrls"]["download"];
    let url = download.as_str().unwrap();
    let served = match url.strip_prefix("http://127.0.0.1:8787") {
        Some(path) => house.bytes(path).await.unwrap(),
        None => reqwest::get(url).await.unwrap().bytes().await.unwrap().to_vec(),
    };
    assert!(served == bytes, "the signed address leads to the file");
}

async fn an_address_takes_its_part_and_nothing_else(house: House) {
    let id = announce(&house, 6).await;
    let [address] = &addresses(&house, &id, &[b"abcdef"]).await[..] else { panic!("one") };
    let forged = address["url"].as_str().unwrap().replace("parts/1", "parts/2");
    let forged = forged.replace("partNumber=1", "partNumber=2");
    let forged = json!({ "url": forged, "headers": address["headers"] });

    for (bytes, why) in [(&b"fedcba"[..], "other bytes"), (b"abc", "fewer"), (b"abcdefg", "more")] {
        assert!(!put(&house, address, bytes).await.is_success(), "{why} are refused");
    }
    assert!(!put(&house, &forged, b"abcdef").await.is_success(), "another part is refused");
    let complete = format!("/v1/uploads/{id}/complete");
    let (status, _) = house.ask("POST", &complete, json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "nothing of it was kept");
    assert!(put(&house, address, b"abcdef").await.is_success());
    assert_eq!(house.ask("POST", &complete, json!({})).await.0, StatusCode::ACCEPTED);
    // Until then the same bytes may come again.
    house.drain().await;
    assert!(!put(&house, address, b"abcdef").await.is_success(), "it is one object");
}

async fn what_the_store_does_not_have_is_missing(house: House) {
    let id = announce(&house, 2 * CHUNK_BYTES as usize).await;
    let chunk = vec![7; CHUNK_BYTES as usize];
    let signed = addresses(&house, &id, &[&chunk, &chunk]).await;
    assert!(put(&house, &signed[0], &chunk).await.is_success());

    let (status, left) = house.ask("POST", &format!("/v1/uploads/{id}/complete"), json!({})).await;

    assert_eq!((status, &left["missing"]), (StatusCode::CONFLICT, &json!([2])));
}

async fn uppy_sends_a_file_in_parts(house: House) {
    let bytes = large();
    let of = json!({ "eventId": "1", "userId": "42", "name": "a.jpg" });
    let file = json!({ "filename": "a.jpg", "type": "image/jpeg", "metadata": of });
    let (status, begun) = house.ask("POST", "/s3/multipart", file).await;
    assert_eq!(status, StatusCode::OK, "{begun}");
    let (id, key) = (begun["uploadId"].as_str().unwrap(), begun["key"].as_str().unwrap());

    // Its parts are as long as it likes, but for S3's least.
    let parts: Vec<&[u8]> = bytes.chunks(6 << 20).collect();
    for (index, part) in parts.iter().enumerate() {
        let path = format!("/s3/multipart/{id}/{}?key={key}", index + 1);
        let (status, signed) = house.ask("GET", &path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{signed}");
        assert!(put(&house, &signed, part).await.is_success());
    }
    let (_, kept) = house.ask("GET", &format!("/s3/multipart/{id}?key={key}"), Value::Null).await;
    let complete = format!("/s3/multipart/{id}/complete?key={key}");
    let (status, done) = house.ask("POST", &complete, json!({ "parts": kept })).await;

    assert_eq!(kept.as_array().unwrap().len(), parts.len());
    assert_eq!(kept[0]["Size"], json!(6 << 20));
    assert_eq!(status, StatusCode::OK, "{done}");
    published(&house, &done["mediaId"], &bytes).await;
}

async fn uppy_sends_a_whole_file(house: House) {
    let photo = fixture("images/gps_iphone.jpg");
    let path = "/s3/params?filename=a.jpg&type=image%2Fjpeg&metadata%5BeventId%5D=1\
                &metadata%5BuserId%5D=42";
    let (status, params) = house.ask("GET", path, Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{params}");

    assert_eq!(params["method"], "PUT");
    assert!(put(&house, &params, &photo).await.is_success());

    assert!(put(&house, &params, &photo).await.is_success(), "the answer may have been lost");
    let (_, found) = house.ask("GET", "/v1/media?eventId=1", Value::Null).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    published(&house, &found["items"][0]["_id"], &photo).await;
}

/// Also where one of them was written down before.
async fn a_part_that_comes_again_counts(house: House) {
    let (first, other) = (large(), large().into_iter().rev().collect::<Vec<u8>>());
    let chunks: Vec<&[u8]> = first.chunks(CHUNK_BYTES as usize).collect();
    let id = announce(&house, first.len()).await;
    let complete = format!("/v1/uploads/{id}/complete");
    let signed = addresses(&house, &id, &chunks).await;
    let [replaced] = &addresses(&house, &id, &[&other[..chunks[0].len()]]).await[..] else {
        panic!("one")
    };
    assert!(put(&house, &signed[0], chunks[0]).await.is_success());
    let (status, left) = house.ask("POST", &complete, json!({})).await;
    assert_eq!((status, &left["missing"]), (StatusCode::CONFLICT, &json!([2])));

    assert!(put(&house, replaced, &other[..chunks[0].len()]).await.is_success());
    assert!(put(&house, &signed[1], chunks[1]).await.is_success());
    let (status, done) = house.ask("POST", &complete, json!({})).await;

    assert_eq!(status, StatusCode::ACCEPTED, "{done}");
    house.drain().await;
    let upload = house.ask("GET", &format!("/v1/uploads/{id}"), Value::Null).await.1;
    let bytes = [&other[..chunks[0].len()], chunks[1]].concat();
    assert_eq!(upload["sha256"], hex::encode(Sha256::digest(&bytes)), "{upload}");
}

/// Whichever comes first, one of them is there in the end, and the whole is what was promised.
async fn of_two_that_send_one_part_at_once_one_counts(house: House) {
    let photo = fixture("images/gps_iphone.jpg");
    for turn in 0..8 {
        let id = announce(&house, photo.len()).await;
        let other: Vec<u8> = photo.iter().rev().copied().collect();
        let bodies = [photo.as_slice(), &other];
        let [ours, theirs] = [
            &addresses(&house, &id, &[bodies[0]]).await,
            &addresses(&house, &id, &[bodies[1]]).await,
        ]
        .map(|list| list[0].clone());

        let (one, two) =
            tokio::join!(put(&house, &ours, bodies[0]), put(&house, &theirs, bodies[1]));

        assert!(one.is_success() && two.is_success(), "turn {turn}: {one} and {two}");
        let complete = format!("/v1/uploads/{id}/complete");
        let (status, done) = house.ask("POST", &complete, json!({})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "turn {turn}: {done}");
    }
    house.drain().await;
    let (_, found) = house.ask("GET", "/v1/media?eventId=1", Value::Null).await;
    for media in found["items"].as_array().unwrap() {
        assert!(media["processingSteps"]["upload"]["completed"].as_bool().unwrap(), "{media}");
        let sums = [photo.clone(), photo.iter().rev().copied().collect()];
        let sums = sums.map(|bytes| hex::encode(Sha256::digest(bytes)));
        assert!(sums.iter().any(|sum| media["sha256"] == *sum), "{media}");
    }
}
