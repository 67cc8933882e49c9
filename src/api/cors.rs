//! Which pages may call the API from a browser.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer, ExposeHeaders};

/// So long a browser need not ask again.
const ASKED_FOR: Duration = Duration::from_secs(3600);

/// What scripts of a page may read besides the body: tus and Uppy go on by it.
const EXPOSED: [&str; 13] = [
    "location",
    "etag",
    "content-range",
    "upload-offset",
    "upload-length",
    "upload-defer-length",
    "upload-metadata",
    "upload-concat",
    "upload-expires",
    "tus-version",
    "tus-resumable",
    "tus-extension",
    "tus-max-size",
];

/// Lets pages of these origins in; `None` where there are none.
pub fn layer(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let any = origins.iter().any(|origin| origin == "*");
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let origins = if any { AllowOrigin::any() } else { AllowOrigin::list(origins) };
    let methods =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(methods)
        // No cookie says who somebody is, so nothing is given away by any of them.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list(EXPOSED.map(HeaderName::from_static)))
        .max_age(ASKED_FOR);
    Some(layer.vary([header::ORIGIN]))
}
