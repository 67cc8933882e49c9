//! The one-shot door: a small file in one request.

use axum::{
    body::Body,
    extract::{
        DefaultBodyLimit, FromRequest, Multipart, Request, State,
        multipart::{Field, MultipartError},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use jobs::{
    intake::{self, Completion},
    model::{CHUNK_BYTES, Chunk, EventId, Upload, UserId, Visibility},
    ports::{ByteStream, Expected, Length, PortError},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Api,
    body::{self, Params},
    caller::Caller,
    problem::Problem,
    uploads::refuse_late,
    wish::{Wish, is_another, is_same, key_of, upload},
};

/// The longest form: one chunk, and room for what is around it.
const FORM_BYTES: usize = CHUNK_BYTES as usize + (64 << 10);

/// The parameters of the one-shot door.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OneShot {
    event_id: EventId,
    user_id: UserId,
    filename: Option<String>,
    album_id: Option<String>,
    caption: Option<String>,
    visibility: Option<Visibility>,
}

/// What a request says of its file.
struct Said {
    filename: String,
    mime_type: String,
    sha256: Option<String>,
    key: Option<String>,
}

/// `POST /v1/media`: a small file in one request, as it is or as a form.
pub async fn take_in(
    State(api): State<Api>,
    caller: Caller,
    Params(wish): Params<OneShot>,
    request: Request,
) -> Result<Response, Problem> {
    caller.uploads_as(wish.user_id, wish.event_id)?;
    let headers = request.headers();
    let key = key_of(headers, wish.user_id)?;
    let sha256 = body::content_digest(headers)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let mime_type = kind.unwrap_or("application/octet-stream").to_owned();
    if mime_type.starts_with("multipart/form-data") {
        if sha256.is_some() {
            let detail = "the Content-Digest of a form is not checked: send the file as it is";
            return Err(Problem::bad("bad_digest_header", detail));
        }
        return finish(&api, take_form(&api, wish, key, request).await?).await;
    }
    let filename = wish
        .filename
        .clone()
        .ok_or_else(|| Problem::bad("bad_filename", "filename is missing: ?filename=photo.jpg"))?;
    let said = Said { filename, mime_type, sha256, key };
    let stream = body::stream(request.into_body());
    finish(&api, keep(&api, wish, said, stream).await?).await
}

/// Keeps the one file of a form. All of it is bounded: the library keeps in memory what stands
/// before a boundary.
async fn take_form(
    api: &Api,
    wish: OneShot,
    key: Option<String>,
    request: Request,
) -> Result<Upload, Problem> {
    let mut request = request.map(|body| Body::from_stream(body::stream(body)));
    DefaultBodyLimit::max(FORM_BYTES).apply(&mut request);
    let mut parts = Multipart::from_request(request, api)
        .await
        .map_err(|error| Problem::bad("bad_form", error.body_text()))?;
    let Some(file) = next_file(api, &mut parts).await? else {
        return Err(Problem::bad("bad_form", "the form has no file"));
    };
    let upload = keep_file(api, wish, key, file).await?;
    let problem = match next_file(api, &mut parts).await {
        Ok(None) => return Ok(upload),
        Ok(Some(_)) => {
            let detail = "the form has a second file: each file goes in a request of its own";
            Problem::bad("bad_form", detail)
        }
        Err(problem) => problem,
    };
    api.tools.objects.abort(&upload.transfer()).await?;
    Err(problem)
}

/// The next file of a form; anything else in it would be lost, and is refused.
async fn next_file<'a>(api: &Api, parts: &'a mut Multipart) -> Result<Option<Field<'a>>, Problem> {
    match parts.next_field().await.map_err(|error| broken(api, &error))? {
        Some(part) if part.file_name().is_none() => {
            let name: String = part.name().unwrap_or_default().chars().take(40).collect();
            let detail = format!(
                "the form's part {name:?} is no file: filename, albumId, caption and visibility \
                 are parameters of the address, as in ?caption=..."
            );
            Err(Problem::bad("bad_form", detail))
        }
        part => Ok(part),
    }
}

