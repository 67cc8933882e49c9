//! The one-request door: small files, forms that are none, and bodies without an end.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use bytes::Bytes;
use futures_util::stream;
use jobs::model::{CHUNK_BYTES, Visibility};
use serde_json::{Value, json};

use crate::house::{House, answer, fixture};

const HEAD: &str =
    "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\n";
const TEXT: &str = "--x\r\nContent-Disposition: form-data; name=\"caption\"\r\n\r\n";

/// What is sent of a body "without an end".
const ENDLESS: usize = 64 << 20;

/// Sends a form that begins so and goes on with bytes of one kind; the answer, and what was read.
async fn endless(house: &House, begin: &str) -> (StatusCode, Value, usize) {
    let read = Arc::new(AtomicUsize::new(0));
    let counted = read.clone();
    let piece = Bytes::from(vec![b'y'; 64 << 10]);
    let pieces = std::iter::once(Bytes::copy_from_slice(begin.as_bytes()))
        .chain(std::iter::repeat_n(piece, ENDLESS >> 16))
        .inspect(move |piece| {
            counted.fetch_add(piece.len(), Ordering::SeqCst);
        });
    let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    let (status, problem) = form(house, body).await;
    (status, problem, read.load(Ordering::SeqCst))
}

async fn form(house: &House, body: Body) -> (StatusCode, Value) {
    let request = Request::post("/v1/media?eventId=1&userId=42");
    let request = request.header("content-type", "multipart/form-data; boundary=x");
    answer(house.send(request.body(body).unwrap()).await).await
}

#[tokio::test]
async fn a_form_without_an_end_is_refused_and_not_read_to_its_end() {
    let house = House::new().await;
    let headers = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"";
    let parts = [
        ("before the first boundary", String::new()),
        ("in the header of a part", headers.to_owned()),
        ("in a part that is no file", TEXT.to_owned()),
        ("in the file", HEAD.to_owned()),
        ("in a second file", format!("{HEAD}abc\r\n{HEAD}")),
    ];

    for (place, begin) in parts {
        let (status, problem, read) = endless(&house, &begin).await;

        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{place}: {problem}");
        assert_eq!(problem["code"], "file_too_large", "{place}");
        let most = usize::try_from(CHUNK_BYTES).unwrap() + (1 << 20);
        assert!(read <= most, "{place}: {read} bytes were read");
    }
    assert_eq!(house.ground.files(), Vec::<String>::new());
}

#[tokio::test]
async fn the_largest_file_of_the_settings_counts_at_this_door_too() {
    let house = House::with_settings("[uploads]\nmax_file_mb = 1\n").await;
    let bytes = vec![b'y'; (1 << 20) + 1];
    let raw = Request::post("/v1/media?eventId=1&userId=42&filename=a.jpg");
    let raw = raw.body(Body::from(bytes.clone())).unwrap();
    let formed = [HEAD.as_bytes(), &bytes, b"\r\n--x--\r\n"].concat();

    let answers = [answer(house.send(raw).await).await, form(&house, Body::from(formed)).await];

    for (status, problem) in answers {
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{problem}");
        assert_eq!(
            (&problem["code"], &problem["limit"]),
            (&json!("file_too_large"), &json!(1 << 20))
        );
    }
    assert_eq!(house.ground.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_form_that_ends_early_or_has_no_file_is_refused() {
    let house = House::new().await;
    let lost = || {
        let pieces = [Ok(HEAD.to_owned()), Err(std::io::Error::other("the line is cut"))];
        Body::from_stream(stream::iter(pieces))
    };
    let cases = [
        ("nothing", Body::empty(), "bad_form"),
        ("no form", Body::from("abc"), "bad_form"),
        ("no file", Body::from("--x--\r\n"), "bad_form"),
        ("half a file", Body::from(format!("{HEAD}abc")), "bad_form"),
        ("half a form", Body::from(format!("{HEAD}abc\r\n{HEAD}")), "bad_form"),
        ("a cut line", lost(), "body_interrupted"),
    ];

    for (what, body, code) in cases {
        let (status, problem) = form(&house, body).await;

        assert_eq!(status, StatusCode::BAD_REQUEST, "{what}: {problem}");
        assert_eq!(problem["code"], code, "{what}");
    }
    assert_eq!(house.ground.files(), Vec::<String>::new());
}

#[tokio::test]
async fn what_would_be_lost_of_a_form_is_refused_and_nothing_is_kept() {
    let house = House::new().await;
    let second = format!("{HEAD}abc\r\n{HEAD}def\r\n--x--\r\n");
    let cases = [
        (second, "each file goes in a request of its own"),
        (format!("{TEXT}hi\r\n{HEAD}abc\r\n--x--\r\n"), "part \"caption\" is no file"),
        (format!("{HEAD}abc\r\n{TEXT}hi\r\n--x--\r\n"), "parameters of the address"),
    ];

    for (body, sentence) in cases {
        let (status, problem) = form(&house, Body::from(body)).await;

        assert_eq!((status.as_u16(), &problem["code"]), (400, &json!("bad_form")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(sentence), "{problem}");
    }
    assert_eq!(house.ground.files(), Vec::<String>::new());
    assert_eq!(house.drain().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_address_carries_what_is_wished_and_nothing_unknown() {
    let house = House::new().await;
    let path = "/v1/media?eventId=1&userId=42&filename=a.jpg";
    let ask = |more: &str| {
        let request = Request::post(format!("{path}{more}")).body(Body::from("abc")).unwrap();
        async { answer(house.send(request).await).await }
    };

    let (status, taken) = ask("&caption=us&visibility=private").await;
    let (_, unknown) = ask("&tags=a").await;

    assert_eq!(status, StatusCode::ACCEPTED, "{taken}");
    let media = house.read(taken["mediaId"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!((media.caption.as_deref(), media.visibility), (Some("us"), Visibility::Private));
    assert_eq!(unknown["code"], "bad_parameter", "{unknown}");
    assert!(unknown["detail"].as_str().unwrap().contains("`tags`"), "{unknown}");
}

#[tokio::test]
async fn a_small_file_comes_in_one_request_as_it_is_or_as_a_form() {
    let house = House::new().await;
    let photo = fixture("images/gps_iphone.jpg");
    let mut form = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.jpg\"\r\n\
        Content-Type: image/jpeg\r\n\r\n"
        .to_vec();
    form.extend(&photo);
    form.extend(b"\r\n--x--\r\n");
    let raw = Request::post("/v1/media?eventId=1&userId=42&filename=a.jpg");
    let raw = raw.header("content-type", "image/jpeg").body(Body::from(photo.clone())).unwrap();
    let formed = Request::post("/v1/media?eventId=1&userId=42");
    let formed = formed.header("content-type", "multipart/form-data; boundary=x");
    let formed = formed.body(Body::from(form)).unwrap();

    let answers = [answer(house.send(raw).await).await, answer(house.send(formed).await).await];
    house.drain().await;

    for (status, body) in answers {
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        let id = body["mediaId"].as_str().unwrap();
        assert_eq!(house.bytes(&format!("/v1/media/{id}/file")).await.unwrap(), photo);
    }
}
