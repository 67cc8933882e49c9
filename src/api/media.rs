//! Media: what is known of them, and their bytes once they may be had.

use std::ops::Range;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use jobs::{
    model::{
        EventId, FileType, Media, MediaId, PresignedUrls, ProcessingStatus, S3Info, Visibility,
    },
    ports::{MediaFilter, ObjectInfo, PortError, later},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    access::Scope,
    body::{Params, counted},
    caller::Caller,
    cursor,
    json::document,
    problem::Problem,
    signed::Seal,
};

/// Media on a page.
const PAGE: u32 = 50;

/// Which media.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    event_id: EventId,
    status: Option<ProcessingStatus>,
    file_type: Option<FileType>,
    cursor: Option<String>,
}

/// `GET /v1/media`
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(filter): Params<Filter>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Read)?;
    counted("eventId", filter.event_id.0)?;
    caller.enters(filter.event_id)?;
    let after = filter.cursor.as_deref().map(cursor::parse).transpose()?;
    let Filter { event_id, status, file_type, .. } = filter;
    let filter = MediaFilter { event_id, status, file_type, after, limit: PAGE };
    let found = api.tools.media.list(filter).await?;
    let cursor = found.media.last().filter(|_| found.more);
    let cursor = cursor.map(|last| cursor::of(last.uploaded_at, last.id));
    let mut items = Vec::new();
    for media in found.media.into_iter().filter(|media| caller.sees(media)) {
        items.push(document(&addressed(&api, &caller, media).await?)?);
    }
    Ok(Json(json!({ "items": items, "cursor": cursor })))
}

/// `GET /v1/media/{mediaId}`
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let media = seen(&api, &caller, &id).await?;
    Ok(Json(document(&addressed(&api, &caller, media).await?)?))
}

/// The medium with a signed address of its file, if the caller may have that.
async fn addressed(api: &Api, caller: &Caller, mut media: Media) -> Result<Media, Problem> {
    media.s3_info.presigned_urls = None;
    let is_open = media.visibility == Visibility::Public && media.downloadable;
    if !is_open || published(&media).is_err() {
        media.s3_info.public_url = None;
    }
    let Ok(Media { s3_info: S3Info { key: Some(key), .. }, .. }) = published(&media) else {
        return Ok(media);
    };
    if !caller.downloads(&media) {
        return Ok(media);
    }
    let expires_at = later(api.tools.clock.now(), api.serving.signed);
    let theirs = api.tools.objects.share(key, api.serving.signed).await?;
    let ours = || {
        let path = format!("/signed/media/{}/file", media.id);
        api.signer.sign("GET", &path, "", expires_at)
    };
    let download = theirs.unwrap_or_else(ours);
    media.s3_info.presigned_urls = Some(PresignedUrls { download, expires_at });
    Ok(media)
}

/// `GET /signed/media/{mediaId}/file`
pub async fn signed_file(
    State(api): State<Api>,
    uri: Uri,
    Path(id): Path<String>,
    Params(seal): Params<Seal>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    api.signer.check("GET", uri.path(), &seal, api.tools.clock.now())?;
    let id: MediaId = id.parse().map_err(|_| Problem::not_found("medium"))?;
    match api.tools.media.media(id).await {
        // Since it was signed it may have been deleted or withheld.
        Ok(media) if !media.is_deleted => match &published(&media)?.s3_info.key {
            Some(key) => serve(&api, key, &headers).await,
            None => Err(Problem::not_found("file")),
        },
        Ok(_) | Err(PortError::Missing(_)) => Err(Problem::not_found("medium")),
        Err(error) => Err(error.into()),
    }
}

/// `GET /v1/media/{mediaId}/file`
pub async fn file(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let media = seen(&api, &caller, &id).await?;
    let Some(key) = published(&media)?.s3_info.key.as_deref() else {
        return Err(Problem::not_found("file"));
    };
    if !caller.downloads(&media) {
        let detail = "the uploader does not allow downloads of this file";
        return Err(Problem::new(StatusCode::FORBIDDEN, "not_downloadable", detail));
    }
    send(&api, key, &headers).await
}

/// `GET /v1/media/{mediaId}/thumbnails/{name}`
pub async fn thumbnail(
    State(api): State<Api>,
    caller: Caller,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = key_of(&api, &caller, &id, &name).await?;
    let answer = send(&api, &key, &headers).await;
    if answer.is_ok() {
        return answer;
    }
    // A newer picture may have taken its place since the document was read.
    match key_of(&api, &caller, &id, &name).await {
        Ok(newer) if newer != key => send(&api, &newer, &headers).await,
        _ => answer,
    }
}

