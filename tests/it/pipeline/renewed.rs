//! Pictures of published media are made again by newer settings, under the eyes of their readers.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use bytes::Bytes;
use iven_worker::adapters::{
    documents::{Change, Documents, Guard},
    records::collections::EVENT_MEDIA,
};
use jobs::{
    model::{Media, MediaId},
    ports::Objects,
};
use serde_json::{Value, json};

use crate::{
    crash::fuse::{Fuse, Fused},
    house::{Ground, House, fixture},
};

const PHOTO: &str = "images/orientation_6.jpg";

/// Another set than the default, of the second version.
const NEWER: &str = "[thumbnails]\nversion = 2\nsizes = [100, { name = \"320\", box = [64, 48], \
                     how = \"cover\", format = \"webp\" }]\n";

on_both_engines! {
    published_pictures_are_made_again_by_newer_settings
    asking_twice_queues_nothing_twice
    pages_of_older_media_have_every_medium_once
}

/// The same house after a restart with the newer settings.
fn newer(house: &House) -> House {
    with_settings(house, NEWER)
}

async fn published(house: &House) -> MediaId {
    let id = house.media("a.jpg", &fixture(PHOTO)).await;
    house.drain().await;
    assert!(house.read(id).await.is_published());
    id
}

pub async fn reprocess(house: &House, wish: Value) -> Value {
    let (status, answer) = house.ask("POST", "/v1/media/reprocess", wish).await;
    assert!(status.is_success(), "{answer}");
    answer
}

/// A reader's view: the medium is there, and every address in its document works.
pub async fn is_whole(house: &House, id: MediaId) -> Media {
    let media = house.read(id).await;
    assert!(media.is_published());
    assert!(house.bytes(&format!("/v1/media/{id}/file")).await.is_ok());
    assert!(!media.thumbnails.is_empty());
    for thumbnail in &media.thumbnails {
        let url = thumbnail.url.as_ref().unwrap();
        let path = url.strip_prefix("http://127.0.0.1:8787").unwrap();
        let bytes = house.bytes(path).await.unwrap();
        assert_eq!(bytes.len() as u64, thumbnail.bytes, "{}", thumbnail.key);
    }
    assert_eq!(media.thumbnail_url, media.thumbnails[0].url);
    media
}

/// What lies in the object store is what the document names, and nothing else.
pub fn holds_only(house: &House, media: &Media) {
    let mut expected = vec![format!("objects/{}", media.s3_info.key.as_ref().unwrap())];
    expected.extend(media.thumbnails.iter().map(|it| format!("objects/{}", it.key)));
    expected.sort();
    assert_eq!(house.ground.files(), expected);
    assert!(media.processing.as_ref().unwrap().spare_keys.is_empty());
}

async fn published_pictures_are_made_again_by_newer_settings(house: House) {
    let id = published(&house).await;
    let old = is_whole(&house, id).await;
    let house = newer(&house);

    let asked = reprocess(&house, json!({ "recipeOlderThan": 2 })).await;
    let log = house.drain().await;

    assert_eq!((&asked["found"], &asked["queued"]), (&json!(1), &json!(1)), "{asked}");
    assert_eq!(log, ["generate_thumbnails: done"]);
    let media = is_whole(&house, id).await;
    let found: Vec<_> =
        media.thumbnails.iter().map(|t| (t.name.as_str(), t.width, t.height)).collect();
    assert_eq!(found, [("320", 64, 48), ("100", 100, 67)]);
    let step = &media.processing_steps.thumbnail_generation;
    assert_eq!(step.recipe_version, Some(2));
    let told = "100=100x100-fit-jpeg-q80,320=64x48-cover-webp-q80";
    assert_eq!(step.recipe.as_deref(), Some(told));
    assert!(media.thumbnails[0].key.ends_with("_320_v2.webp"), "{:?}", media.thumbnails);
    let path = format!("/v1/media/{id}/thumbnails/320");
    let answer = house.send(Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers()["content-type"], "image/webp");
    holds_only(&house, &media);
    assert!(old.thumbnails.iter().all(|t| t.key.ends_with("_v1.jpg")), "{:?}", old.thumbnails);
    assert_eq!(reprocess(&house, json!({ "recipeOlderThan": 2 })).await["found"], 0);
}

