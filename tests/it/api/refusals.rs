//! Every refusal has a stable code and a sentence; no name reaches a key.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::{Value, json};

use crate::house::{House, answer, fixture};

#[tokio::test]
async fn wishes_that_cannot_be_granted_are_refused_with_a_code() {
    let house = House::new().await;
    let wish = |change: Value| {
        let mut wish = json!({
            "eventId": 1, "userId": 42, "filename": "a.jpg", "size": 5, "mimeType": "image/jpeg",
        });
        wish.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        wish
    };
    let cases = [
        (json!({ "size": 0 }), 422, "empty_file"),
        (json!({ "size": 1_u64 << 40 }), 413, "file_too_large"),
        (json!({ "filename": "" }), 400, "bad_filename"),
        (json!({ "mimeType": "image" }), 400, "bad_mime_type"),
        (json!({ "mimeType": "image/jpeg\r\nX: y" }), 400, "bad_mime_type"),
        (json!({ "sha256": "abc" }), 400, "bad_sha256"),
        (json!({ "albumId": "1" }), 400, "bad_parameter"),
        (json!({ "eventId": 0 }), 400, "bad_parameter"),
        (json!({ "userId": -1 }), 400, "bad_parameter"),
        (json!({ "size": "5" }), 400, "bad_json"),
        (json!({ "colour": "red" }), 400, "bad_json"),
        (json!({ "caption": "x".repeat(3000) }), 422, "too_long"),
    ];

    for (change, status, code) in cases {
        let (got, problem) = house.ask("POST", "/v1/uploads", wish(change.clone())).await;
        assert_eq!((got.as_u16(), problem["code"].as_str()), (status, Some(code)), "{change}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
    }
}

#[tokio::test]
async fn addresses_that_lead_nowhere_are_problems_too() {
    let house = House::new().await;
    let cases = [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("PATCH", "/v1/uploads", 405, "method_not_allowed"),
        ("GET", "/v1/uploads/upload_none", 404, "not_found"),
        ("GET", "/v1/media/zzz", 404, "not_found"),
        ("GET", "/v1/media/%ff%fe", 400, "bad_request"),
        ("GET", "/v1/media/65a5a5a5a5a5a5a5a5a5a5a5", 404, "not_found"),
        ("GET", "/v1/media?eventId=abc", 400, "bad_parameter"),
        ("GET", "/v1/media?eventId=1&cursor=abc", 400, "bad_parameter"),
        ("GET", "/v1/media?eventId=0", 400, "bad_parameter"),
        ("GET", "/v1/media?eventId=1&state=failed", 400, "bad_parameter"),
        ("POST", "/v1/media?eventId=1&userId=0&filename=a", 400, "bad_parameter"),
    ];

    for (method, path, status, code) in cases {
        let (got, problem) = house.ask(method, path, Value::Null).await;
        assert_eq!((got.as_u16(), problem["code"].as_str()), (status, Some(code)), "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let house = House::new().await;

    for (body, code) in [("{", "bad_json"), ("", "bad_json"), ("[1, 42]", "bad_json")] {
        let request = Request::post("/v1/uploads").body(Body::from(body)).unwrap();
        let (status, problem) = answer(house.send(request).await).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!(code)));
        let named = problem["detail"].as_str().unwrap().contains("no JSON object");
        assert_eq!(named, body != "{", "{problem}");
    }
    let request = Request::post("/v1/uploads").body(Body::from("x".repeat(100_000))).unwrap();
    let (status, problem) = answer(house.send(request).await).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(problem["code"], "body_too_large");
}

#[tokio::test]
async fn names_of_every_kind_never_reach_a_key() {
    let house = House::new().await;
    let photo = fixture("images/gps_iphone.jpg");
    let names = [
        "../../../etc/passwd".to_owned(),
        "a\0b.jpg".to_owned(),
        "gpj.\u{202e}exe".to_owned(),
        "é".repeat(300),
        "..".to_owned(),
        "C:\\x\\y.jpg".to_owned(),
        "a b?#%2e%2e.jpg".to_owned(),
    ];

    for name in names {
        house.media(&name, &photo).await;
    }
    house.drain().await;

    let files = house.ground.files();
    assert!(files.len() >= 14, "{files:?}");
    for file in files {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        assert!(file.chars().all(plain) && !file.contains("..") && file.len() < 160, "{file}");
    }
}
