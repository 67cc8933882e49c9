//! Resumable uploads by the protocol tus 1.0 (<https://tus.io/protocols/resumable-upload>), with
//! all its extensions.

mod checksum;
mod concat;
mod create;
mod words;
mod write;

use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use jobs::{
    intake,
    model::{Transport, Upload},
};

use super::{
    Api,
    access::Scope,
    caller::Caller,
    problem::Problem,
    uploads::{owned, refuse_late},
};
use words::{VERSION, number, text, versioned};

pub use create::create;

/// What this door understands of the protocol.
const EXTENSIONS: &str = "creation,creation-with-upload,creation-defer-length,expiration,\
                          checksum,termination,concatenation";

/// `OPTIONS /v1/tus`
pub async fn options(State(api): State<Api>) -> Response {
    described(&api, StatusCode::NO_CONTENT.into_response())
}

/// Where pages of other origins are let in, each `OPTIONS` is answered before it comes to a
/// handler; it says the same.
pub async fn preflight(State(api): State<Api>, request: Request, next: Next) -> Response {
    let is_ours = request.method() == Method::OPTIONS && request.uri().path() == "/v1/tus";
    let response = next.run(request).await;
    if is_ours { described(&api, response) } else { response }
}

/// What this door can do.
fn described(api: &Api, mut response: Response) -> Response {
    let most = api.limits.file_bytes.to_string();
    let said = [
        ("tus-version", VERSION),
        ("tus-extension", EXTENSIONS),
        ("tus-max-size", most.as_str()),
        ("tus-checksum-algorithm", checksum::ALGORITHMS),
    ];
    for (name, value) in said {
        set(&mut response, name, value);
    }
    versioned(response)
}

/// `HEAD /v1/tus/{uploadId}`
pub async fn head(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.needs(Scope::Upload)?;
    words::check_version(&headers)?;
    let mut upload = ours(&api, &caller, id).await?;
    if upload.is_whole_by_tus() {
        // A client takes this answer for the end: then it has to be the end. Chunks that got lost
        // are asked for by a lower offset.
        intake::end_tail(&api.intake, &upload).await?;
        intake::complete(&api.intake, &upload.upload_id).await?;
        upload = api.tools.uploads.upload(&upload.upload_id).await?;
    }
    let mut response = StatusCode::OK.into_response();
    set(&mut response, "upload-offset", &offset(&upload).to_string());
    match upload.deferred {
        Some(true) => set(&mut response, "upload-defer-length", "1"),
        _ => set(&mut response, "upload-length", &upload.size.to_string()),
    }
    let tus = upload.tus.clone().unwrap_or_default();
    for (name, value) in [("upload-metadata", tus.metadata), ("upload-concat", tus.concat)] {
        value.iter().for_each(|value| set(&mut response, name, value));
    }
    set(&mut response, "cache-control", "no-store");
    expires(&mut response, &upload);
    Ok(versioned(response))
}

/// `PATCH /v1/tus/{uploadId}`
pub async fn patch(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    caller.needs(Scope::Upload)?;
    words::check_version(request.headers())?;
    let upload = ours(&api, &caller, id).await?;
    // A caller who hangs up must not leave what was put and not written down.
    let appending = api.clone();
    let appending = async move { append(&appending, upload, request).await };
    api.apart(appending).await
}

/// `DELETE /v1/tus/{uploadId}`
pub async fn terminate(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.needs(Scope::Upload)?;
    words::check_version(&headers)?;
    let upload = ours(&api, &caller, id).await?;
    intake::cancel(&api.intake, &upload.upload_id).await?;
    Ok(versioned(StatusCode::NO_CONTENT.into_response()))
}

/// `POST /v1/tus/{uploadId}`, for those who can send nothing else: `X-HTTP-Method-Override`.
pub async fn overridden(
    api: State<Api>,
    caller: Caller,
    path: Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    match text(&headers, "x-http-method-override") {
        Some("PATCH") => patch(api, caller, path, request).await,
        Some("DELETE") => terminate(api, caller, path, headers).await,
        _ => {
            ours(&api.0, &caller, path.0).await?;
            let detail = format!("{} is not possible here, PATCH is", Method::POST);
            Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail))
        }
    }
}

/// Bytes from the offset on.
async fn append(api: &Api, upload: Upload, request: Request) -> Result<Response, Problem> {
    let headers = request.headers();
    if text(headers, "content-type") != Some("application/offset+octet-stream") {
        let detail = "the Content-Type is not application/offset+octet-stream";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, "bad_content_type", detail));
    }
    let from = number(headers, "upload-offset")?.ok_or_else(|| {
        Problem::bad("bad_offset", "the header Upload-Offset is missing or no number")
    })?;
    refuse_late(api, &upload)?;
    let concat = upload.tus.as_ref().and_then(|tus| tus.concat.as_deref());
    if concat.is_some_and(|concat| concat.starts_with("final;")) {
        let detail = "a file that was put together takes no bytes";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let length = number(headers, "upload-length")?;
    let upload = write::bring(api, &upload, (from, length), request).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    set(&mut response, "upload-offset", &offset(&upload).to_string());
    expires(&mut response, &upload);
    Ok(versioned(response))
}

/// The upload, if it came through this door and the caller may know of it.
async fn named(api: &Api, caller: &Caller, id: String) -> Result<Upload, Problem> {
    let upload = owned(api, caller, id).await?;
    if upload.transport != Some(Transport::Tus) {
        return Err(Problem::not_found("upload"));
    }
    Ok(upload)
}

/// The same, if it has not come to nothing.
async fn ours(api: &Api, caller: &Caller, id: String) -> Result<Upload, Problem> {
    let upload = named(api, caller, id).await?;
    // A client that comes back to one that has ended begins anew.
    refuse_late(api, &upload).map_err(|problem| problem.at(StatusCode::GONE))?;
    Ok(upload)
}

/// Every answer of this door says which version it speaks, a refusal, too.
pub async fn spoken(response: Response) -> Response {
    let mut response = versioned(response);
    if response.status() == StatusCode::PRECONDITION_FAILED {
        set(&mut response, "tus-version", VERSION);
    }
    response
}

/// What the client has not to send any more.
fn offset(upload: &Upload) -> u64 {
    if upload.is_receiving() { upload.offset() } else { upload.size }
}

fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

/// Until when it is kept, as long as it is not complete.
fn expires(response: &mut Response, upload: &Upload) {
    if upload.is_receiving() {
        let time = httpdate::fmt_http_date(upload.expires_at.to_system_time());
        set(response, "upload-expires", &time);
    }
}

/// The address of the upload with this id.
fn location(response: &mut Response, upload: &Upload) {
    let address = format!("/v1/tus/{}", upload.upload_id);
    if let Ok(value) = HeaderValue::from_str(&address) {
        response.headers_mut().insert(header::LOCATION, value);
    }
}