async fn asking_twice_queues_nothing_twice(house: House) {
    let id = published(&house).await;
    let house = newer(&house);
    let wish = json!({ "recipeOlderThan": 2 });

    let counted = reprocess(&house, json!({ "recipeOlderThan": 2, "dryRun": true })).await;
    let first = reprocess(&house, wish.clone()).await;
    let second = reprocess(&house, wish).await;
    let log = house.drain().await;

    assert_eq!((&counted["found"], &counted["queued"]), (&json!(1), &json!(0)));
    assert_eq!((&first["found"], &first["queued"]), (&json!(1), &json!(1)));
    assert_eq!((&second["found"], &second["queued"]), (&json!(1), &json!(0)));
    assert_eq!(log, ["generate_thumbnails: done"]);
    is_whole(&house, id).await;
    let late = json!({ "kind": "generate_thumbnails", "args": { "mediaId": id, "olderThan": 2 } });
    house.ask("POST", "/v1/jobs", late).await;
    assert_eq!(house.drain().await, ["generate_thumbnails: done (not older)"]);
}

async fn pages_of_older_media_have_every_medium_once(house: House) {
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(published(&house).await);
    }
    // As a document from before there were versions.
    let version = "processingSteps.thumbnailGeneration.recipeVersion";
    let before = Change::new().unset(version);
    let store = &house.ground.store;
    store.patch(&EVENT_MEDIA, &all[1].into(), Guard::none(), before).await.unwrap();
    let house = newer(&house);

    let wish = json!({ "recipeOlderThan": 1, "dryRun": true });
    assert_eq!(reprocess(&house, wish).await["found"], 1);
    let (mut found, mut pages, mut cursor) = (0, 0, Value::Null);
    loop {
        let wish = json!({ "recipeOlderThan": 2, "limit": 1, "cursor": cursor });
        let page = reprocess(&house, wish).await;
        found += page["queued"].as_u64().unwrap();
        pages += 1;
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }

    assert_eq!((found, pages), (3, 4));
    house.drain().await;
    for id in all {
        let media = is_whole(&house, id).await;
        assert_eq!(media.processing_steps.thumbnail_generation.recipe_version, Some(2));
    }
}

#[tokio::test]
async fn a_version_that_is_still_to_come_is_refused() {
    let house = House::new().await;

    let wish = json!({ "recipeOlderThan": 2 });
    let (status, problem) = house.ask("POST", "/v1/media/reprocess", wish).await;

    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("recipe_unknown")));
}

#[tokio::test]
async fn a_worker_of_older_settings_leaves_the_work_to_others() {
    let house = House::new().await;
    let id = published(&house).await;

    reprocess(&newer(&house), json!({ "recipeOlderThan": 2 })).await;
    let log = house.drain().await;

    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].starts_with("generate_thumbnails: again (recipe_older"), "{log:?}");
    is_whole(&house, id).await;
}

#[tokio::test]
async fn pictures_that_cannot_be_made_again_stay_and_the_document_says_so() {
    let house = House::new().await;
    let id = published(&house).await;
    let old = house.read(id).await;
    let key = old.s3_info.key.clone().unwrap();
    let broken = Bytes::from_static(&[0xff, 0xd8, 0xff, 0xe0, 0, 16]);
    house.ground.objects.put(&key, broken, "image/jpeg").await.unwrap();
    let house = newer(&house);

    reprocess(&house, json!({ "recipeOlderThan": 2 })).await;
    let log = house.drain().await;

    assert_eq!(log, ["generate_thumbnails: dead (corrupt_file)"]);
    let media = is_whole(&house, id).await;
    assert_eq!(media.thumbnails, old.thumbnails);
    let step = &media.processing_steps.thumbnail_generation;
    assert!(step.completed && step.recipe_version == Some(1));
    assert_eq!(step.renew_error.as_ref().unwrap().code, "corrupt_file");
    assert_ne!(media.degraded, Some(true));
    holds_only(&house, &media);
}

