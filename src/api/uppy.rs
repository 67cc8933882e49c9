//! The routes that Uppy's plugin for S3 calls (`@uppy/aws-s3` with `endpoint`), over the same
//! uploads: its `uploadId` is ours, its `key` is not looked at.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, Request, State},
    http::Uri,
    response::Response,
};
use jobs::{
    intake::{self, Completion},
    model::{EventId, Transport, Upload, UploadId, UserId},
    ports::{Expected, Length, PortError, later},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    body::{self, JsonBody, Params},
    caller::Caller,
    chunks,
    parts::{GOOD_FOR, invite, kept, others, receiving, replace},
    problem::Problem,
    signed::Seal,
    uploads::{owned, refuse_late},
    wish::{Wish, upload},
};

/// The largest number of a part (Amazon S3's limits).
const MOST_PARTS: u32 = 10_000;

/// A file as Uppy announces it.
#[derive(Debug, Deserialize)]
pub struct Announced {
    filename: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    metadata: HashMap<String, Value>,
}

/// `POST /s3/multipart`
pub async fn begin(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(file): JsonBody<Announced>,
) -> Result<Json<Value>, Problem> {
    let upload = announce(&api, &caller, file).await?;
    Ok(Json(json!({ "uploadId": upload.upload_id, "key": upload.transfer().key() })))
}

/// `GET /s3/params`
pub async fn whole(
    State(api): State<Api>,
    caller: Caller,
    Params(said): Params<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    let inner = |name: &String| Some(name.strip_prefix("metadata[")?.strip_suffix(']')?.to_owned());
    let metadata = said.iter().filter_map(|(name, value)| Some((inner(name)?, json!(value))));
    let file = Announced {
        filename: said.get("filename").cloned().unwrap_or_default(),
        kind: said.get("type").cloned(),
        metadata: metadata.collect(),
    };
    let upload = announce(&api, &caller, file).await?;
    let path = format!("/signed/uploads/{}/whole", upload.upload_id);
    let until = later(api.tools.clock.now(), GOOD_FOR);
    let url = api.signer.sign("PUT", &path, "", until);
    Ok(Json(json!({ "method": "PUT", "url": url, "fields": {}, "headers": {} })))
}

/// `PUT /signed/uploads/{uploadId}/whole`: a whole file, after which nothing more is called.
pub async fn put_whole(
    State(api): State<Api>,
    uri: Uri,
    Path(id): Path<String>,
    Params(seal): Params<Seal>,
    request: Request,
) -> Result<Response, Problem> {
    api.signer.check("PUT", uri.path(), &seal, api.tools.clock.now())?;
    let upload = match api.tools.uploads.upload(&UploadId(id)).await {
        Err(PortError::Missing(_)) => return Err(Problem::not_found("upload")),
        upload => upload?,
    };
    if let Some(only) = upload.chunk(1).filter(|_| upload.media_id.is_some()) {
        // It has come, and the answer was lost. A sender hears none before it is through.
        refuse_late(&api, &upload)?;
        let stream = body::stream(request.into_body());
        return chunks::compare(&upload, only, None, stream)
            .await
            .map(|_| kept(only.etag.as_deref().unwrap_or_default()));
    }
    let upload = receiving(&api, upload)?;
    let length = body::content_length(request.headers());
    let length = length.map_or(Length::AtMost(api.limits.file_bytes), Length::Exactly);
    api.limits.fit(length.most())?;
    let stream = body::stream(request.into_body());
    let expected = Expected { length, sha256: None };
    let part = api.tools.objects.put_part(&upload.transfer(), 1, expected, stream).await?;
    replace(&api, &upload, &part).await?;
    finish(&api, &upload.upload_id).await?;
    Ok(kept(&part.etag))
}

