//! Uploads by numbered chunks, and the one-shot door.

use axum::{
    extract::{FromRequest, Multipart, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bson::oid::ObjectId;
use futures_util::StreamExt;
use jobs::{
    intake::{self, Completion},
    keys,
    model::{
        AlbumId, CHUNK_BYTES, Chunk, EventId, Upload, UploadId, UploadMetadata, UploadPhase,
        UploadStatus, UserId, Visibility, display_name,
    },
    ports::{ByteStream, Expected, Length, Part, PortError, later},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    access::Scope,
    body,
    body::{JsonBody, Params},
    caller::Caller,
    json::document,
    problem::Problem,
};

/// Longest list of tags, and longest tag or caption in characters.
const TAGS: usize = 50;
const TEXT: usize = 2_000;

/// The wish for an upload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wish {
    event_id: EventId,
    user_id: UserId,
    filename: String,
    mime_type: String,
    size: u64,
    sha256: Option<String>,
    album_id: Option<String>,
    caption: Option<String>,
    tags: Option<Vec<String>>,
    visibility: Option<Visibility>,
}

/// `POST /v1/uploads`
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<Response, Problem> {
    caller.uploads_as(wish.user_id, wish.event_id)?;
    let key = headers.get("idempotency-key").map(|value| {
        value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= 200).ok_or_else(|| {
            let detail = "the header Idempotency-Key is not 1 to 200 plain characters";
            Problem::bad("bad_idempotency_key", detail)
        })
    });
    // A key counts for one user: nobody can guess at the uploads of others.
    let key = key.transpose()?.map(|key| format!("{}:{key}", wish.user_id));
    let upload = upload(&api, wish, key)?;
    let kept = api.tools.uploads.create(upload.clone()).await?;
    let same = kept.size == upload.size
        && kept.event_id == upload.event_id
        && kept.original_filename == upload.original_filename;
    if !same {
        let detail = "this Idempotency-Key was used for another file";
        return Err(Problem::unprocessable("idempotency_mismatch", detail));
    }
    let location = format!("/v1/uploads/{}", kept.upload_id);
    let body = json!({
        "uploadId": kept.upload_id,
        "chunkSize": CHUNK_BYTES,
        "chunkCount": kept.chunks.len(),
        "status": kept.status,
        "progress": kept.percent(),
        "expiresAt": kept.expires_at.try_to_rfc3339_string().unwrap_or_default(),
    });
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, axum::Json(body)).into_response())
}

/// The document of a new upload, or why there is none.
fn upload(api: &Api, wish: Wish, idempotency_key: Option<String>) -> Result<Upload, Problem> {
    check(&api.limits, &wish)?;
    let album_id: Option<AlbumId> =
        match &wish.album_id {
            Some(id) => Some(id.parse().map_err(|_| {
                Problem::bad("bad_parameter", "albumId is not an id of 24 hex digits")
            })?),
            None => None,
        };
    let now = api.tools.clock.now();
    let upload_id = UploadId(format!("upload_{}", uuid::Uuid::new_v4().simple()));
    let (bucket, _) = api.tools.objects.place();
    let hard = later(now, api.limits.hard);
    Ok(Upload {
        id: ObjectId::new(),
        user_id: wish.user_id,
        event_id: wish.event_id,
        filename: display_name(&wish.filename),
        original_filename: display_name(&wish.filename),
        mime_type: wish.mime_type.to_ascii_lowercase(),
        size: wish.size,
        chunks: Upload::chunks_for(wish.size),
        status: UploadStatus::Uploading,
        progress: 0,
        error: None,
        s3_bucket: bucket,
        s3_key: keys::private(&upload_id),
        s3_url: None,
        metadata: UploadMetadata::default(),
        created_at: now,
        completed_at: None,
        expires_at: later(now, api.limits.idle).min(hard),
        phase: Some(UploadPhase::Receiving),
        received_bytes: Some(0),
        sha256: wish.sha256.map(|digest| digest.to_ascii_lowercase()),
        media_id: None,
        album_id,
        caption: wish.caption,
        tags: wish.tags,
        visibility: wish.visibility,
        idempotency_key,
        hard_expires_at: Some(hard),
        purge_at: None,
        updated_at: Some(now),
        rev: Some(1),
        upload_id,
    })
}

