//! A broken file ends with its reason; the next one goes on.

use jobs::model::{ErrorClass, ProcessingStatus, StepState};

use crate::house::{House, fixture};

on_both_engines! {
    a_file_that_is_no_medium_is_withheld
    a_broken_picture_is_published_without_small_ones
}

async fn a_file_that_is_no_medium_is_withheld(house: House) {
    let id = house.media("photo.png", b"<html><script>alert(1)</script></html>").await;
    house.drain().await;

    let media = house.read(id).await;
    assert_eq!(media.processing_status, ProcessingStatus::Failed);
    let error = media.processing_steps.metadata_extraction.error.unwrap();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Policy, "unsupported_type"));
    assert_eq!(media.processing_steps.thumbnail_generation.state(), StepState::Skipped);
    assert_eq!(house.ground.files(), [format!("objects/quarantine/1/{id}")]);
}

async fn a_broken_picture_is_published_without_small_ones(house: House) {
    let id = house.media("broken.jpg", &[0xff, 0xd8, 0xff, 0xe0, 0, 16]).await;
    let next = house.media("good.jpg", &fixture("images/orientation_1.jpg")).await;
    house.drain().await;

    let media = house.read(id).await;
    assert_eq!(media.processing_status, ProcessingStatus::Completed);
    assert_eq!(media.degraded, Some(true));
    assert_eq!(media.processing_steps.thumbnail_generation.error.unwrap().code, "corrupt_file");
    assert_eq!(house.read(next).await.degraded, None);
}
