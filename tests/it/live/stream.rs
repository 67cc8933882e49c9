//! `GET /v1/stream`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{LATER, Said, asked, listen, person, step};
use crate::{
    api::access::token,
    house::{House, fixture},
    notifications::{ask_as, notify, wish},
};

fn names(said: &[Said]) -> Vec<String> {
    let one = |said: &Said| match said.data["step"].as_str() {
        Some(step) => format!("{step} {}", said.data["state"].as_str().unwrap()),
        None => said.name.clone(),
    };
    said.iter().map(one).collect()
}

#[tokio::test]
async fn the_walk_of_an_upload_is_heard_in_order_by_its_user_and_its_event() {
    let house = House::new().await;
    let mut user = listen(&house, "userId=42", &person(42, &[1])).await;
    let mut guest = listen(&house, "eventId=1", &person(43, &[1])).await;
    let mut service = listen(&house, "eventId=1", "").await;

    let media = house.media("a.jpg", &fixture("images/gps_iphone.jpg")).await;
    house.drain().await;
    let heard = user.until("media.completed").await;

    let steps = [
        "upload.progress",
        "upload running",
        "upload completed",
        "virusScanning running",
        "virusScanning completed",
        "metadataExtraction running",
        "metadataExtraction completed",
        "thumbnailGeneration running",
        "thumbnailGeneration completed",
        "media.completed",
    ];
    assert_eq!(names(&heard), steps);
    assert_eq!(heard[0].data["progress"], 100);
    let done = heard.last().unwrap();
    assert_eq!(done.data["mediaId"], media.to_string());
    assert_eq!((&done.data["eventId"], &done.data["fileType"]), (&json!(1), &json!("image")));
    assert_eq!(done.data["thumbnailUrl"], house.read(media).await.thumbnail_url.unwrap());
    assert!(heard[..9].iter().all(|said| !said.data.to_string().contains("http")), "{heard:?}");
    // How far an upload is concerns its sender.
    assert_eq!(names(&guest.until("media.completed").await), steps[1..]);
    assert_eq!(names(&service.until("media.completed").await), steps);
}

#[tokio::test]
async fn an_infected_file_is_heard_of_with_its_reason() {
    let house = House::new().await;
    let mut listener = listen(&house, "eventId=1", &person(42, &[1])).await;

    house.media("a.com", &crate::clamd::server::eicar()).await;
    house.drain().await;
    let heard = listener.until("media.failed").await;

    assert_eq!(heard.last().unwrap().data["result"], "infected");
}

#[tokio::test]
async fn a_notification_is_heard_by_its_user_alone() {
    let house = House::new().await;
    let mut own = listen(&house, "userId=42", &person(42, &[])).await;
    let mut other = listen(&house, "userId=43", &person(43, &[1])).await;
    let mut event = listen(&house, "eventId=1", &person(42, &[1])).await;

    let id = notify(&house, wish(&["in_app"])).await;
    house.drain().await;
    ask_as(&house, 42, "POST", &format!("/v1/notifications/{id}/read")).await;
    house.parts.tools.live.announce(&[step(1)]).await;
    let heard = own.until("notification.read").await;

    assert_eq!(names(&heard), ["notification", "notification.read"]);
    assert_eq!(
        (&heard[0].data["_id"], &heard[0].data["status"]),
        (&json!(id.to_string()), &json!("sent"))
    );
    assert_eq!(heard[0].data["title"], "Invitation événement");
    assert_eq!(heard[0].data.get("deliveries"), None, "that is the worker's own");
    assert_eq!(heard[1].data["notificationId"], id.to_string());
    assert_eq!(event.next().await.unwrap().name, "media.step", "it is nobody else's");
    house.parts.tools.live.close();
    assert_eq!(other.next().await, None);
}

#[tokio::test]
async fn private_media_are_heard_of_by_their_uploader_in_their_event_alone() {
    let house = House::new().await;
    let mut own = listen(&house, "eventId=1", &person(42, &[1])).await;
    let mut guest = listen(&house, "eventId=1", &person(43, &[1])).await;
    let mut elsewhere = listen(&house, "userId=42", &person(42, &[2])).await;

    let path = "/v1/media?eventId=1&userId=42&filename=a.jpg&visibility=private";
    let photo = axum::body::Body::from(fixture("images/gps_iphone.jpg"));
    let request = axum::http::Request::post(path).body(photo).unwrap();
    assert_eq!(house.send(request).await.status(), StatusCode::ACCEPTED);
    house.drain().await;
    let heard = own.until("media.completed").await;
    house.parts.tools.live.close();

    assert_eq!(heard.len(), 9, "{heard:?}");
    assert_eq!((guest.next().await, elsewhere.next().await), (None, None));
}

