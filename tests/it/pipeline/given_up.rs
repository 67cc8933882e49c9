//! What is given up ends for whoever watches, and only by whoever has the job.

use bson::{Bson, doc};
use iven_worker::{
    adapters::{
        documents::{Change, Guard},
        records::collections::EVENT_MEDIA,
    },
    worker::{Ended, LEASE},
};
use jobs::{
    intake,
    job::Queue,
    model::{MediaId, ProcessingStatus, UploadId},
    ports::{Clock, Leased, later},
};
use serde_json::json;

use crate::house::{House, fixture};

on_both_engines! {
    a_medium_that_cannot_be_published_says_so_and_is_left_alone
    a_job_whose_medium_is_gone_is_dead_at_once
    who_lost_the_lease_gives_nothing_up
    an_upload_that_got_a_chunk_in_time_does_not_expire
    an_odd_document_does_not_keep_the_others_from_going_on
}

const PHOTO: &str = "images/orientation_1.jpg";

async fn claim(house: &House, queue: Queue) -> Vec<Leased> {
    let until = later(house.ground.clock.now(), LEASE);
    house.parts.leases.claim("test", queue, 9, until).await.unwrap()
}

/// Runs the jobs that wait in these lanes, one lane after the other.
async fn run(house: &House, lanes: &[Queue]) {
    for lane in lanes {
        for job in claim(house, *lane).await {
            house.parts.engine().attempt(&job).await;
        }
    }
}

async fn a_medium_that_cannot_be_published_says_so_and_is_left_alone(house: House) {
    let id = house.media("a.jpg", &fixture(PHOTO)).await;
    run(&house, &[Queue::Ingest, Queue::Scan, Queue::Media]).await;
    let key = house.read(id).await.processing.unwrap().private_key;
    house.parts.tools.objects.delete(&key).await.unwrap();

    let publication = house.drain().await;
    let later = house.recover().await;

    assert_eq!(publication, ["publish_media: dead (missing)"]);
    assert_eq!(later, ["sweep: done"]);
    let media = house.read(id).await;
    assert_eq!(media.processing_status, ProcessingStatus::Failed);
    assert_eq!(media.processing.unwrap().publish_error.unwrap().code, "missing");
}

async fn a_job_whose_medium_is_gone_is_dead_at_once(house: House) {
    let id = house.media("a.jpg", &fixture(PHOTO)).await;
    house.ground.store.delete(&EVENT_MEDIA, &id.into(), Guard::none()).await.unwrap();

    assert_eq!(house.drain().await, ["assemble_upload: dead (missing)"]);
    assert_eq!(house.recover().await[0], "sweep: done (0 expired, 0 orphans dropped, 1 resumed)");
}

async fn who_lost_the_lease_gives_nothing_up(house: House) {
    let id = house.media("a.jpg", &fixture(PHOTO)).await;
    let slow = claim(&house, Queue::Ingest).await.remove(0);
    house.ground.clock.forward(LEASE);
    house.parts.leases.reap(9).await.unwrap();
    let quick = claim(&house, Queue::Ingest).await.remove(0);

    // So many crashes are given up without a look.
    let gave_up = house.parts.engine().attempt(&Leased { crashes: 3, ..slow }).await;
    let done = house.parts.engine().attempt(&quick).await;
    house.drain().await;

    assert_eq!((gave_up, done), (Ended::Fenced, Ended::Done(None)));
    assert_eq!(house.read(id).await.processing_status, ProcessingStatus::Completed);
}

async fn an_upload_that_got_a_chunk_in_time_does_not_expire(house: House) {
    let upload = UploadId(house.upload("a.jpg", &fixture(PHOTO)).await);
    let needs = intake::Needs::from(&house.parts.tools);

    let early = intake::expire(&needs, &upload).await.unwrap();
    house.complete(&upload.0).await;
    house.ground.clock.forward(std::time::Duration::from_secs(7200));
    let taken_over = intake::expire(&needs, &upload).await.unwrap();

    assert_eq!((early, taken_over), (false, false));
    assert_eq!(house.drain().await.last().unwrap(), "publish_media: done");
}

async fn an_odd_document_does_not_keep_the_others_from_going_on(house: House) {
    let odd: MediaId = house.media("a.jpg", &fixture(PHOTO)).await;
    let comment = Bson::Array(vec![doc! { "said": "by another service" }.into()]);
    let change = Change::new().set("comments", comment);
    let store = &house.ground.store;
    store.patch(&EVENT_MEDIA, &odd.into(), Guard::none(), change).await.unwrap().unwrap();
    let good = house.media("b.jpg", &fixture(PHOTO)).await;

    house.drain().await;
    let swept = house.recover().await;

    assert!(swept.iter().any(|line| line.starts_with("sweep: done")), "{swept:?}");
    assert_eq!(house.read(good).await.processing_status, ProcessingStatus::Completed);
    let (_, listed) = house.ask("GET", "/v1/media?eventId=1", json!(null)).await;
    let ids: Vec<_> = listed["items"].as_array().unwrap().iter().map(|m| &m["_id"]).collect();
    assert_eq!(ids, [&json!(good.to_string())]);
}
