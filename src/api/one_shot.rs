//! The one-shot door: a small file in one request.

use axum::{
    body::Body,
    extract::{
        DefaultBodyLimit, FromRequest, Multipart, Request, State, multipart::MultipartError,
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use jobs::{
    intake::{self, Completion},
    model::{CHUNK_BYTES, Chunk, EventId, UserId},
    ports::{ByteStream, Expected, Length, Part, PortError},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Api,
    body::{self, Params},
    caller::Caller,
    problem::Problem,
    wish::{Wish, upload},
};

/// The longest form: one chunk, and room for what is around it.
const FORM_BYTES: usize = CHUNK_BYTES as usize + (64 << 10);

/// The parameters of the one-shot door.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OneShot {
    event_id: EventId,
    user_id: UserId,
    filename: Option<String>,
    album_id: Option<String>,
    caption: Option<String>,
}

/// `POST /v1/media`: a small file in one request, as it is or as a form.
pub async fn take_in(
    State(api): State<Api>,
    caller: Caller,
    Params(wish): Params<OneShot>,
    request: Request,
) -> Result<Response, Problem> {
    caller.uploads_as(wish.user_id, wish.event_id)?;
    let headers = request.headers().clone();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or("application/octet-stream").to_owned();
    if !kind.starts_with("multipart/form-data") {
        let filename = wish.filename.clone().ok_or_else(|| {
            Problem::bad("bad_filename", "filename is missing: ?filename=photo.jpg")
        })?;
        let sha256 = body::content_digest(&headers)?;
        let stream = body::stream(request.into_body());
        return take(&api, wish, filename, &kind, sha256, stream).await;
    }
    take_form(&api, wish, request).await
}

/// Takes the first file of a form. All of it is bounded: the library keeps in memory what stands
/// before a boundary, and passes over parts that are no files.
async fn take_form(api: &Api, wish: OneShot, request: Request) -> Result<Response, Problem> {
    let mut request = request.map(|body| Body::from_stream(body::stream(body)));
    DefaultBodyLimit::max(FORM_BYTES).apply(&mut request);
    let mut parts = Multipart::from_request(request, api)
        .await
        .map_err(|error| Problem::bad("bad_form", error.body_text()))?;
    while let Some(field) = parts.next_field().await.map_err(|error| broken(api, &error))? {
        let Some(name) = field.file_name().map(str::to_owned) else { continue };
        let filename = wish.filename.clone().unwrap_or(name);
        let kind = field.content_type().unwrap_or("application/octet-stream").to_owned();
        let (pieces, incoming) = tokio::sync::mpsc::channel(4);
        let feed = async move {
            let mut field = field;
            while let Some(piece) = field.next().await {
                let fault = piece.as_ref().err().map(|error| broken(api, error));
                let sent = pieces.send(piece.map_err(std::io::Error::other)).await;
                if fault.is_some() || sent.is_err() {
                    return fault;
                }
            }
            None
        };
        let stream = futures_util::stream::unfold(incoming, |mut incoming| async {
            incoming.recv().await.map(|piece| (piece, incoming))
        });
        let taking = take(api, wish, filename, &kind, None, Box::pin(stream));
        let (taken, fault) = futures_util::future::join(taking, feed).await;
        return fault.map_or(taken, Err);
    }
    Err(Problem::bad("bad_form", "the form has no file"))
}

/// Why a form cannot be read: it is too large, its bytes stop coming, or it is no form.
fn broken(api: &Api, error: &MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(most(api)),
        StatusCode::BAD_REQUEST => Problem::bad("bad_form", error.body_text()),
        _ => Problem::bad("body_interrupted", format!("the form ended early: {error}")),
    }
}

/// The largest file of this door: one chunk, or less where less is allowed at all.
fn most(api: &Api) -> u64 {
    CHUNK_BYTES.min(api.limits.file_bytes)
}

fn too_large(most: u64) -> Problem {
    let larger =
        if most < CHUNK_BYTES { "no door takes more" } else { "larger files go in chunks" };
    let detail = format!("this door takes {most} bytes, {larger}");
    let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "file_too_large", detail);
    problem.with("limit", json!(most))
}

/// Keeps the one part of a small file, then goes the way of all uploads.
async fn take(
    api: &Api,
    wish: OneShot,
    filename: String,
    mime_type: &str,
    sha256: Option<String>,
    stream: ByteStream,
) -> Result<Response, Problem> {
    let mime_type = mime_type.split(';').next().unwrap_or_default().trim().to_owned();
    let OneShot { event_id, user_id, album_id, caption, .. } = wish;
    let (tags, visibility) = (None, None);
    // The size is not known before the last byte; the rest of the wish is checked before the first.
    let size = 1;
    let wish = Wish {
        event_id,
        user_id,
        filename,
        mime_type,
        size,
        sha256: None,
        album_id,
        caption,
        tags,
        visibility,
    };
    let mut upload = upload(api, wish, None).await?;
    let most = most(api);
    let expected = Expected { length: Length::AtMost(most), sha256 };
    let id = upload.upload_id.clone();
    let part = api.tools.objects.put_part(&id.0, 1, expected, stream).await;
    let part: Part = part.map_err(|error| match error {
        PortError::Refused { code, .. } if code == "chunk_size" => too_large(most),
        other => other.into(),
    })?;
    if part.bytes == 0 {
        api.tools.objects.abort(&id.0).await?;
        return Err(Problem::unprocessable("empty_file", "the file is empty"));
    }
    upload.size = part.bytes;
    upload.received_bytes = Some(part.bytes);
    upload.progress = 100;
    upload.chunks = vec![Chunk {
        chunk_number: 1,
        chunk_size: part.bytes,
        uploaded: true,
        uploaded_at: Some(api.tools.clock.now()),
        sha256: Some(part.sha256),
        etag: Some(part.etag),
    }];
    api.tools.uploads.create(upload).await?;
    let Completion::Accepted(media_id, _) = intake::complete(&api.intake, &id).await? else {
        return Err(Problem::conflict("chunks_missing", "the upload lost its chunk"));
    };
    let body = json!({ "uploadId": id, "mediaId": media_id.to_string() });
    Ok((StatusCode::ACCEPTED, axum::Json(body)).into_response())
}
