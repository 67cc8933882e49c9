//! With `privacy.strip_originals` readers get the file without its metadata.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use jobs::{
    model::{Media, MediaId, ProcessingStatus},
    ports::{Facts, Ticket},
    publish_media::PublishMedia,
};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::house::{Ground, House, fixture};

const SETTINGS: &str = "[privacy]\nstrip_originals = true\n";

/// A photo that says where it was taken.
const PHOTO: &str = "images/gps_iphone.jpg";

fn on(ground: &Arc<Ground>, settings: &str) -> House {
    House::with(ground.clone(), ground.store.clone(), ground.objects.clone(), settings)
}

/// Houses with objects on disk and in a bucket.
async fn houses() -> [House; 2] {
    let grounds = [Arc::new(Ground::new().await), Arc::new(Ground::on_s3().await)];
    grounds.map(|ground| on(&ground, SETTINGS))
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

async fn served(house: &House, id: MediaId) -> Vec<u8> {
    house.bytes(&format!("/v1/media/{id}/file")).await.unwrap()
}

/// What the published object says about itself.
async fn facts(house: &House, media: &Media) -> Facts {
    let tools = &house.parts.tools;
    let file = tools.objects.fetch(media.s3_info.key.as_ref().unwrap()).await.unwrap();
    tools.decoder.facts(&file, media.sniffed_mime_type.as_ref().unwrap()).await.unwrap()
}

#[tokio::test]
async fn readers_get_a_photo_without_its_place_and_the_record_keeps_it() {
    for house in houses().await {
        let sent = fixture(PHOTO);
        let id = house.media("a.jpg", &sent).await;

        let log = house.drain().await;

        assert_eq!(log.last().unwrap(), "publish_media: done");
        let (media, bytes) = (house.read(id).await, served(&house, id).await);
        let exif = media.metadata.exif.as_ref().unwrap();
        assert!(exif.location.is_some(), "what was read stays");
        let said = facts(&house, &media).await.exif.unwrap();
        assert_eq!((said.gps, said.orientation), (None, exif.orientation));
        assert_eq!(said.model, exif.camera);
        assert!(bytes.len() < sent.len());
    }
}

#[tokio::test]
async fn the_record_and_the_headers_tell_of_the_bytes_that_are_served() {
    for house in houses().await {
        let sent = fixture(PHOTO);
        let id = house.media("a.jpg", &sent).await;
        house.drain().await;

        let path = format!("/v1/media/{id}/file");
        let response = house.send(Request::get(path).body(Body::empty()).unwrap()).await;

        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let media = house.read(id).await;
        assert_eq!((media.file_size, media.sha256), (bytes.len() as u64, Some(sha256(&bytes))));
        let original = media.original.unwrap();
        assert_eq!(original.file_size, sent.len() as u64);
        assert_eq!(original.sha256, Some(sha256(&sent)));
        let told = |name| head.headers.get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(told(header::CONTENT_LENGTH), bytes.len().to_string());
        assert_eq!(told(header::CONTENT_TYPE), "image/jpeg");
        let info = house.ground.objects.info(media.s3_info.key.as_ref().unwrap()).await.unwrap();
        assert_eq!(told(header::ETAG), format!("\"{}\"", info.etag));
        let left = house.ground.files();
        assert!(left.iter().all(|file| file.starts_with("objects/events/")), "{left:?}");
    }
}

#[tokio::test]
async fn a_publication_that_runs_twice_leaves_the_same_bytes() {
    for house in houses().await {
        let id = house.media("a.jpg", &fixture(PHOTO)).await;
        house.drain().await;
        let (first, before) = (served(&house, id).await, house.read(id).await);

        let again = Ticket::of(&PublishMedia { media_id: id }).unwrap();
        house.parts.tools.queue.push(&[again]).await.unwrap();
        let log = house.drain().await;

        assert_eq!(log, ["publish_media: done"]);
        assert_eq!((served(&house, id).await, house.read(id).await), (first.clone(), before));
        let other = house.media("b.jpg", &fixture(PHOTO)).await;
        house.drain().await;
        assert_eq!(served(&house, other).await, first, "another run makes the same of it");
    }
}

#[tokio::test]
async fn a_film_is_served_without_its_place_and_as_long_as_it_was() {
    let house = on(&Arc::new(Ground::new().await), SETTINGS);
    let sent = fixture("videos/rot90_gps.mp4");
    let id = house.media("a.mp4", &sent).await;
    house.drain().await;

    let (media, bytes) = (house.read(id).await, served(&house, id).await);

    assert!(media.metadata.exif.as_ref().unwrap().location.is_some());
    assert!(!bytes.windows(4).any(|window| window == b"loci"));
    assert_eq!(bytes.len(), sent.len());
    let said = facts(&house, &media).await;
    assert_eq!(said.exif.and_then(|exif| exif.gps), None);
    assert_eq!(said.rotation_degrees, media.metadata.rotation);
}

#[tokio::test]
async fn what_cannot_be_stripped_is_not_published_until_it_may_go_out_as_it_is() {
    let ground = Arc::new(Ground::new().await);
    let house = on(&ground, SETTINGS);
    // Segments of metadata, and no picture.
    let sent = fixture(PHOTO)[..1000].to_vec();
    let id = house.media("a.jpg", &sent).await;

    let log = house.drain().await;

    assert_eq!(log.last().unwrap(), "publish_media: dead (unstrippable)");
    let media = house.read(id).await;
    assert_eq!(media.processing_status, ProcessingStatus::Failed);
    let error = media.processing.as_ref().unwrap().publish_error.clone().unwrap();
    assert_eq!(error.code, "unstrippable");
    let answer = house.bytes(&format!("/v1/media/{id}/file")).await;
    assert_eq!(answer, Err(StatusCode::CONFLICT));
    assert_eq!(house.recover().await, ["sweep: done"]);

    let open = on(&ground, "");
    let (_, dead) = open.ask("GET", "/v1/jobs?state=dead", json!(null)).await;
    let job = dead["items"][0]["_id"].as_str().unwrap();
    let (status, _) = open.ask("POST", &format!("/v1/jobs/{job}/retry"), json!(null)).await;
    assert_eq!(status, StatusCode::OK);
    open.drain().await;
    assert_eq!(served(&open, id).await, sent);
}

#[tokio::test]
async fn a_type_that_is_not_stripped_goes_out_as_it_came_and_the_job_says_so() {
    let house = on(&Arc::new(Ground::new().await), SETTINGS);
    let sent = fixture("videos/tone.mp3");
    let id = house.media("a.mp3", &sent).await;

    let log = house.drain().await;

    assert_eq!(log.last().unwrap(), "publish_media: done (audio/mpeg keeps its metadata)");
    assert_eq!(served(&house, id).await, sent);
    assert_eq!(house.read(id).await.original, None);
}
