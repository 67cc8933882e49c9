//! The process dies between each pair of writes; the next one completes the work once.

pub mod fuse;

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use iven_worker::adapters::{
    documents::{Documents, Query},
    records::collections::{EVENT_MEDIA, JOBS},
};
use jobs::{
    model::{Media, ProcessingStatus},
    ports::Objects,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::fuse::{Fuse, Fused};
use crate::{
    clamd::server::eicar,
    house::{Ground, House, fixture, jobs_in},
};

/// More writes than any of the runs here does.
const MOST: i64 = 200;

/// One file: what it is called, its bytes, how its medium must end, and whether the client asks
/// again even where it had its answer.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    status: ProcessingStatus,
    asks_again: bool,
    settings: &'static str,
}

impl Case {
    fn new(name: &'static str, bytes: Vec<u8>, status: ProcessingStatus) -> Self {
        Self { name, bytes, status, asks_again: false, settings: "" }
    }
}

/// Lets the process die after 0, 1, 2... writes until it gets through; each time the next process
/// must bring the work to the same end as an undisturbed run.
async fn dies_anywhere(case: Case) {
    let undisturbed = House::with_settings(case.settings).await;
    let smooth = End::of(&through(&undisturbed, &case).await, &case).await;
    for writes in 0..MOST {
        let ground = Arc::new(Ground::new().await);
        let upload = House::on(ground.clone()).upload(case.name, &case.bytes).await;
        let fuse = Fuse::after(writes);
        let dying = fused(&ground, &fuse, case.settings);
        let survived = tokio::select! {
            biased;
            () = fuse.blown() => false,
            () = run(&dying, &upload) => true,
        };
        drop(dying);

        let next = on(&ground, case.settings);
        if case.asks_again || !is_taken_over(&next, &upload).await {
            next.complete(&upload).await;
        }
        next.recover().await;

        assert_eq!(End::of(&next, &case).await, smooth, "died after {writes} writes");
        if survived {
            assert!(writes > 5, "the fuse was in the way");
            return;
        }
    }
    panic!("the run does more than {MOST} writes");
}

/// Whether the upload names its medium: from then on nobody has to ask again.
async fn is_taken_over(house: &House, upload: &str) -> bool {
    let (_, upload) = house.ask("GET", &format!("/v1/uploads/{upload}"), json!(null)).await;
    upload["mediaId"].is_string()
}

fn on(ground: &Arc<Ground>, settings: &str) -> House {
    House::with(ground.clone(), ground.store.clone(), ground.objects.clone(), settings)
}

fn fused(ground: &Arc<Ground>, fuse: &Arc<Fuse>, settings: &str) -> House {
    let documents = Fused::<dyn Documents> { inner: ground.store.clone(), fuse: fuse.clone() };
    let objects = Fused::<dyn Objects> { inner: ground.objects.clone(), fuse: fuse.clone() };
    House::with(ground.clone(), Arc::new(documents), Arc::new(objects), settings)
}

async fn run(house: &House, upload: &str) {
    house.complete(upload).await;
    house.drain().await;
}

async fn through(house: &House, case: &Case) -> House {
    let upload = house.upload(case.name, &case.bytes).await;
    run(house, &upload).await;
    house.recover().await;
    House::on(house.ground.clone())
}

/// Everything that must be the same however often a process died on the way.
#[derive(Debug, PartialEq)]
struct End {
    media: usize,
    status: ProcessingStatus,
    steps: Vec<(bool, String)>,
    files: Vec<String>,
    urls: bool,
    /// Length and hash by the record, and hash of what is served.
    bytes: (u64, Option<String>, Option<String>),
    open_jobs: u64,
    dead_jobs: u64,
    upload: (Value, Value),
}