/// The process dies between each pair of writes: readers never see a broken address, and the next
/// process leaves the new pictures and nothing else.
#[tokio::test]
async fn readers_see_whole_media_wherever_the_process_dies() {
    for writes in 0.. {
        let house = House::on(Arc::new(Ground::new().await));
        let id = published(&house).await;
        let next = newer(&house);
        reprocess(&next, json!({ "recipeOlderThan": 2 })).await;
        let ground = house.ground.clone();
        let fuse = Fuse::after(writes);
        let documents = Fused::<dyn Documents> { inner: ground.store.clone(), fuse: fuse.clone() };
        let objects = Fused::<dyn Objects> { inner: ground.objects.clone(), fuse: fuse.clone() };
        let dying = House::with(ground, Arc::new(documents), Arc::new(objects), NEWER);

        let survived = tokio::select! {
            biased;
            () = fuse.blown() => false,
            _ = dying.drain() => true,
        };
        drop(dying);

        is_whole(&next, id).await;
        next.recover().await;
        let media = is_whole(&next, id).await;
        assert_eq!(media.processing_steps.thumbnail_generation.recipe_version, Some(2));
        holds_only(&next, &media);
        if survived {
            assert!(writes > 6, "the fuse was in the way");
            return;
        }
    }
}

/// A set with pictures that come later.
const WITH_AVIF: &str = "[thumbnails]\nversion = 3\nsizes = [100, { name = \"small\", box = 64, \
                         format = \"avif\" }, { name = \"tile\", box = [60, 40], how = \"cover\", \
                         format = \"avif\" }]\n";

pub fn with_settings(house: &House, settings: &str) -> House {
    let ground = house.ground.clone();
    let (store, objects) = (ground.store.clone(), ground.objects.clone());
    House::with(ground, store, objects, settings)
}

pub fn names(media: &Media) -> Vec<&str> {
    media.thumbnails.iter().map(|thumbnail| thumbnail.name.as_str()).collect()
}

#[tokio::test]
async fn pictures_in_avif_come_after_publication_and_go_with_their_sizes() {
    let house = with_settings(&House::new().await, WITH_AVIF);
    let id = house.media("a.jpg", &fixture(PHOTO)).await;
    house.drain_before("generate_avif").await;
    let early = is_whole(&house, id).await;

    let log = house.drain().await;

    assert_eq!(names(&early), ["100"]);
    assert_eq!(log, ["generate_avif: done"]);
    let media = is_whole(&house, id).await;
    assert_eq!(names(&media), ["100", "tile", "small"]);
    assert_eq!(media.thumbnail_url, early.thumbnail_url);
    assert!(media.thumbnails[1].key.ends_with("_tile_v3.avif"), "{:?}", media.thumbnails);
    let path = format!("/v1/media/{id}/thumbnails/tile");
    let answer = house.send(Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers()["content-type"], "image/avif");
    holds_only(&house, &media);

    let fewer = WITH_AVIF.replace("version = 3", "version = 4").replace("\"tile\"", "\"other\"");
    let house = with_settings(&house, &fewer);
    reprocess(&house, json!({ "recipeOlderThan": 4 })).await;
    house.drain_before("generate_avif").await;
    let between = is_whole(&house, id).await;
    house.drain().await;

    assert_eq!(names(&between), ["100", "small"]);
    let media = is_whole(&house, id).await;
    assert_eq!(names(&media), ["100", "other", "small"]);
    assert!(media.thumbnails.iter().all(|it| it.key.contains("_v4.")), "{:?}", media.thumbnails);
    holds_only(&house, &media);
}
