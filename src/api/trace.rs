//! Where a request stands in its caller's trace, by the header `traceparent`.

use axum::{
    extract::{MatchedPath, Request},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};
use jobs::trace::{self, Trace};
use tracing::{Instrument, field::Empty};

use crate::telemetry::traces;

/// Answers a request of `/v1` in a span of the caller's trace, or of a new one; the jobs that it
/// puts belong to it.
pub async fn traced(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let Some(path) = path.filter(|path| path.as_str().starts_with("/v1/")) else {
        // Probes and scrapes are nobody's walk.
        return next.run(request).await;
    };
    let (method, route) = (request.method().clone(), path.as_str());
    let span = tracing::info_span!(
        parent: None,
        "request",
        trace.id = Empty,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = Empty,
    );
    let from = of(request.headers());
    let here = traces::begin(&span, format_args!("{method} {route}"), from);
    let answer = trace::within(here, next.run(request)).instrument(span.clone()).await;
    span.record("http.response.status_code", answer.status().as_u16());
    answer
}

/// The caller's place. A header that is malformed, or there more than once, counts for nothing.
fn of(headers: &HeaderMap) -> Option<Trace> {
    let mut all = headers.get_all("traceparent").iter();
    let (first, second) = (all.next()?, all.next());
    first.to_str().ok().filter(|_| second.is_none())?.parse().ok()
}