fn check(limits: &super::UploadLimits, wish: &Wish) -> Result<(), Problem> {
    if wish.size == 0 {
        return Err(Problem::unprocessable("empty_file", "the file is empty"));
    }
    if wish.size > limits.file_bytes {
        let most = limits.file_bytes;
        let detail = format!("the file has {} bytes, at most {most} are taken", wish.size);
        let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "file_too_large", detail);
        return Err(problem.with("limit", json!(most)));
    }
    if wish.filename.is_empty() || wish.filename.len() > 4096 {
        return Err(Problem::bad("bad_filename", "filename is empty or longer than 4096 bytes"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.+-_".contains(c);
    let slash = wish.mime_type.matches('/').count() == 1;
    if wish.mime_type.len() > 127 || !slash || !wish.mime_type.chars().all(plain) {
        return Err(Problem::bad("bad_mime_type", "mimeType is not a media type like image/jpeg"));
    }
    let hex = |digest: &String| digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit());
    if !wish.sha256.as_ref().is_none_or(hex) {
        return Err(Problem::bad("bad_sha256", "sha256 is not 64 hex digits"));
    }
    let tags = wish.tags.as_deref().unwrap_or_default();
    let texts = tags.iter().chain(wish.caption.as_ref());
    if tags.len() > TAGS || texts.into_iter().any(|text| text.chars().count() > TEXT) {
        let detail = format!("at most {TAGS} tags, and {TEXT} characters a tag or caption");
        return Err(Problem::unprocessable("too_long", detail));
    }
    Ok(())
}

/// `GET /v1/uploads/{uploadId}`
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Value>, Problem> {
    let upload = owned(&api, &caller, id).await?;
    let mut body = document(&upload)?;
    if let Some(body) = body.as_object_mut() {
        body.remove("idempotencyKey");
        body.insert("progress".into(), json!(upload.percent()));
        body.insert("missing".into(), json!(upload.missing()));
    }
    Ok(axum::Json(body))
}

/// `POST /v1/uploads/{uploadId}/complete`
pub async fn complete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let upload = owned(&api, &caller, id).await?;
    match intake::complete(&api.intake, &upload.upload_id).await? {
        Completion::Accepted(media_id, status) => {
            let body = json!({ "mediaId": media_id.to_string(), "status": status });
            Ok((StatusCode::ACCEPTED, axum::Json(body)).into_response())
        }
        Completion::Missing(missing) => {
            let detail = format!("{} chunks are not there yet", missing.len());
            Err(Problem::conflict("chunks_missing", detail).with("missing", json!(missing)))
        }
    }
}

/// `DELETE /v1/uploads/{uploadId}`
pub async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let upload = owned(&api, &caller, id).await?;
    intake::cancel(&api.intake, &upload.upload_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The upload with this id, if the caller may know of it.
pub async fn owned(api: &Api, caller: &Caller, id: String) -> Result<Upload, Problem> {
    caller.needs(Scope::Upload)?;
    match api.tools.uploads.upload(&UploadId(id)).await {
        Ok(upload) if caller.owns(&upload) => Ok(upload),
        Ok(_) | Err(PortError::Missing(_)) => Err(Problem::not_found("upload")),
        Err(error) => Err(error.into()),
    }
}

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
pub async fn one_shot(
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
    let form = |error: axum::extract::multipart::MultipartError| {
        Problem::bad("bad_form", error.body_text())
    };
    let mut parts = Multipart::from_request(request, &api)
        .await
        .map_err(|error| Problem::bad("bad_form", error.body_text()))?;
    while let Some(field) = parts.next_field().await.map_err(form)? {
        let Some(name) = field.file_name().map(str::to_owned) else { continue };
        let filename = wish.filename.clone().unwrap_or(name);
        let kind = field.content_type().unwrap_or("application/octet-stream").to_owned();
        let (pieces, incoming) = tokio::sync::mpsc::channel(4);
        let feed = async move {
            let mut field = field;
            while let Some(piece) = field.next().await {
                if pieces.send(piece.map_err(std::io::Error::other)).await.is_err() {
                    break;
                }
            }
        };
        let stream = futures_util::stream::unfold(incoming, |mut incoming| async {
            incoming.recv().await.map(|piece| (piece, incoming))
        });
        let taking = take(&api, wish, filename, &kind, None, Box::pin(stream));
        return futures_util::future::join(taking, feed).await.0;
    }
    Err(Problem::bad("bad_form", "the form has no file"))
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
    let mut upload = upload(api, wish, None)?;
    let expected = Expected { length: Length::AtMost(CHUNK_BYTES), sha256 };
    let id = upload.upload_id.clone();
    let part = api.tools.objects.put_part(&id.0, 1, expected, stream).await;
    let part: Part = part.map_err(|error| match error {
        PortError::Refused { code, .. } if code == "chunk_size" => {
            let detail = format!("this door takes {CHUNK_BYTES} bytes, larger files go in chunks");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "file_too_large", detail)
        }
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
