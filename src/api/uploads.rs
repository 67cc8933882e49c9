//! Uploads by numbered chunks.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jobs::{
    intake::{self, Completion},
    model::{CHUNK_BYTES, Transport, Upload, UploadId},
    ports::PortError,
};
use serde_json::{Value, json};

use super::{
    Api,
    access::Scope,
    body::JsonBody,
    caller::Caller,
    json::document,
    problem::Problem,
    wish::{Wish, is_another, is_same, key_of, upload},
};

/// `POST /v1/uploads`
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<Response, Problem> {
    caller.uploads_as(wish.user_id, wish.event_id)?;
    let key = key_of(&headers, wish.user_id)?;
    let upload = upload(&api, wish, key).await?;
    let kept = intake::open(&api.intake, upload.clone()).await?;
    if !is_same(&kept, &upload) {
        return Err(is_another());
    }
    refuse_late(&api, &kept)?;
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

/// `GET /v1/uploads/{uploadId}`
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Value>, Problem> {
    let mut upload = owned(&api, &caller, id).await?;
    if upload.is_receiving() && upload.transport == Some(Transport::Presigned) {
        // Nobody else has seen its parts come.
        let kept = api.tools.objects.parts(&upload.transfer()).await?;
        upload.take_in(&kept, api.tools.clock.now());
    }
    let mut body = document(&upload)?;
    if let Some(body) = body.as_object_mut() {
        for own in ["idempotencyKey", "s3UploadId", "tus"] {
            body.remove(own);
        }
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
    if upload.deferred == Some(true) && upload.is_receiving() {
        let detail = "this upload is completed at the door that it came through";
        return Err(Problem::conflict("other_transport", detail));
    }
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

/// Refuses what comes for an upload that came to nothing, with the code of its end. Its bytes are
/// gone or going, so that nothing of it can be promised any more.
pub fn refuse_late(api: &Api, upload: &Upload) -> Result<(), Problem> {
    intake::refuse_ended(upload).map_err(|error| match error {
        PortError::Refused { code, message } => Problem::conflict(&code, message),
        other => other.into(),
    })?;
    if upload.is_receiving() && upload.expires_at <= api.tools.clock.now() {
        let id = &upload.upload_id;
        let detail = format!("no chunk arrived in time, the upload {id} has expired");
        return Err(Problem::conflict("upload_expired", detail));
    }
    Ok(())
}