#[tokio::test]
async fn whoever_comes_back_misses_nothing() {
    let house = House::new().await;
    let (live, query) = (&house.parts.tools.live, "eventId=1");
    let mut first = listen(&house, query, &person(43, &[1])).await;
    let before = first.last.clone();
    for number in 0..3 {
        live.announce(&[step(number)]).await;
    }
    first.next().await.unwrap();
    let last = first.next().await.unwrap().id;
    drop(first);
    live.announce(&[step(3), step(4)]).await;

    let mut all = Vec::new();
    for after in [&last, &before] {
        let mut again =
            listen(&house, &format!("{query}&lastEventId={after}"), &person(43, &[1])).await;
        live.announce(&[step(9)]).await;
        let mut numbers = Vec::new();
        while numbers.last() != Some(&json!(9)) {
            numbers.push(again.next().await.unwrap().data["number"].clone());
        }
        all.push(numbers);
        drop(again);
    }

    assert_eq!(all[0], [2, 3, 4, 9].map(Value::from));
    assert_eq!(all[1], [0, 1, 2, 3, 4, 9].map(Value::from));
}

#[tokio::test]
async fn whoever_comes_back_too_late_is_told_to_fetch_anew() {
    let house = House::new().await;
    let live = &house.parts.tools.live;
    let first = listen(&house, "eventId=1", &person(43, &[1])).await;
    for number in 0..200 {
        live.announce(&[step(number)]).await;
    }

    for place in [first.last.as_str(), "never", "000000000000000000000000-3"] {
        let query = format!("eventId=1&lastEventId={place}");
        let mut late = listen(&house, &query, &person(43, &[1])).await;
        live.announce(&[step(7)]).await;
        let (reset, next) = (late.next().await.unwrap(), late.next().await.unwrap());
        assert_eq!((reset.name.as_str(), &next.data["number"]), ("reset", &json!(7)));
    }
}

#[tokio::test]
async fn a_slow_listener_is_cut_off_and_told_where_it_can_go_on() {
    let house = House::new().await;
    let live = &house.parts.tools.live;
    let mut slow = listen(&house, "eventId=1", &person(43, &[1])).await;

    for number in 0..300 {
        live.announce(&[step(number)]).await;
    }
    let heard = slow.until("reset").await;

    assert_eq!(heard.len(), 257);
    assert_eq!(slow.next().await, None);
    let query = format!("eventId=1&lastEventId={}", heard[256].id);
    let mut again = listen(&house, &query, &person(43, &[1])).await;
    assert_eq!(again.next().await.unwrap().data["number"], 256);
}

#[tokio::test]
async fn only_so_many_listen_and_a_place_is_free_again() {
    let house = House::with_settings("[http]\nmax_listeners = 1\n").await;
    let first = listen(&house, "eventId=1", "").await;

    let (status, problem) = asked(&house, "eventId=1", "").await.err().unwrap();
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
    );
    drop(first);
    listen(&house, "eventId=1", "").await;
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let house = House::new().await;
    let soon = LATER.min(1_705_350_901);
    let token = token(json!({ "sub": "43", "events": [1], "exp": soon }));

    let mut listener = listen(&house, "eventId=1", &token).await;

    assert_eq!(listener.next().await, None);
}

#[tokio::test]
async fn nobody_listens_to_what_is_not_his() {
    let house = House::new().await;
    let bound = token(json!({ "sub": "42", "events": [1], "exp": LATER, "upload": "u" }));
    let uploads = token(json!({ "sub": "42", "events": [1], "exp": LATER, "scope": "upload" }));
    let own = person(42, &[1]);

    for (query, token, status) in [
        ("userId=43", own.as_str(), StatusCode::NOT_FOUND),
        ("eventId=2", &own, StatusCode::NOT_FOUND),
        ("eventId=1", &bound, StatusCode::NOT_FOUND),
        ("userId=42", &bound, StatusCode::NOT_FOUND),
        ("eventId=1", &uploads, StatusCode::FORBIDDEN),
        ("eventId=1", "a.b.c", StatusCode::UNAUTHORIZED),
        ("eventId=1&userId=42", &own, StatusCode::BAD_REQUEST),
        ("eventId=0", &own, StatusCode::BAD_REQUEST),
        ("lastEventId=1", &own, StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(asked(&house, query, token).await.err().unwrap().0, status, "{query}");
    }
}