/// Where a small picture lies now.
async fn key_of(api: &Api, caller: &Caller, id: &str, name: &str) -> Result<String, Problem> {
    let media = seen(api, caller, id).await?;
    let found = published(&media)?.thumbnails.iter().find(|thumbnail| thumbnail.name == name);
    found.map(|it| it.key.clone()).ok_or_else(|| Problem::not_found("thumbnail"))
}

/// The medium with this id, if the caller may know of it.
async fn seen(api: &Api, caller: &Caller, id: &str) -> Result<Media, Problem> {
    caller.needs(Scope::Read)?;
    let id: MediaId = id.parse().map_err(|_| Problem::not_found("medium"))?;
    match api.tools.media.media(id).await {
        Ok(media) if caller.sees(&media) => Ok(media),
        Ok(_) | Err(PortError::Missing(_)) => Err(Problem::not_found("medium")),
        Err(error) => Err(error.into()),
    }
}

/// The medium, if its bytes may be had by now.
fn published(media: &Media) -> Result<&Media, Problem> {
    if media.processing_steps.is_withheld() {
        let detail =
            "this file was withheld: it is infected, could not be scanned, or is no medium";
        return Err(Problem::new(StatusCode::FORBIDDEN, "quarantined", detail));
    }
    // Documents of other writers say of themselves what they like.
    if media.is_published() && media.processing_steps.may_be_opened() {
        return Ok(media);
    }
    let detail = "the file is still being processed, or came to nothing";
    Err(Problem::conflict("not_ready", detail).with("status", json!(media.processing_status)))
}

/// The bytes of an object, from here or, where that is set, by an address of the store.
async fn send(api: &Api, key: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    if api.serving.redirects
        && let Some(address) = api.tools.objects.share(key, api.serving.signed).await?
        && let Ok(address) = HeaderValue::from_str(&address)
    {
        let headers = [
            (header::LOCATION, address),
            (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        ];
        return Ok((StatusCode::FOUND, headers).into_response());
    }
    serve(api, key, headers).await
}

/// The bytes of an object, whole or the one range that is asked for.
async fn serve(api: &Api, key: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let info = api.tools.objects.info(key).await?;
    let etag = format!("\"{}\"", info.etag);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let range = match headers.get(header::RANGE).map(|range| parse_range(range, info.bytes)) {
        None | Some(Asked::Whole) => None,
        Some(Asked::Part(range)) => Some(range),
        Some(Asked::Beyond) => {
            let detail = format!("the file has {} bytes", info.bytes);
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "bad_range", detail);
            let whole = [(header::CONTENT_RANGE, format!("bytes */{}", info.bytes))];
            return Ok((whole, problem).into_response());
        }
    };
    let body = Body::from_stream(api.tools.objects.read(key, range.clone()).await?);
    Ok(with_headers(body, &info, &etag, range))
}

fn with_headers(body: Body, info: &ObjectInfo, etag: &str, range: Option<Range<u64>>) -> Response {
    let mut response = body.into_response();
    let mut set = |name, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, info.content_type.clone());
    set(header::ETAG, etag.to_owned());
    set(header::ACCEPT_RANGES, "bytes".to_owned());
    set(header::CACHE_CONTROL, "private, max-age=3600".to_owned());
    // A file is what we say it is, and runs nothing even if a browser thinks otherwise.
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned());
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned());
    match range {
        None => set(header::CONTENT_LENGTH, info.bytes.to_string()),
        Some(Range { start, end }) => {
            let last = end.saturating_sub(1);
            set(header::CONTENT_LENGTH, end.saturating_sub(start).to_string());
            set(header::CONTENT_RANGE, format!("bytes {start}-{last}/{}", info.bytes));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
    }
    response
}

/// What a `Range` header asks for.
enum Asked {
    Whole,
    Part(Range<u64>),
    Beyond,
}

/// One range of bytes (RFC 9110); what we do not understand or several ranges mean the whole.
fn parse_range(value: &HeaderValue, bytes: u64) -> Asked {
    let parse = || {
        let (first, last) = value.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
        let range = match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(bytes),
            (Ok(first), Err(_)) if last.is_empty() => first..bytes,
            (Err(_), Ok(length)) if first.is_empty() => bytes.saturating_sub(length)..bytes,
            _ => return None,
        };
        Some(range)
    };
    match parse() {
        None => Asked::Whole,
        Some(range) if range.start < range.end => Asked::Part(range),
        Some(_) => Asked::Beyond,
    }
}
