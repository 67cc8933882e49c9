//! Parts that go past the service: signed addresses of the object store, or of this service where
//! the store gives none. What the store then has is asked of the store alone.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use bson::DateTime;
use jobs::{
    intake,
    model::{Chunk, Transport, Upload, UploadId},
    ports::{Expected, Invitation, KeptPart, Length, Part, PortError, later},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    body::{self, JsonBody, Params},
    caller::Caller,
    problem::Problem,
    signed::Seal,
    uploads::{owned, refuse_late},
};

/// Addresses that one call signs.
const BATCH: usize = 100;
/// A signed address is good for so long.
pub const GOOD_FOR: Duration = Duration::from_secs(15 * 60);

/// Parts for which addresses are wanted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wish {
    parts: Vec<Wanted>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    number: u32,
    sha256: String,
}

/// `POST /v1/uploads/{uploadId}/parts`
pub async fn sign(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<Json<Value>, Problem> {
    let upload = receiving(&api, owned(&api, &caller, id).await?)?;
    if !(1..=BATCH).contains(&wish.parts.len()) {
        let detail = format!("parts has {} entries, not 1 to {BATCH}", wish.parts.len());
        return Err(Problem::bad("bad_parameter", detail));
    }
    let until = later(api.tools.clock.now(), GOOD_FOR);
    let mut parts = Vec::new();
    for Wanted { number, sha256 } in wish.parts {
        let chunk = chunk(&upload, number)?;
        let digits = sha256.len() == 64 && sha256.chars().all(|c| c.is_ascii_hexdigit());
        if !digits {
            let detail = format!("the sha256 of part {number} is not 64 hex digits");
            return Err(Problem::bad("bad_sha256", detail));
        }
        let sha256 = Some(sha256.to_ascii_lowercase());
        let expected = Expected { length: Length::Exactly(chunk.chunk_size), sha256 };
        let Invitation { url, headers } = invite(&api, &upload, number, &expected, until).await?;
        let headers: serde_json::Map<_, _> =
            headers.into_iter().map(|(name, value)| (name, json!(value))).collect();
        parts.push(json!({
            "number": number,
            "method": "PUT",
            "url": url,
            "headers": headers,
            "expiresAt": until.try_to_rfc3339_string().unwrap_or_default(),
        }));
    }
    goes_on(&api, &upload.upload_id).await?;
    Ok(Json(json!({ "parts": parts })))
}

/// An address for exactly this part, of the store or of ours.
pub async fn invite(
    api: &Api,
    upload: &Upload,
    number: u32,
    expected: &Expected,
    until: DateTime,
) -> Result<Invitation, Problem> {
    let objects = &api.tools.objects;
    if let Some(theirs) = objects.invite(&upload.transfer(), number, expected, GOOD_FOR).await? {
        return Ok(theirs);
    }
    let path = format!("/signed/uploads/{}/parts/{number}", upload.upload_id);
    let said = expected.sha256.as_deref().unwrap_or_default();
    Ok(Invitation { url: api.signer.sign("PUT", &path, said, until), headers: Vec::new() })
}

/// `PUT /signed/uploads/{uploadId}/parts/{n}`
pub async fn put(
    State(api): State<Api>,
    uri: Uri,
    Path((id, number)): Path<(String, u32)>,
    Params(seal): Params<Seal>,
    request: Request,
) -> Result<Response, Problem> {
    api.signer.check("PUT", uri.path(), &seal, api.tools.clock.now())?;
    let upload = match api.tools.uploads.upload(&UploadId(id)).await {
        Err(PortError::Missing(_)) => return Err(Problem::not_found("upload")),
        upload => receiving(&api, upload?)?,
    };
    let length = if upload.deferred == Some(true) {
        // A file in parts of whatever length is still one file.
        let others = others(&api, &upload, number).await?;
        let said = body::content_length(request.headers());
        api.limits.fit(others.saturating_add(said.unwrap_or(0)))?;
        let room = api.limits.file_bytes.saturating_sub(others);
        said.map_or(Length::AtMost(room), Length::Exactly)
    } else {
        Length::Exactly(chunk(&upload, number)?.chunk_size)
    };
    let expected = Expected { length, sha256: seal.said };
    let stream = body::stream(request.into_body());
    let part = api.tools.objects.put_part(&upload.transfer(), number, expected, stream).await?;
    replace(&api, &upload, &part).await?;
    Ok(kept(&part.etag))
}

/// How many bytes the parts with other numbers have.
pub async fn others(api: &Api, upload: &Upload, number: u32) -> Result<u64, Problem> {
    let there = api.tools.objects.parts(&upload.transfer()).await?;
    let others = there.iter().filter(|part| part.number != number);
    Ok(others.map(|part| part.bytes).sum())
}

/// What S3 says of a part that it has.
pub fn kept(etag: &str) -> Response {
    let mut response = StatusCode::OK.into_response();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{etag}\"")) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// The upload, if it takes parts past the service.
pub fn receiving(api: &Api, upload: Upload) -> Result<Upload, Problem> {
    refuse_late(api, &upload)?;
    let id = &upload.upload_id;
    if upload.transport != Some(Transport::Presigned) {
        let detail = format!("the upload {id} was not announced with transport presigned");
        return Err(Problem::conflict("other_transport", detail));
    }
    if !upload.is_receiving() {
        let detail = format!("the upload {id} takes no more parts");
        return Err(Problem::conflict("upload_ended", detail));
    }
    Ok(upload)
}

fn chunk(upload: &Upload, number: u32) -> Result<&Chunk, Problem> {
    upload.chunk(number).ok_or_else(|| {
        let count = upload.chunks.len();
        let detail = format!("there is no part {number}, the upload has parts 1 to {count}");
        Problem::new(StatusCode::NOT_FOUND, "no_such_chunk", detail)
    })
}

/// What comes last counts, as in S3: parts with the same number that came before it go. A part that
/// came too late goes itself.
pub async fn replace(api: &Api, upload: &Upload, part: &Part) -> Result<(), Problem> {
    let current = goes_on(api, &upload.upload_id).await?;
    let (objects, transfer) = (&api.tools.objects, upload.transfer());
    if !current.is_receiving() {
        let counts =
            current.chunk(part.number).is_some_and(|chunk| chunk.etag.as_ref() == Some(&part.etag));
        if counts && intake::refuse_ended(&current).is_ok() {
            return Ok(());
        }
        objects.drop_part(&transfer, part).await?;
        return receiving(api, current).map(drop);
    }
    let kept = objects.parts(&transfer).await?;
    if upload.deferred == Some(true) {
        // Others may have come at the same time.
        let mut numbers: Vec<_> = kept.iter().map(|part| (part.number, part.bytes)).collect();
        numbers.dedup_by_key(|(number, _)| *number);
        let fits = api.limits.fit(numbers.into_iter().map(|(_, bytes)| bytes).sum());
        if fits.is_err() {
            objects.drop_part(&transfer, part).await?;
            return fits;
        }
    }
    let same = kept.into_iter().filter(|kept| kept.number == part.number);
    // The last comes first.
    for KeptPart { number, etag, bytes, sha256 } in same.skip_while(|kept| !part.is(kept)).skip(1) {
        let before = Part { number, etag, bytes, sha256 };
        objects.drop_part(&transfer, &before).await?;
    }
    Ok(())
}

/// Somebody is at work on it: it does not expire yet.
pub async fn goes_on(api: &Api, id: &UploadId) -> Result<Upload, Problem> {
    let (uploads, clock) = (&*api.tools.uploads, &*api.tools.clock);
    Ok(intake::part_came(uploads, clock, id, api.limits.idle).await?)
}
