//! Moving pictures of films come after publication, once, and go with their settings.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use bytes::Bytes;
use iven_worker::adapters::documents::Documents;
use jobs::{
    model::{Media, MediaId},
    ports::Objects,
};
use serde_json::json;

use super::renewed::{holds_only, is_whole, names, reprocess, with_settings};
use crate::{
    crash::fuse::{Fuse, Fused},
    house::{Ground, House, fixture},
    worker::parts::{Trouble, Troubled},
};

const FILM: &str = "videos/rot90_gps.mp4";

/// A set with previews, of the second version.
const WITH: &str = "[thumbnails]\nversion = 2\nsizes = [100]\npreview_seconds = 2\n";

on_both_engines! {
    a_published_film_gets_a_moving_picture_once
}

/// A published film whose preview is still to be made.
async fn published(house: &House) -> MediaId {
    let id = house.media("a.mp4", &fixture(FILM)).await;
    house.drain_before("generate_preview").await;
    assert_eq!(names(&is_whole(house, id).await), ["100"]);
    id
}

async fn ask_again(house: &House, id: MediaId) -> Vec<String> {
    let wish = json!({ "kind": "generate_preview", "args": { "mediaId": id } });
    let (status, answer) = house.ask("POST", "/v1/jobs", wish).await;
    assert!(status.is_success(), "{answer}");
    house.drain().await
}

async fn shows_it(house: &House, id: MediaId) -> Media {
    let media = is_whole(house, id).await;
    assert_eq!(names(&media), ["100", "preview"]);
    let [poster, preview] = media.thumbnails.as_slice() else { panic!("{:?}", media.thumbnails) };
    assert_eq!(media.thumbnail_url, poster.url);
    assert_eq!((preview.width, preview.height), (90, 160));
    assert_eq!(preview.mime_type, "image/webp");
    holds_only(house, &media);
    media
}

async fn a_published_film_gets_a_moving_picture_once(house: House) {
    let house = with_settings(&house, WITH);
    let id = published(&house).await;

    let log = house.drain().await;

    assert_eq!(log, ["generate_preview: done"]);
    let media = shows_it(&house, id).await;
    let key = format!("events/1/previews/{id}_v2.webp");
    assert_eq!(media.thumbnails[1].key, key);
    let path = format!("/v1/media/{id}/thumbnails/preview");
    let answer = house.send(Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers()["content-type"], "image/webp");
    assert_eq!(ask_again(&house, id).await, ["generate_preview: done (nothing to make)"]);
    assert_eq!(shows_it(&house, id).await.thumbnails, media.thumbnails);
}

#[tokio::test]
async fn photos_and_films_that_do_not_move_get_none() {
    let house = House::with_settings(WITH).await;
    let photo = house.media("a.jpg", &fixture("images/photo.jpg")).await;
    let still = house.media("a.mp4", &fixture("videos/black_only.mp4")).await;

    let log = house.drain().await;

    let previews: Vec<_> = log.iter().filter(|it| it.starts_with("generate_preview")).collect();
    assert_eq!(previews, ["generate_preview: done (it does not move)"]);
    for id in [photo, still] {
        assert_eq!(names(&is_whole(&house, id).await), ["100"]);
    }
}

#[tokio::test]
async fn a_decoder_that_is_away_is_waited_for() {
    let mut house = House::with_settings(WITH).await;
    let id = published(&house).await;
    let inner = house.parts.tools.decoder.clone();
    let bytes = fixture(FILM).len();
    house.parts.tools.decoder = Troubled::new(inner, bytes, Trouble::AwayOnce);

    let first = house.drain().await;
    let then = house.recover().await;

    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].starts_with("generate_preview: a"), "{first:?}");
    assert_eq!(then[0], "generate_preview: done");
    shows_it(&house, id).await;
}

#[tokio::test]
async fn a_broken_film_keeps_its_poster_and_the_document_says_why() {
    let house = House::with_settings(WITH).await;
    let id = published(&house).await;
    let key = house.read(id).await.s3_info.key.unwrap();
    let broken = Bytes::from_static(b"\0\0\0\x18ftypisom\0\0\0\0isommp42");
    house.ground.objects.put(&key, broken, "video/mp4").await.unwrap();

    let log = house.drain().await;

    assert_eq!(log, ["generate_preview: dead (corrupt_file)"]);
    let media = is_whole(&house, id).await;
    assert_eq!(names(&media), ["100"]);
    let step = &media.processing_steps.thumbnail_generation;
    assert_eq!(step.renew_error.as_ref().unwrap().code, "corrupt_file");
    assert_ne!(media.degraded, Some(true));
    holds_only(&house, &media);
}

#[tokio::test]
async fn newer_settings_renew_it_and_take_it_away() {
    let house = House::with_settings(WITH).await;
    let id = published(&house).await;
    house.drain().await;

    let newer = WITH.replace("version = 2", "version = 3").replace("seconds = 2", "seconds = 1");
    let house = with_settings(&house, &newer);
    reprocess(&house, json!({ "recipeOlderThan": 3 })).await;
    house.drain_before("generate_preview").await;
    let between = is_whole(&house, id).await;
    house.drain().await;

    assert!(between.thumbnails[1].key.ends_with("_v2.webp"), "{:?}", between.thumbnails);
    let media = shows_it(&house, id).await;
    assert!(media.thumbnails[1].key.ends_with("_v3.webp"), "{:?}", media.thumbnails);

    let none = WITH.replace("version = 2", "version = 4").replace("seconds = 2", "seconds = 0");
    let house = with_settings(&house, &none);
    reprocess(&house, json!({ "recipeOlderThan": 4 })).await;
    let log = house.drain().await;

    let expected = ["generate_thumbnails: done", "generate_preview: done (nothing to make)"];
    assert_eq!(log, expected);
    let media = is_whole(&house, id).await;
    assert_eq!(names(&media), ["100"]);
    holds_only(&house, &media);
}

/// The process dies between each pair of writes: the next one leaves one moving picture and nothing
/// else.
#[tokio::test]
async fn there_is_one_wherever_the_process_dies() {
    for writes in 0.. {
        let house = House::with_settings(WITH).await;
        let id = published(&house).await;
        let ground: Arc<Ground> = house.ground.clone();
        let fuse = Fuse::after(writes);
        let documents = Fused::<dyn Documents> { inner: ground.store.clone(), fuse: fuse.clone() };
        let objects = Fused::<dyn Objects> { inner: ground.objects.clone(), fuse: fuse.clone() };
        let dying = House::with(ground, Arc::new(documents), Arc::new(objects), WITH);

        let survived = tokio::select! {
            biased;
            () = fuse.blown() => false,
            _ = dying.drain() => true,
        };
        drop(dying);

        is_whole(&house, id).await;
        house.recover().await;
        shows_it(&house, id).await;
        if survived {
            assert!(writes > 3, "the fuse was in the way");
            return;
        }
    }
}
