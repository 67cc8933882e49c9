//! How often an original is read from a bucket on its way.

use std::sync::Arc;

use jobs::model::ProcessingStatus;

use crate::house::{Ground, House, fixture};

/// The keys of all GETs while this file goes from the door to its publication.
async fn asked(settings: &str, name: &str) -> Vec<String> {
    let (ground, books) = Ground::on_watched_s3().await;
    let ground = Arc::new(ground);
    let (store, objects) = (ground.store.clone(), ground.objects.clone());
    let house = House::with(ground, store, objects, settings);

    let id = house.media(name, &fixture(name)).await;
    house.drain().await;

    let media = house.read(id).await;
    assert_eq!(media.processing_status, ProcessingStatus::Completed);
    assert!(!media.thumbnails.is_empty());
    books.asked()
}

#[tokio::test]
async fn all_jobs_of_a_photo_and_of_a_film_read_the_bucket_once() {
    for name in ["images/orientation_6.jpg", "videos/rot90_gps.mp4"] {
        let asked = asked("", name).await;

        assert_eq!(asked.len(), 1, "{asked:?}");
        assert!(asked[0].starts_with("incoming/"), "{asked:?}");
    }
}

#[tokio::test]
async fn a_stripped_photo_is_read_once_too() {
    let settings = "[privacy]\nstrip_originals = true\n";

    let asked = asked(settings, "images/orientation_6.jpg").await;

    assert_eq!(asked.len(), 1, "{asked:?}");
}
