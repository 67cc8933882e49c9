//! A photo goes in, a finished medium comes out.

use axum::http::StatusCode;
use jobs::model::{FileType, ProcessingStatus, ScanResult, StepName};

use crate::house::{House, fixture};

/// A photo that is stored on its side, as phones write them.
const PHOTO: &str = "images/orientation_6.jpg";

on_both_engines! {
    a_photo_goes_in_and_a_finished_medium_comes_out
    nothing_is_served_before_publication
    only_what_is_published_stays_in_the_object_store
    a_medium_carries_its_uploader
}

async fn a_photo_goes_in_and_a_finished_medium_comes_out(house: House) {
    let bytes = fixture(PHOTO);

    let id = house.media("../soirée (1).PNG", &bytes).await;
    let log = house.drain().await;

    assert_eq!(
        log,
        [
            "assemble_upload: done",
            "scan_virus: done",
            "extract_metadata: done",
            "generate_thumbnails: done",
            "publish_media: done",
        ]
    );
    let media = house.read(id).await;
    assert_eq!(media.processing_status, ProcessingStatus::Completed);
    assert!(StepName::ALL.iter().all(|step| media.processing_steps.get(*step).completed));
    assert_eq!(media.processing_steps.virus_scanning.result, Some(ScanResult::Clean));
    assert_eq!((media.file_type, media.mime_type.as_str()), (FileType::Image, "image/jpeg"));
    assert_eq!(media.original_filename, "soirée (1).PNG");
    assert_eq!(media.filename, format!("{id}_soir_e_1.jpg"));
    let key = format!("events/1/media/{id}_soir_e_1.jpg");
    assert_eq!(media.s3_info.key.as_deref(), Some(key.as_str()));
    let path = format!("/v1/media/{id}/file");
    assert_eq!(media.file_url, Some(format!("http://127.0.0.1:8787{path}")));
    assert_eq!(house.bytes(&path).await.unwrap(), bytes);
    for thumbnail in &media.thumbnails {
        let path = format!("/v1/media/{id}/thumbnails/{}", thumbnail.name);
        let picture = house.bytes(&path).await.unwrap();
        assert_eq!(picture.len() as u64, thumbnail.bytes);
        assert!(picture.starts_with(&[0xff, 0xd8]), "a JPEG");
    }
    assert_eq!(media.thumbnail_url, media.thumbnails[0].url);
    assert!(media.placeholder.is_some());
}

async fn nothing_is_served_before_publication(house: House) {
    let id = house.media("a.jpg", &fixture(PHOTO)).await;

    let early = house.bytes(&format!("/v1/media/{id}/file")).await;
    house.drain().await;
    let late = house.bytes(&format!("/v1/media/{id}/file")).await;

    assert_eq!(early, Err(StatusCode::CONFLICT));
    assert!(late.is_ok());
}

async fn only_what_is_published_stays_in_the_object_store(house: House) {
    let id = house.media("a.jpg", &fixture(PHOTO)).await;
    house.drain().await;

    let media = house.read(id).await;
    let mut expected = vec![format!("objects/{}", media.s3_info.key.unwrap())];
    expected.extend(media.thumbnails.iter().map(|t| format!("objects/{}", t.key)));
    expected.sort();
    assert_eq!(house.ground.files(), expected);
}

async fn a_medium_carries_its_uploader(house: House) {
    let profile = serde_json::json!({ "username": "arthur_dev", "fname": "Arthur" });
    house.ask("PUT", "/v1/users/42", profile).await;

    let id = house.media("a.jpg", &fixture(PHOTO)).await;
    house.drain().await;

    let uploader = house.read(id).await.uploader_info;
    assert_eq!(uploader.username.as_deref(), Some("arthur_dev"));
    assert_eq!(uploader.fname.as_deref(), Some("Arthur"));
}

#[tokio::test]
async fn a_public_medium_has_the_address_of_the_cdn_and_others_have_not() {
    let house = House::with_settings("[s3]\npublic_url = \"https://cdn.example.org\"\n").await;
    let photo = fixture("images/orientation_1.jpg");
    let mut addresses = Vec::new();
    for visibility in ["public", "event_participants"] {
        let path = format!("/v1/media?eventId=1&userId=42&filename=a.jpg&visibility={visibility}");
        let request = axum::http::Request::post(path).body(photo.clone().into()).unwrap();
        let (_, taken) = crate::house::answer(house.send(request).await).await;
        house.drain().await;
        let media = house.read(taken["mediaId"].as_str().unwrap().parse().unwrap()).await;
        assert!(media.is_published());
        let key = media.s3_info.key.clone().unwrap();
        addresses.push((media.s3_info.public_url, format!("https://cdn.example.org/{key}")));
    }

    assert_eq!(addresses[0].0.as_ref(), Some(&addresses[0].1));
    assert_eq!(addresses[1].0, None);
}
