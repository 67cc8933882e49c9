//! Every route there is, on one page.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, Request, header},
    middleware::{from_fn, from_fn_with_state, map_response},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, patch, post, put},
};

use super::{
    Api, access::Scope, chunks, contacts, cors, health, jobs, media, notifications, notify,
    one_shot, parts, problem::Problem, queues, receipts, reprocess, schedules, socket, stream,
    tokens, trace, tus, uploads, uppy, users, workers,
};

/// A route, for the tests that walk all of them and for the description in `openapi.json`.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path with its parameters in braces.
    pub path: &'static str,
    /// The scope it asks for; `None` is open to everybody.
    pub scope: Option<Scope>,
}

const fn route(method: &'static str, path: &'static str, scope: Scope) -> Route {
    Route { method, path, scope: Some(scope) }
}

/// For everybody, or for whoever has a signed address.
const fn open(method: &'static str, path: &'static str) -> Route {
    Route { method, path, scope: None }
}

/// Every route there is.
pub const ROUTES: &[Route] = &[
    route("POST", "/v1/uploads", Scope::Upload),
    route("GET", "/v1/uploads/{uploadId}", Scope::Upload),
    route("DELETE", "/v1/uploads/{uploadId}", Scope::Upload),
    route("PUT", "/v1/uploads/{uploadId}/chunks/{n}", Scope::Upload),
    route("POST", "/v1/uploads/{uploadId}/complete", Scope::Upload),
    route("POST", "/v1/uploads/{uploadId}/parts", Scope::Upload),
    route("POST", "/v1/tus", Scope::Upload),
    route("HEAD", "/v1/tus/{uploadId}", Scope::Upload),
    route("PATCH", "/v1/tus/{uploadId}", Scope::Upload),
    route("POST", "/v1/tus/{uploadId}", Scope::Upload),
    route("DELETE", "/v1/tus/{uploadId}", Scope::Upload),
    route("GET", "/s3/params", Scope::Upload),
    route("POST", "/s3/multipart", Scope::Upload),
    route("GET", "/s3/multipart/{uploadId}", Scope::Upload),
    route("DELETE", "/s3/multipart/{uploadId}", Scope::Upload),
    route("GET", "/s3/multipart/{uploadId}/{n}", Scope::Upload),
    route("POST", "/s3/multipart/{uploadId}/complete", Scope::Upload),
    route("POST", "/v1/media", Scope::Upload),
    route("GET", "/v1/media", Scope::Read),
    route("POST", "/v1/media/reprocess", Scope::Admin),
    route("GET", "/v1/media/{mediaId}", Scope::Read),
    route("GET", "/v1/media/{mediaId}/file", Scope::Read),
    route("GET", "/v1/media/{mediaId}/thumbnails/{name}", Scope::Read),
    route("PUT", "/v1/users/{userId}", Scope::Notify),
    route("PUT", "/v1/users/{userId}/devices/{deviceId}", Scope::Notify),
    route("DELETE", "/v1/users/{userId}/devices/{deviceId}", Scope::Notify),
    route("GET", "/v1/users/{userId}/preferences", Scope::Notify),
    route("PUT", "/v1/users/{userId}/preferences", Scope::Notify),
    route("POST", "/v1/notifications", Scope::Notify),
    route("GET", "/v1/notifications", Scope::Read),
    route("DELETE", "/v1/notifications", Scope::Notify),
    route("GET", "/v1/notifications/{notificationId}", Scope::Read),
    route("PATCH", "/v1/notifications/{notificationId}", Scope::Notify),
    route("DELETE", "/v1/notifications/{notificationId}", Scope::Notify),
    route("POST", "/v1/notifications/{notificationId}/read", Scope::Read),
    route("GET", "/v1/notifications/{notificationId}/explain", Scope::Read),
    route("GET", "/v1/stream", Scope::Read),
    route("POST", "/v1/tokens", Scope::Admin),
    route("POST", "/v1/jobs", Scope::Enqueue),
    route("GET", "/v1/jobs", Scope::Admin),
    route("POST", "/v1/jobs/retry", Scope::Admin),
    route("GET", "/v1/jobs/{jobId}", Scope::Enqueue),
    route("DELETE", "/v1/jobs/{jobId}", Scope::Admin),
    route("POST", "/v1/jobs/{jobId}/retry", Scope::Admin),
    route("POST", "/v1/jobs/{jobId}/cancel", Scope::Admin),
    route("GET", "/v1/queues", Scope::Admin),
    route("POST", "/v1/queues/{queue}/pause", Scope::Admin),
    route("POST", "/v1/queues/{queue}/resume", Scope::Admin),
    route("GET", "/v1/workers", Scope::Admin),
    route("GET", "/v1/schedules", Scope::Admin),
    route("PUT", "/v1/schedules/{name}", Scope::Notify),
    route("DELETE", "/v1/schedules/{name}", Scope::Notify),
    route("POST", "/v1/schedules/{name}/run", Scope::Admin),
    open("POST", "/v1/receipts/{token}"),
    open("GET", "/v1/unsubscribe/{token}"),
    open("POST", "/v1/unsubscribe/{token}"),
    open("OPTIONS", "/v1/tus"),
    open("PUT", "/signed/uploads/{uploadId}/parts/{n}"),
    open("PUT", "/signed/uploads/{uploadId}/whole"),
    open("GET", "/signed/media/{mediaId}/file"),
    open("GET", "/metrics"),
    open("GET", "/healthz"),
    open("GET", "/readyz"),
    open("GET", "/openapi.json"),
];

