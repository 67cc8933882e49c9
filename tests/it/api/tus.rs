//! The protocol tus: from an offset on, by whatever request comes last.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bson::oid::ObjectId;
use bytes::Bytes;
use futures_util::stream;
use jobs::{
    keys,
    model::{CHUNK_BYTES, MediaId, Upload, UploadId, UploadPhase, UploadStatus},
    ports::{Expected, Length},
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::parts::on_both_stores;
use crate::house::{House, fixture};

on_both_stores![
    a_file_comes_in_pieces_and_is_published,
    what_came_before_a_break_is_kept,
    bytes_with_another_checksum_are_not_kept,
    a_length_can_be_said_later,
    a_length_can_be_said_when_all_is_there,
    a_whole_file_whose_service_died_becomes_a_medium,
    a_file_whose_service_died_over_its_medium_has_one_as_soon_as_its_sender_asks,
    parts_that_came_side_by_side_become_one_file,
    a_later_request_takes_over,
    bytes_that_nobody_knows_of_are_swept,
    an_upload_that_is_ended_is_gone,
];

const METADATA: &str = "eventId MQ==,userId NDI=,filename YS5qcGc=,filetype aW1hZ2UvanBlZw==";

/// A picture with something behind it, longer than a chunk.
fn large() -> Vec<u8> {
    let photo = fixture("images/gps_iphone.jpg");
    let rest = CHUNK_BYTES as usize + 4_000 - photo.len();
    photo.into_iter().chain((0..rest).map(|n| (n * 31 % 251) as u8)).collect()
}

async fn send(
    house: &House,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: Body,
) -> Response<Body> {
    let request = Request::builder().method(method).uri(path).header("tus-resumable", "1.0.0");
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    house.send(request.body(body).unwrap()).await
}

/// A new upload with these headers; where it is.
async fn create(house: &House, headers: &[(&str, String)]) -> String {
    let metadata = [("upload-metadata", METADATA.to_owned())];
    let headers = [&metadata[..], headers].concat();
    let created = send(house, "POST", "/v1/tus", &headers, Body::empty()).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    created.headers()["location"].to_str().unwrap().to_owned()
}

async fn patch(
    house: &House,
    path: &str,
    offset: usize,
    more: &[(&str, String)],
    body: Body,
) -> (StatusCode, String) {
    let kind = ("content-type", "application/offset+octet-stream".to_owned());
    let headers = [&[kind, ("upload-offset", offset.to_string())][..], more].concat();
    let answer = send(house, "PATCH", path, &headers, body).await;
    let offset = answer.headers().get("upload-offset");
    let offset = offset.map_or_else(String::new, |offset| offset.to_str().unwrap().to_owned());
    (answer.status(), offset)
}

async fn offset(house: &House, path: &str) -> usize {
    let head = send(house, "HEAD", path, &[], Body::empty()).await;
    assert_eq!(head.status(), StatusCode::OK);
    head.headers()["upload-offset"].to_str().unwrap().parse().unwrap()
}

/// A body that breaks off after these bytes.
fn broken(bytes: &[u8]) -> Body {
    let pieces = [Ok(Bytes::copy_from_slice(bytes)), Err(std::io::Error::other("gone"))];
    Body::from_stream(stream::iter(pieces))
}

async fn published(house: &House, bytes: &[u8]) {
    house.drain().await;
    let (_, found) = house.ask("GET", "/v1/media?eventId=1", Value::Null).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    let id = found["items"][0]["_id"].as_str().unwrap();
    let served = house.bytes(&format!("/v1/media/{id}/file")).await.unwrap();
    assert!(served == bytes, "{} bytes of {} are served", served.len(), bytes.len());
}

async fn a_file_comes_in_pieces_and_is_published(house: House) {
    let bytes = large();
    let path = create(&house, &[("upload-length", bytes.len().to_string())]).await;
    let head = send(&house, "HEAD", &path, &[], Body::empty()).await;
    assert_eq!(head.headers()["upload-length"], bytes.len().to_string());
    assert_eq!(head.headers()["upload-metadata"], METADATA);
    assert!(head.headers().contains_key("upload-expires"));

    // Neither of the borders is one of a chunk.
    let mut sent = 0;
    for end in [1_000, 7_000_001, bytes.len()] {
        let (status, now) = patch(&house, &path, sent, &[], bytes[sent..end].to_vec().into()).await;
        assert_eq!((status, now), (StatusCode::NO_CONTENT, end.to_string()));
        sent = end;
    }

    assert_eq!(patch(&house, &path, 5, &[], Body::empty()).await.0, StatusCode::CONFLICT);
    assert_eq!(offset(&house, &path).await, bytes.len());
    published(&house, &bytes).await;
}

async fn what_came_before_a_break_is_kept(house: House) {
    let bytes = large();
    let path = create(&house, &[("upload-length", bytes.len().to_string())]).await;
    let past = CHUNK_BYTES as usize + 77;

    for end in [500_000, past] {
        let from = offset(&house, &path).await;
        patch(&house, &path, from, &[], broken(&bytes[from..end])).await;
        assert_eq!(offset(&house, &path).await, end);
    }
    let (status, _) = patch(&house, &path, past, &[], bytes[past..].to_vec().into()).await;

    assert_eq!(status, StatusCode::NO_CONTENT);
    published(&house, &bytes).await;
}

async fn bytes_with_another_checksum_are_not_kept(house: House) {
    let photo = fixture("images/gps_iphone.jpg");
    let path = create(&house, &[("upload-length", photo.len().to_string())]).await;
    let sha256 = BASE64_STANDARD.encode(Sha256::digest(&photo));
    let crc32c = BASE64_STANDARD.encode(crc32c::crc32c(&photo[..999]).to_be_bytes());
    let with = |name: &str, sum: &str| [("upload-checksum", format!("{name} {sum}"))];

    let (other, _) =
        patch(&house, &path, 0, &with("sha256", &sha256), photo[1..].to_vec().into()).await;
    let (unknown, _) = patch(&house, &path, 0, &with("md5", "abcd"), Body::empty()).await;
    assert_eq!((other.as_u16(), unknown), (460, StatusCode::BAD_REQUEST));
    assert_eq!(offset(&house, &path).await, 0);

    let some =
        patch(&house, &path, 0, &with("crc32c", &crc32c), photo[..999].to_vec().into()).await;
    assert_eq!(some, (StatusCode::NO_CONTENT, "999".to_owned()));
    let rest = BASE64_STANDARD.encode(Sha256::digest(&photo[999..]));
    patch(&house, &path, 999, &with("sha256", &rest), photo[999..].to_vec().into()).await;
    published(&house, &photo).await;
}

async fn a_length_can_be_said_later(house: House) {
    let bytes = large();
    let path = create(&house, &[("upload-defer-length", "1".to_owned())]).await;
    let past = CHUNK_BYTES as usize + 10;

    patch(&house, &path, 0, &[], bytes[..past].to_vec().into()).await;
    let head = send(&house, "HEAD", &path, &[], Body::empty()).await;
    assert_eq!(head.headers()["upload-defer-length"], "1");
    assert!(!head.headers().contains_key("upload-length"));
    let length = [("upload-length", bytes.len().to_string())];
    let (status, _) = patch(&house, &path, past, &length, bytes[past..].to_vec().into()).await;

    assert_eq!(status, StatusCode::NO_CONTENT);
    published(&house, &bytes).await;
}

async fn a_length_can_be_said_when_all_is_there(house: House) {
    let photo = fixture("images/gps_iphone.jpg");
    let path = create(&house, &[("upload-defer-length", "1".to_owned())]).await;
    patch(&house, &path, 0, &[], photo.clone().into()).await;

    let length = [("upload-length", photo.len().to_string())];
    let (status, _) = patch(&house, &path, photo.len(), &length, Body::empty()).await;

    assert_eq!(status, StatusCode::NO_CONTENT);
    published(&house, &photo).await;
}

/// The last byte is kept, and then the process dies: the sender is told that nothing is missing.
async fn a_whole_file_whose_service_died_becomes_a_medium(house: House) {
    let photo = fixture("images/gps_iphone.jpg");
    let tools = &house.parts.tools;
    // It may also have died before the last byte was one of a chunk: its length was said last.
    for is_asked_for in [true, false] {
        let path = create(&house, &[("upload-defer-length", "1".to_owned())]).await;
        patch(&house, &path, 0, &[], photo.clone().into()).await;
        let id = UploadId(path.rsplit('/').next().unwrap().to_owned());
        let before = tools.uploads.upload(&id).await.unwrap();
        let size = photo.len() as u64;
        let (deferred, chunks) = (None, Upload::chunks_for(size));
        let after = Upload { deferred, size, chunks, ..before.clone() };
        tools.uploads.update(&before, after).await.unwrap();

        ends_as_a_medium(&house, &path, photo.len(), is_asked_for).await;
    }
    for is_asked_for in [true, false] {
        let (path, _) = whole(&house, &photo).await;

        ends_as_a_medium(&house, &path, photo.len(), is_asked_for).await;
    }
}

/// An upload of which all bytes are kept, and no more.
async fn whole(house: &House, photo: &[u8]) -> (String, Upload) {
    let tools = &house.parts.tools;
    let path = create(house, &[("upload-length", photo.len().to_string())]).await;
    let id = UploadId(path.rsplit('/').next().unwrap().to_owned());
    let upload = tools.uploads.upload(&id).await.unwrap();
    let length = Length::Exactly(photo.len() as u64);
    let expected = Expected { length, sha256: None };
    let body = Box::pin(stream::iter([Ok(Bytes::copy_from_slice(photo))]));
    let part = tools.objects.put_part(&upload.transfer(), 1, expected, body).await.unwrap();
    let (now, end) = (tools.clock.now(), upload.expires_at);
    let kept = tools.uploads.chunk_verified(&upload, &part, now, end).await.unwrap();
    (path, kept.unwrap())
}

/// The upload knows which medium it becomes, and then the process dies: its sender is told that
/// nothing is missing, and then nothing is.
async fn a_file_whose_service_died_over_its_medium_has_one_as_soon_as_its_sender_asks(
    house: House,
) {
    let photo = fixture("images/gps_iphone.jpg");
    let tools = &house.parts.tools;
    let (path, before) = whole(&house, &photo).await;
    let (media_id, phase) = (Some(MediaId(ObjectId::new())), Some(UploadPhase::Assembling));
    let after = Upload { media_id, phase, ..before.clone() };
    tools.uploads.update(&before, after).await.unwrap();

    for _ in 0..2 {
        assert_eq!(offset(&house, &path).await, photo.len());
    }

    tools.media.media(media_id.unwrap()).await.unwrap();
    published(&house, &photo).await;
}

/// Whether its sender asks how far it is, or nobody does until its time is over.
async fn ends_as_a_medium(house: &House, path: &str, length: usize, is_asked_for: bool) {
    if is_asked_for {
        assert_eq!(offset(house, path).await, length);
    } else {
        house.ground.clock.forward(Duration::from_secs(7200));
    }
    house.recover().await;
    let id = UploadId(path.rsplit('/').next().unwrap().to_owned());
    let upload = house.parts.tools.uploads.upload(&id).await.unwrap();
    assert!(upload.media_id.is_some(), "{:?}", upload.error);
}

async fn parts_that_came_side_by_side_become_one_file(house: House) {
    let bytes = large();
    let mut paths = Vec::new();
    for part in bytes.chunks(bytes.len().div_ceil(3)) {
        let headers = [
            ("upload-length", part.len().to_string()),
            ("upload-concat", "partial".to_owned()),
            ("upload-metadata", String::new()),
        ];
        let created = send(&house, "POST", "/v1/tus", &headers, Body::empty()).await;
        assert_eq!(created.status(), StatusCode::CREATED);
        let path = created.headers()["location"].to_str().unwrap().to_owned();
        let early =
            [("upload-concat", format!("final;{path}")), ("upload-metadata", METADATA.to_owned())];
        let early = send(&house, "POST", "/v1/tus", &early, Body::empty()).await;
        assert_eq!(early.status(), StatusCode::CONFLICT, "a part that is not whole is none");
        patch(&house, &path, 0, &[], part.to_vec().into()).await;
        paths.push(path);
    }

    let whole = [("upload-concat", format!("final;{}", paths.join(" ")))];
    let path = create(&house, &whole).await;

    assert_eq!(create(&house, &whole).await, path, "asked again, it is the same file");
    assert_eq!(offset(&house, &path).await, bytes.len());
    published(&house, &bytes).await;
    for path in paths {
        let head = send(&house, "HEAD", &path, &[], Body::empty()).await;
        assert_eq!(head.status(), StatusCode::GONE, "a part goes with its use");
    }
    let id = UploadId(path.rsplit('/').next().unwrap().to_owned());
    let tools = &house.parts.tools;
    let before = tools.uploads.upload(&id).await.unwrap();
    let after = Upload { status: UploadStatus::Failed, ..before.clone() };
    tools.uploads.update(&before, after).await.unwrap();
    let metadata = ("upload-metadata", METADATA.to_owned());
    let [concat] = whole;
    let again = send(&house, "POST", "/v1/tus", &[metadata, concat], Body::empty()).await;
    assert!(again.status().is_client_error(), "it came to nothing: {}", again.status());
}

async fn a_later_request_takes_over(house: House) {
    let photo = fixture("images/gps_iphone.jpg");
    let path = create(&house, &[("upload-length", photo.len().to_string())]).await;
    let (more, rest) = tokio::sync::mpsc::channel::<std::io::Result<Bytes>>(1);
    let slow = stream::unfold(rest, |mut rest| async { Some((rest.recv().await?, rest)) });

    let first = patch(&house, &path, 0, &[], Body::from_stream(slow));
    let second = async {
        // The first one is at work when both have been read.
        for piece in [&photo[..100], &photo[100..200]] {
            more.send(Ok(Bytes::copy_from_slice(piece))).await.unwrap();
        }
        let second = patch(&house, &path, 0, &[], photo.clone().into()).await;
        drop(more);
        second
    };
    let (first, second) = tokio::join!(first, second);

    assert_eq!(second, (StatusCode::NO_CONTENT, photo.len().to_string()));
    assert_eq!(first.0, StatusCode::LOCKED, "its bytes are not kept beside those");
    published(&house, &photo).await;
    let left: Vec<_> =
        house.ground.files().into_iter().filter(|f| f.contains("incoming")).collect();
    assert_eq!(left, [""; 0], "nothing is left of either");
}

async fn bytes_that_nobody_knows_of_are_swept(house: House) {
    let path = create(&house, &[("upload-length", "1000".to_owned())]).await;
    patch(&house, &path, 0, &[], vec![1; 10].into()).await;
    let id = path.rsplit('/').next().unwrap();
    // Of requests that died between the store and the record, and of a record that is gone.
    for left in [keys::tail(id, "a", 700), keys::tail("nobody", "b", 5)] {
        house.parts.tools.objects.put(&left, vec![2; 5].into(), "text/plain").await.unwrap();
    }
    let incoming = || house.ground.files().iter().filter(|f| f.contains(".tail-")).count();

    house.recover().await;
    let young = incoming();
    house.ground.age_objects();
    house.recover().await;

    assert_eq!((young, incoming()), (3, 1), "what is young may still be written down");
    let (status, now) = patch(&house, &path, 10, &[], vec![3; 10].into()).await;
    assert_eq!((status, now), (StatusCode::NO_CONTENT, "20".to_owned()), "its own tail is there");
}

async fn an_upload_that_is_ended_is_gone(house: House) {
    let path = create(&house, &[("upload-length", "100".to_owned())]).await;
    patch(&house, &path, 0, &[], vec![1; 10].into()).await;

    let ended = send(&house, "DELETE", &path, &[], Body::empty()).await;
    let head = send(&house, "HEAD", &path, &[], Body::empty()).await;

    assert_eq!((ended.status(), head.status()), (StatusCode::NO_CONTENT, StatusCode::GONE));
    let empty = create(&house, &[("upload-length", "0".to_owned())]).await;
    let later = create(&house, &[("upload-defer-length", "1".to_owned())]).await;
    let said = patch(&house, &later, 0, &[("upload-length", "0".to_owned())], Body::empty()).await;
    assert_eq!(said, (StatusCode::NO_CONTENT, "0".to_owned()));
    for path in [empty, later] {
        let id = path.rsplit('/').next().unwrap();
        let (_, upload) = house.ask("GET", &format!("/v1/uploads/{id}"), Value::Null).await;
        let ended = (&upload["status"], &upload["error"]["code"]);
        assert_eq!(ended, (&"failed".into(), &"empty_file".into()));
    }
}

#[tokio::test]
async fn the_protocol_is_held_to() {
    let house = House::new().await;
    let options = Request::options("/v1/tus").body(Body::empty()).unwrap();
    let options = house.send(options).await;
    assert_eq!(options.status(), StatusCode::NO_CONTENT);
    assert_eq!(options.headers()["tus-version"], "1.0.0");
    let path = create(&house, &[("upload-length", "10".to_owned())]).await;

    let unversioned = house.send(Request::head(&path).body(Body::empty()).unwrap()).await;
    let begin = [("upload-offset", "0".to_owned())];
    let untyped = send(&house, "PATCH", &path, &begin, Body::empty()).await;
    let more = patch(&house, &path, 0, &[], vec![0; 11].into()).await;
    let kind = ("content-type", "application/offset+octet-stream".to_owned());
    let length = ("upload-length", "10".to_owned());
    let wrong = ("upload-checksum", "sha1 AAAA".to_owned());
    let spoiled = [kind, length, wrong, ("upload-metadata", METADATA.to_owned())];
    let spoiled = send(&house, "POST", "/v1/tus", &spoiled, vec![0; 10].into()).await;
    let without = send(&house, "POST", "/v1/tus", &[], Body::empty()).await;
    let huge = [("upload-metadata", METADATA.to_owned()), ("upload-length", u64::MAX.to_string())];
    let huge = send(&house, "POST", "/v1/tus", &huge, Body::empty()).await;

    assert_eq!(unversioned.status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(untyped.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(more.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(spoiled.status().as_u16(), 460);
    let made = spoiled.headers()["location"].to_str().unwrap();
    assert_eq!(offset(&house, made).await, 0, "it was made, and waits for its first byte");
    assert_eq!(without.status(), StatusCode::BAD_REQUEST);
    assert_eq!(huge.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
