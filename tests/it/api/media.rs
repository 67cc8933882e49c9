//! Lists, ranges, and who sees which medium.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};

use crate::house::{House, fixture};

#[tokio::test]
async fn a_list_is_of_one_event_newest_first() {
    let house = House::new().await;
    let photo = fixture("images/gps_iphone.jpg");
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(house.media("a.jpg", &photo).await.to_string());
        house.drain().await;
        house.ground.clock.forward(std::time::Duration::from_secs(1));
    }
    ids.reverse();

    let (_, list) = house.ask("GET", "/v1/media?eventId=1", Value::Null).await;
    let (_, failed) = house.ask("GET", "/v1/media?eventId=1&status=failed", Value::Null).await;
    let (_, other) = house.ask("GET", "/v1/media?eventId=2", Value::Null).await;

    let listed: Vec<_> = list["items"].as_array().unwrap().iter().map(|m| &m["_id"]).collect();
    assert_eq!(json!(listed), json!(ids));
    assert_eq!(list["cursor"], Value::Null);
    assert_eq!((&failed["items"], &other["items"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn a_range_of_a_file_is_served_as_players_ask_for_it() {
    let house = House::new().await;
    let photo = fixture("images/gps_iphone.jpg");
    let id = house.media("a.jpg", &photo).await;
    house.drain().await;
    let ask = |range: &'static str| {
        let request = Request::get(format!("/v1/media/{id}/file")).header("range", range);
        house.send(request.body(Body::empty()).unwrap())
    };

    let part = ask("bytes=2-5").await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    let said = part.headers()[header::CONTENT_RANGE].to_str().unwrap().to_owned();
    assert_eq!(said, format!("bytes 2-5/{}", photo.len()));
    assert_eq!(part.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let bytes = axum::body::to_bytes(part.into_body(), 100).await.unwrap();
    assert_eq!(bytes, photo[2..6]);
    assert_eq!(ask("bytes=-4").await.headers()[header::CONTENT_LENGTH], "4");
    let beyond = ask("bytes=99999999-").await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.headers()[header::CONTENT_RANGE], format!("bytes */{}", photo.len()));
    let whole = ask("lines=1-2").await;
    assert_eq!(whole.status(), StatusCode::OK);
    let etag = &whole.headers()[header::ETAG];
    let known = Request::get(format!("/v1/media/{id}/file")).header("if-none-match", etag);
    let known = house.send(known.body(Body::empty()).unwrap()).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(&known.headers()[header::ETAG], etag);
}
