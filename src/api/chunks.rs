//! One chunk of an upload: any order, in parallel, repeatable.

use axum::{
    Json,
    extract::{Path, Request, State},
};
use futures_util::StreamExt;
use jobs::{
    intake, live,
    model::{Chunk, Transport, Upload},
    ports::{ByteStream, Expected, Length, Part},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    Api, body,
    caller::Caller,
    problem::Problem,
    uploads::{owned, refuse_late},
};

/// `PUT /v1/uploads/{uploadId}/chunks/{n}`
pub async fn put(
    State(api): State<Api>,
    caller: Caller,
    Path((id, number)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let upload = owned(&api, &caller, id).await?;
    refuse_late(&api, &upload)?;
    if !matches!(upload.transport, None | Some(Transport::Chunks)) {
        let detail = format!("the upload {} was begun at another door", upload.upload_id);
        return Err(Problem::conflict("other_transport", detail));
    }
    let number: u32 = number.parse().map_err(|_| Problem::not_found("chunk"))?;
    let Some(chunk) = upload.chunk(number) else {
        let count = upload.chunks.len();
        let detail = format!("there is no chunk {number}, the upload has chunks 1 to {count}");
        return Err(Problem::new(axum::http::StatusCode::NOT_FOUND, "no_such_chunk", detail));
    };
    let wanted = chunk.chunk_size;
    if let Some(announced) = body::content_length(request.headers())
        && announced != wanted
    {
        let detail = format!("chunk {number} has {wanted} bytes, the body has {announced}");
        return Err(Problem::bad("chunk_size", detail));
    }
    let sha256 = body::content_digest(request.headers())?;
    let stream = body::stream(request.into_body());
    if chunk.uploaded {
        return compare(&upload, chunk, sha256, stream).await;
    }
    if !upload.is_receiving() {
        return Err(closed(&upload));
    }
    let expected = Expected { length: Length::Exactly(wanted), sha256 };
    let part = api.tools.objects.put_part(&upload.transfer(), number, expected, stream).await?;
    keep(&api, upload, part).await
}

/// Writes that the chunk is there. Of two who bring other bytes for one number, the first wins.
async fn keep(api: &Api, upload: Upload, part: Part) -> Result<Json<Value>, Problem> {
    let now = api.tools.clock.now();
    let expires_at = upload.expiry(now, api.limits.idle);
    let written = api.tools.uploads.chunk_verified(&upload, &part, now, expires_at).await?;
    if let Some(after) = written {
        let progress = live::of_upload(&upload, &after);
        api.tools.live.announce(progress.as_slice()).await;
        return Ok(kept(&after, part.number));
    }
    let current = api.tools.uploads.upload(&upload.upload_id).await?;
    let first = current.chunk(part.number).filter(|chunk| chunk.uploaded);
    let same = first.is_some_and(|first| first.sha256 == part.sha256);
    // The same bytes are the same part, which is kept; unless all parts of the upload are gone.
    if !same || intake::refuse_ended(&current).is_err() {
        api.tools.objects.drop_part(&upload.transfer(), &part).await?;
    }
    refuse_late(api, &current)?;
    match first {
        Some(_) if same => Ok(kept(&current, part.number)),
        Some(_) => Err(conflict(part.number)),
        None if current.is_receiving() => Err(busy(part.number)),
        None => Err(closed(&current)),
    }
}

/// A chunk that is there already: the same bytes are fine, others are not, and those that are not
/// what their sender says are neither. Nothing is kept.
pub async fn compare(
    upload: &Upload,
    chunk: &Chunk,
    promised: Option<String>,
    mut stream: ByteStream,
) -> Result<Json<Value>, Problem> {
    let mut hash = Sha256::new();
    let mut bytes: u64 = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece
            .map_err(|error| Problem::bad("body_interrupted", format!("the body: {error}")))?;
        bytes += piece.len() as u64;
        if bytes > chunk.chunk_size {
            break;
        }
        hash.update(&piece);
    }
    if bytes != chunk.chunk_size {
        let wanted = chunk.chunk_size;
        let detail =
            format!("chunk {} has {wanted} bytes, the body has {bytes}", chunk.chunk_number);
        return Err(Problem::bad("chunk_size", detail));
    }
    let sha256 = hex::encode(hash.finalize());
    if promised.is_some_and(|promised| promised != sha256) {
        let detail = format!("the bytes of chunk {} have the SHA-256 {sha256}", chunk.chunk_number);
        return Err(Problem::unprocessable("digest_mismatch", detail));
    }
    // Of what came past the service a store may not say it.
    if chunk.sha256.as_ref().is_some_and(|kept| *kept != sha256) {
        return Err(conflict(chunk.chunk_number));
    }
    Ok(kept(upload, chunk.chunk_number))
}

fn closed(upload: &Upload) -> Problem {
    let detail = format!("the upload {} takes no more chunks", upload.upload_id);
    Problem::conflict("upload_ended", detail)
}

fn kept(upload: &Upload, number: u32) -> Json<Value> {
    Json(json!({ "chunkNumber": number, "progress": upload.percent() }))
}

fn conflict(number: u32) -> Problem {
    let detail = format!("chunk {number} is there already, with other bytes");
    Problem::conflict("chunk_conflict", detail)
}

fn busy(number: u32) -> Problem {
    Problem::conflict("conflict", format!("chunk {number} could not be kept, send it again"))
}
