//! A file goes into an album of its own event, or is refused.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use iven_worker::adapters::records::collections::MEDIA_ALBUMS;
use jobs::{
    model::{Album, AlbumId, EventId, UserId, Visibility},
    ports::Clock,
};
use serde_json::json;

use crate::house::{House, answer, fixture};

const ALBUM: &str = "65a5a5a5a5a5a5a5a5a5a5a5";
const NONE: &str = "65a5a5a5a5a5a5a5a5a5a5a6";

/// A house whose event 1 has an album.
async fn with_album() -> House {
    let house = House::new().await;
    let now = house.ground.clock.now();
    let album = Album {
        id: ALBUM.parse::<AlbumId>().unwrap(),
        event_id: EventId(1),
        created_by: UserId(42),
        name: "Soirée".to_owned(),
        description: None,
        cover_media_id: None,
        media_count: 0,
        total_size: 0,
        media_types: Vec::new(),
        visibility: Visibility::EventParticipants,
        can_contribute: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    let document = bson::serialize_to_document(&album).unwrap();
    house.ground.store.insert(&MEDIA_ALBUMS, document).await.unwrap();
    house
}

#[tokio::test]
async fn a_file_goes_into_an_album_of_its_event() {
    let house = with_album().await;
    let photo = fixture("images/gps_iphone.jpg");
    let wish = json!({
        "eventId": 1, "userId": 42, "filename": "a.jpg", "size": photo.len(),
        "mimeType": "image/jpeg", "albumId": ALBUM,
    });
    let (_, upload) = house.ask("POST", "/v1/uploads", wish).await;
    let id = upload["uploadId"].as_str().unwrap();

    house.put_chunk(id, 1, photo).await;
    let media = house.complete(id).await;

    assert_eq!(house.read(media).await.album_id, Some(ALBUM.parse().unwrap()));
}

#[tokio::test]
async fn an_album_of_another_event_is_as_unknown_as_one_that_is_not_there() {
    let house = with_album().await;

    for (event, album) in [(2, ALBUM), (1, NONE), (2, NONE)] {
        let wish = json!({
            "eventId": event, "userId": 42, "filename": "a.jpg", "size": 3,
            "mimeType": "image/jpeg", "albumId": album,
        });
        let chunked = house.ask("POST", "/v1/uploads", wish).await;
        let query = format!("eventId={event}&userId=42&filename=a.jpg&albumId={album}");
        let request = Request::post(format!("/v1/media?{query}")).body(Body::from("abc"));
        let at_once = answer(house.send(request.unwrap()).await).await;

        for (status, problem) in [chunked, at_once] {
            assert_eq!(status, StatusCode::NOT_FOUND, "{event} {album}");
            assert_eq!(problem["code"], "album_not_found", "{event} {album}");
        }
    }
    assert_eq!(house.ground.files(), Vec::<String>::new());
}
