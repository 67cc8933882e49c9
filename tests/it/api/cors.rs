//! Pages of other origins, in a browser.

use axum::{body::Body, http::Request};

use crate::house::House;

async fn asked(house: &House, origin: &str, method: &str) -> (Option<String>, bool) {
    let preflight = Request::options("/v1/tus/one")
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "tus-resumable,authorization");
    let answer = house.send(preflight.body(Body::empty()).unwrap()).await;
    let text = |name: &str| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
    let headers = text("access-control-allow-headers").unwrap_or_default();
    (text("access-control-allow-origin"), headers.contains("tus-resumable"))
}

#[tokio::test]
async fn pages_of_the_origins_that_are_set_may_call_and_no_others() {
    let settings = "[http]\ncors_origins = [\"https://app.example.org\"]\n";
    let (open, shut) = (House::with_settings(settings).await, House::new().await);

    let ours = asked(&open, "https://app.example.org", "PATCH").await;
    let theirs = asked(&open, "https://evil.example.org", "PATCH").await;

    assert_eq!(ours, (Some("https://app.example.org".to_owned()), true));
    assert_eq!(theirs.0, None);
    assert_eq!(asked(&shut, "https://app.example.org", "PATCH").await.0, None);
    // A plain question, not one of a browser that is about to call.
    let plain = Request::options("/v1/tus").header("origin", "https://app.example.org");
    let plain = open.send(plain.body(Body::empty()).unwrap()).await;
    assert_eq!(plain.headers()["tus-version"], "1.0.0");
    assert!(plain.headers().contains_key("tus-extension"));
    let call = Request::get("/healthz").header("origin", "https://app.example.org");
    let answer = open.send(call.body(Body::empty()).unwrap()).await;
    let exposed = answer.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("upload-offset") && exposed.contains("etag"), "{exposed}");
}