/// The handlers of one path; a test compares them with [`ROUTES`].
fn handlers(path: &str) -> MethodRouter<Api> {
    match path {
        "/v1/uploads" => post(uploads::create),
        "/v1/uploads/{uploadId}" => get(uploads::show).delete(uploads::cancel),
        "/v1/uploads/{uploadId}/chunks/{n}" => put(chunks::put),
        "/v1/uploads/{uploadId}/complete" => post(uploads::complete),
        "/v1/uploads/{uploadId}/parts" => post(parts::sign),
        "/v1/tus" => post(tus::create).options(tus::options).layer(map_response(tus::spoken)),
        "/v1/tus/{uploadId}" => patch(tus::patch)
            .head(tus::head)
            .delete(tus::terminate)
            .post(tus::overridden)
            .layer(map_response(tus::spoken)),
        "/s3/params" => get(uppy::whole),
        "/s3/multipart" => post(uppy::begin),
        "/s3/multipart/{uploadId}" => get(uppy::list).delete(uppy::abort),
        "/s3/multipart/{uploadId}/{n}" => get(uppy::sign),
        "/s3/multipart/{uploadId}/complete" => post(uppy::complete),
        "/signed/uploads/{uploadId}/parts/{n}" => put(parts::put),
        "/signed/uploads/{uploadId}/whole" => put(uppy::put_whole),
        "/signed/media/{mediaId}/file" => get(media::signed_file),
        "/v1/media" => get(media::list).post(one_shot::take_in),
        "/v1/media/reprocess" => post(reprocess::reprocess),
        "/v1/media/{mediaId}" => get(media::show),
        "/v1/media/{mediaId}/file" => get(media::file),
        "/v1/media/{mediaId}/thumbnails/{name}" => get(media::thumbnail),
        "/v1/users/{userId}" => put(users::put),
        "/v1/users/{userId}/devices/{deviceId}" => put(contacts::register).delete(contacts::forget),
        "/v1/users/{userId}/preferences" => get(contacts::wishes).put(contacts::wish),
        "/v1/notifications" => {
            get(notifications::list).post(notify::create).delete(notifications::cancel_all)
        }
        "/v1/notifications/{notificationId}" => {
            get(notifications::show).patch(notifications::reschedule).delete(notifications::cancel)
        }
        "/v1/notifications/{notificationId}/read" => post(notifications::read),
        "/v1/notifications/{notificationId}/explain" => get(notifications::explain),
        "/v1/receipts/{token}" => post(receipts::receive),
        "/v1/unsubscribe/{token}" => get(receipts::ask).post(receipts::unsubscribe),
        "/v1/stream" => get(stream::listen),
        "/v1/tokens" => post(tokens::mint),
        "/v1/jobs" => get(jobs::list).post(jobs::create),
        "/v1/jobs/retry" => post(jobs::retry_all),
        "/v1/jobs/{jobId}" => get(jobs::show).delete(jobs::delete),
        "/v1/jobs/{jobId}/retry" => post(jobs::retry),
        "/v1/jobs/{jobId}/cancel" => post(jobs::cancel),
        "/v1/queues" => get(queues::list),
        "/v1/queues/{queue}/pause" => post(queues::pause),
        "/v1/queues/{queue}/resume" => post(queues::resume),
        "/v1/workers" => get(workers::list),
        "/v1/schedules" => get(schedules::list),
        "/v1/schedules/{name}" => put(schedules::put).delete(schedules::remove),
        "/v1/schedules/{name}/run" => post(schedules::run),
        "/metrics" => get(health::metrics),
        "/healthz" => get(health::alive),
        "/readyz" => get(health::ready),
        "/openapi.json" => get(health::openapi),
        unknown => unreachable!("{unknown} stands in ROUTES without a handler"),
    }
}

/// The whole API.
pub fn router(api: Api) -> Router {
    let mut router = Router::new();
    let mut done = Vec::new();
    for Route { path, .. } in ROUTES {
        if !done.contains(path) {
            router = router.route(path, handlers(path).fallback(wrong_method));
            done.push(path);
        }
    }
    let cors = cors::layer(&api.origins);
    let preflight = from_fn_with_state(api.clone(), tus::preflight);
    let router = router
        .fallback(nowhere)
        .layer(map_response(as_problem))
        .layer(from_fn(trace::traced))
        // Bodies are bounded where they are read: a chunk by its length, JSON by 64 KiB, a form by
        // one chunk and a little.
        .layer(DefaultBodyLimit::disable())
        .with_state(api.clone())
        .layer(socket::layer(api));
    match cors {
        Some(cors) => router.layer(cors).layer(preflight),
        None => router,
    }
}

/// What those who watch ask for, and nothing else.
pub fn watched(api: Api) -> Router {
    let paths = ["/healthz", "/readyz", "/metrics"];
    let router = paths.iter().fold(Router::new(), |router, path| {
        router.route(path, handlers(path).fallback(wrong_method))
    });
    router.fallback(nowhere).with_state(api)
}

/// What the framework itself refuses (a path that is no UTF-8) is a problem like every other.
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let ours = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/problem+json");
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let detail = "the request is not understood";
    Problem::new(status, "bad_request", detail).into_response()
}

async fn nowhere() -> Problem {
    Problem::not_found("address")
}

async fn wrong_method(method: Method, request: Request<axum::body::Body>) -> Problem {
    let detail = format!("{method} is not possible on {}", request.uri().path());
    Problem::new(axum::http::StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