impl End {
    async fn of(house: &House, case: &Case) -> Self {
        let store = &house.ground.store;
        let query = Query::over("eventId_uploadedAt", 10).at(1_i64);
        let found = store.find(&EVENT_MEDIA, query).await.unwrap();
        let media: Media = bson::deserialize_from_document(found[0].clone()).unwrap();
        assert_eq!(media.processing_status, case.status);
        let steps = &media.processing_steps;
        let step = |name| {
            let step = steps.get(name);
            (step.completed, format!("{:?} {:?}", step.state(), step.result))
        };
        let id = media.id.to_string();
        let mut open = 0;
        for state in ["new", "scheduled", "ready", "running"] {
            open += count(store, state).await;
        }
        let upload = media.processing.as_ref().unwrap().upload_id.0.clone();
        let (status, upload) =
            house.ask("GET", &format!("/v1/uploads/{upload}"), json!(null)).await;
        assert_eq!(status, StatusCode::OK);
        let served = house.bytes(&format!("/v1/media/{id}/file")).await.ok();
        let served = served.map(|bytes| hex::encode(Sha256::digest(bytes)));
        Self {
            media: found.len(),
            status: media.processing_status,
            steps: jobs::model::StepName::ALL.map(step).to_vec(),
            files: house.ground.files().iter().map(|file| file.replace(&id, "ID")).collect(),
            urls: media.file_url.is_some(),
            bytes: (media.file_size, media.sha256, served),
            open_jobs: open,
            dead_jobs: count(store, "dead").await,
            upload: (upload["status"].clone(), json!(upload["s3Url"].is_string())),
        }
    }
}

async fn count(store: &Arc<dyn Documents>, state: &str) -> u64 {
    store.count(&JOBS, jobs_in(state)).await.unwrap()
}

#[tokio::test]
async fn a_photo_is_published_once_wherever_the_process_dies() {
    let bytes = fixture("images/gps_iphone.jpg");
    dies_anywhere(Case::new("a.jpg", bytes, ProcessingStatus::Completed)).await;
}

#[tokio::test]
async fn a_photo_that_is_completed_again_is_published_once_wherever_the_process_dies() {
    let bytes = fixture("images/gps_iphone.jpg");
    let case = Case::new("a.jpg", bytes, ProcessingStatus::Completed);
    dies_anywhere(Case { asks_again: true, ..case }).await;
}

#[tokio::test]
async fn a_photo_without_its_metadata_is_published_once_wherever_the_process_dies() {
    let bytes = fixture("images/gps_iphone.jpg");
    let case = Case::new("a.jpg", bytes, ProcessingStatus::Completed);
    let settings = "[privacy]\nstrip_originals = true\n";
    dies_anywhere(Case { settings, ..case }).await;
}

#[tokio::test]
async fn a_file_of_two_chunks_is_published_once_wherever_the_process_dies() {
    let mut bytes = fixture("images/gps_iphone.jpg");
    // What follows the picture belongs to no picture.
    bytes.resize((10 << 20) + 1, 0);
    dies_anywhere(Case::new("a.jpg", bytes, ProcessingStatus::Completed)).await;
}

#[tokio::test]
async fn an_infected_file_is_quarantined_once_wherever_the_process_dies() {
    let bytes = eicar();
    dies_anywhere(Case::new("photo.jpg", bytes, ProcessingStatus::Failed)).await;
}

#[tokio::test]
async fn what_is_no_medium_is_withheld_once_wherever_the_process_dies() {
    let bytes = b"<html></html>".to_vec();
    dies_anywhere(Case::new("a.jpg", bytes, ProcessingStatus::Failed)).await;
}

#[tokio::test]
async fn a_broken_picture_is_published_once_wherever_the_process_dies() {
    let bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 16];
    dies_anywhere(Case::new("a.jpg", bytes, ProcessingStatus::Completed)).await;
}

#[tokio::test]
async fn the_sweep_frees_an_expired_upload_wherever_it_dies() {
    for writes in 0..MOST {
        let ground = Arc::new(Ground::new().await);
        let upload = House::on(ground.clone()).upload("a.jpg", b"abc").await;
        ground.clock.forward(Duration::from_secs(4000));
        ground.age_parts();
        let fuse = Fuse::after(writes);
        let dying = fused(&ground, &fuse, "");
        let survived = tokio::select! {
            biased;
            () = fuse.blown() => false,
            _ = dying.recover() => true,
        };
        drop(dying);
        let next = House::on(ground);

        next.recover().await;
        let (_, body) = next.ask("GET", &format!("/v1/uploads/{upload}"), json!(null)).await;

        assert_eq!(body["error"]["code"], "upload_expired", "died after {writes} writes");
        assert_eq!(next.ground.files(), Vec::<String>::new(), "died after {writes} writes");
        if survived {
            return;
        }
    }
    panic!("the sweep does more than {MOST} writes");
}