/// `GET /s3/multipart/{uploadId}/{n}`
pub async fn sign(
    State(api): State<Api>,
    caller: Caller,
    Path((id, number)): Path<(String, u32)>,
) -> Result<Json<Value>, Problem> {
    let upload = receiving(&api, owned(&api, &caller, id).await?)?;
    if !(1..=MOST_PARTS).contains(&number) {
        let detail = format!("there is no part {number}, only 1 to {MOST_PARTS}");
        return Err(Problem::bad("bad_parameter", detail));
    }
    api.limits.fit(others(&api, &upload, number).await?)?;
    let until = later(api.tools.clock.now(), GOOD_FOR);
    // Uppy says neither how long a part is nor its hash: the whole is measured in the end.
    let expected = Expected { length: Length::AtMost(api.limits.file_bytes), sha256: None };
    let invitation = invite(&api, &upload, number, &expected, until).await?;
    super::parts::goes_on(&api, &upload.upload_id).await?;
    Ok(Json(json!({ "url": invitation.url, "expires": GOOD_FOR.as_secs() })))
}

/// `GET /s3/multipart/{uploadId}`
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let upload = receiving(&api, owned(&api, &caller, id).await?)?;
    let parts = api.tools.objects.parts(&upload.transfer()).await?;
    let part = |part: &jobs::ports::KeptPart| {
        let etag = format!("\"{}\"", part.etag);
        json!({ "PartNumber": part.number, "Size": part.bytes, "ETag": etag })
    };
    Ok(Json(Value::Array(parts.iter().map(part).collect())))
}

/// `POST /s3/multipart/{uploadId}/complete`; the list of parts in its body is the store's to know.
pub async fn complete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let upload = owned(&api, &caller, id).await?;
    let media_id = finish(&api, &upload.upload_id).await?;
    Ok(Json(json!({ "location": format!("/v1/media/{media_id}"), "mediaId": media_id })))
}

/// `DELETE /s3/multipart/{uploadId}`
pub async fn abort(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let upload = owned(&api, &caller, id).await?;
    intake::cancel(&api.intake, &upload.upload_id).await?;
    Ok(Json(json!({})))
}

async fn announce(api: &Api, caller: &Caller, file: Announced) -> Result<Upload, Problem> {
    let number = |name: &str| match file.metadata.get(name) {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let missing = |name: &str| {
        let detail = format!("metadata.{name} is not a whole number: set it in Uppy's meta");
        Problem::bad("bad_metadata", detail)
    };
    let text = |name: &str| file.metadata.get(name).and_then(Value::as_str).map(str::to_owned);
    let event_id = EventId(number("eventId").ok_or_else(|| missing("eventId"))?);
    let user_id = number("userId").map(UserId).or(caller.user());
    let user_id = user_id.ok_or_else(|| missing("userId"))?;
    caller.uploads_as(user_id, event_id)?;
    let kind = file.kind.clone().filter(|kind| !kind.is_empty());
    let wish = Wish {
        event_id,
        user_id,
        filename: file.filename.clone(),
        mime_type: kind.unwrap_or_else(|| "application/octet-stream".to_owned()),
        // Not known before the last part.
        size: 1,
        sha256: text("sha256"),
        album_id: text("albumId"),
        caption: text("caption"),
        tags: None,
        visibility: None,
        transport: Some(Transport::Presigned),
    };
    let mut upload = upload(api, wish, None).await?;
    (upload.deferred, upload.size, upload.chunks) = (Some(true), 0, Vec::new());
    Ok(intake::open(&api.intake, upload).await?)
}

/// All parts are there: the upload becomes a medium.
async fn finish(api: &Api, id: &UploadId) -> Result<String, Problem> {
    let upload = api.tools.uploads.upload(id).await?;
    if upload.is_receiving() {
        let upload = intake::take_in(&api.intake, id).await?;
        if let Err(problem) = api.limits.fit(upload.size) {
            intake::cancel(&api.intake, id).await?;
            return Err(problem);
        }
    }
    match intake::complete(&api.intake, id).await? {
        Completion::Accepted(media_id, _) => Ok(media_id.to_string()),
        Completion::Missing(missing) => {
            let detail = format!("{} parts are not there yet", missing.len());
            Err(Problem::conflict("chunks_missing", detail).with("missing", json!(missing)))
        }
    }
}
