//! What was given up is taken up again at an operator's wish.

use axum::http::StatusCode;
use jobs::model::{Media, MediaId, ProcessingStatus, StepState};
use serde_json::{Value, json};

use crate::house::{House, fixture};

on_both_engines! {
    a_published_medium_gets_its_pictures_later
    a_file_that_was_not_scanned_comes_back_from_quarantine
    a_medium_that_could_not_be_published_is
    an_upload_whose_bytes_are_gone_is_not_revived
    what_the_scanner_has_judged_is_not_asked_again
}

/// The one job of this kind about this medium.
async fn job(house: &House, id: MediaId, kind: &str) -> String {
    let path = format!("/v1/jobs?ref=event_media:{id}&kind={kind}");
    let (_, found) = house.ask("GET", &path, Value::Null).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    found["items"][0]["_id"].as_str().unwrap().to_owned()
}

async fn retry(house: &House, job: &str) -> (StatusCode, Value) {
    house.ask("POST", &format!("/v1/jobs/{job}/retry"), Value::Null).await
}

/// Runs jobs one lane after the other until one of this kind waits, and cancels it.
async fn cancelled(house: &House, kind: &str) -> (MediaId, String) {
    let id = house.media("a.jpg", &fixture("images/orientation_1.jpg")).await;
    house.drain_before(kind).await;
    let waiting = job(house, id, kind).await;
    let (status, _) = house.ask("POST", &format!("/v1/jobs/{waiting}/cancel"), Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    house.drain().await;
    (id, waiting)
}

async fn whole(house: &House, id: MediaId) -> Media {
    let media = house.read(id).await;
    assert_eq!(media.processing_status, ProcessingStatus::Completed);
    assert_ne!(media.degraded, Some(true));
    assert!(!media.thumbnails.is_empty() && media.thumbnails.iter().all(|t| t.url.is_some()));
    let smallest = &media.thumbnails[0].name;
    assert!(house.bytes(&format!("/v1/media/{id}/thumbnails/{smallest}")).await.is_ok());
    assert!(house.bytes(&format!("/v1/media/{id}/file")).await.is_ok());
    media
}

async fn a_published_medium_gets_its_pictures_later(house: House) {
    let (id, given_up) = cancelled(&house, "generate_thumbnails").await;
    let without = house.read(id).await;

    retry(&house, &given_up).await;
    let log = house.drain().await;

    assert_eq!(without.processing_status, ProcessingStatus::Completed);
    assert_eq!((without.degraded, without.thumbnails.len()), (Some(true), 0));
    assert_eq!(log, ["generate_thumbnails: done", "publish_media: done"]);
    let media = whole(&house, id).await;
    assert!(media.thumbnail_url.is_some());
}

async fn a_file_that_was_not_scanned_comes_back_from_quarantine(house: House) {
    let (id, given_up) = cancelled(&house, "scan_virus").await;
    let withheld = house.read(id).await;
    let files = house.ground.files();

    retry(&house, &given_up).await;
    house.drain().await;

    assert_eq!(withheld.processing_status, ProcessingStatus::Failed);
    assert_eq!(files, [format!("objects/quarantine/1/{id}")]);
    let media = whole(&house, id).await;
    assert_eq!(media.processing.unwrap().quarantine_key, None);
    assert!(house.ground.files().iter().all(|file| file.starts_with("objects/events/1/")));
}

async fn a_medium_that_could_not_be_published_is(house: House) {
    let (id, given_up) = cancelled(&house, "publish_media").await;
    let hidden = house.read(id).await;

    retry(&house, &given_up).await;
    house.drain().await;

    assert_eq!(hidden.processing_status, ProcessingStatus::Failed);
    assert_eq!(hidden.processing.unwrap().publish_error.unwrap().code, "cancelled");
    whole(&house, id).await;
}

async fn an_upload_whose_bytes_are_gone_is_not_revived(house: House) {
    let (id, given_up) = cancelled(&house, "assemble_upload").await;

    let (status, problem) = retry(&house, &given_up).await;

    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("job_bytes_gone")));
    let step = house.read(id).await.processing_steps.upload;
    assert_eq!(step.state(), StepState::Failed);
}

async fn what_the_scanner_has_judged_is_not_asked_again(house: House) {
    let (_, given_up) = cancelled(&house, "scan_virus").await;
    retry(&house, &given_up).await;
    house.drain().await;

    let (status, problem) = retry(&house, &given_up).await;

    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("job_done")));
}