/// Keeps the file that is a part of a form.
async fn keep_file(
    api: &Api,
    wish: OneShot,
    key: Option<String>,
    part: Field<'_>,
) -> Result<Upload, Problem> {
    let name = part.file_name().unwrap_or_default().to_owned();
    let said = Said {
        filename: wish.filename.clone().unwrap_or(name),
        mime_type: part.content_type().unwrap_or("application/octet-stream").to_owned(),
        sha256: body::content_digest(part.headers())?,
        key,
    };
    let (pieces, incoming) = tokio::sync::mpsc::channel(4);
    let feed = async move {
        let mut part = part;
        while let Some(piece) = part.next().await {
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
    let keeping = keep(api, wish, said, Box::pin(stream));
    let (kept, fault) = futures_util::future::join(keeping, feed).await;
    fault.map_or(kept, Err)
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

/// Keeps the one part of a small file; nobody knows of its upload yet.
async fn keep(api: &Api, wish: OneShot, said: Said, stream: ByteStream) -> Result<Upload, Problem> {
    let wish = Wish {
        event_id: wish.event_id,
        user_id: wish.user_id,
        filename: said.filename,
        mime_type: said.mime_type.split(';').next().unwrap_or_default().trim().to_owned(),
        // The size is not known before the last byte; the rest is checked before the first.
        size: 1,
        sha256: None,
        album_id: wish.album_id,
        caption: wish.caption,
        tags: None,
        visibility: wish.visibility,
        transport: None,
    };
    let mut upload = upload(api, wish, said.key).await?;
    let most = most(api);
    let expected = Expected { length: Length::AtMost(most), sha256: said.sha256 };
    let transfer = api.tools.objects.begin(&upload.upload_id.0, &upload.mime_type, true).await?;
    let part = match api.tools.objects.put_part(&transfer, 1, expected, stream).await {
        Ok(part) if part.bytes > 0 => part,
        answer => {
            api.tools.objects.abort(&transfer).await?;
            return Err(match answer {
                Ok(_) => Problem::unprocessable("empty_file", "the file is empty"),
                Err(PortError::Refused { code, .. }) if code == "chunk_size" => too_large(most),
                Err(error) => error.into(),
            });
        }
    };
    upload.s3_upload_id = transfer.id;
    upload.size = part.bytes;
    upload.received_bytes = Some(part.bytes);
    upload.progress = 100;
    upload.chunks = vec![Chunk {
        chunk_number: 1,
        chunk_size: part.bytes,
        uploaded: true,
        uploaded_at: Some(api.tools.clock.now()),
        sha256: part.sha256,
        etag: Some(part.etag),
    }];
    Ok(upload)
}

/// Makes the upload known and goes the way of all uploads. Under a key that is taken, the answer is
/// that of the first time, if wish and bytes are the same.
async fn finish(api: &Api, upload: Upload) -> Result<Response, Problem> {
    let first = api.tools.uploads.create(upload.clone()).await?;
    if first.upload_id != upload.upload_id {
        api.tools.objects.abort(&upload.transfer()).await?;
        let bytes = |of: &Upload| of.chunk(1).and_then(|chunk| chunk.sha256.clone());
        if !is_same(&first, &upload) || bytes(&first) != bytes(&upload) {
            return Err(is_another());
        }
        refuse_late(api, &first)?;
    }
    let id = &first.upload_id;
    let Completion::Accepted(media_id, _) = intake::complete(&api.intake, id).await? else {
        return Err(Problem::conflict("chunks_missing", "the upload lost its chunk"));
    };
    let body = json!({ "uploadId": id, "mediaId": media_id.to_string() });
    Ok((StatusCode::ACCEPTED, axum::Json(body)).into_response())
}
