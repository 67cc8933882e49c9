//! What a sender wishes of an upload, checked, and the document that it becomes.

use axum::http::{HeaderMap, StatusCode};
use bson::oid::ObjectId;
use jobs::{
    keys,
    model::{
        AlbumId, EventId, Transport, Upload, UploadId, UploadMetadata, UploadPhase, UploadStatus,
        UserId, Visibility, display_name,
    },
    ports::later,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Api, UploadLimits,
    body::{counted, idempotency_key},
    problem::Problem,
};

/// Longest list of tags, and longest tag or caption in characters.
const TAGS: usize = 50;
const TEXT: usize = 2_000;

/// The wish for an upload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wish {
    pub event_id: EventId,
    pub user_id: UserId,
    pub filename: String,
    pub mime_type: String,
    pub size: u64,
    pub sha256: Option<String>,
    pub album_id: Option<String>,
    pub caption: Option<String>,
    pub tags: Option<Vec<String>>,
    pub visibility: Option<Visibility>,
    /// The door; numbered chunks, where nothing is said.
    pub transport: Option<Transport>,
}

/// The document of a new upload, or why there is none.
pub async fn upload(
    api: &Api,
    wish: Wish,
    idempotency_key: Option<String>,
) -> Result<Upload, Problem> {
    check(&api.limits, &wish)?;
    let album_id = match &wish.album_id {
        Some(id) => Some(album(api, id, wish.event_id).await?),
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
        s3_key: keys::private(&upload_id.0),
        s3_url: None,
        s3_upload_id: None,
        transport: wish.transport,
        deferred: None,
        tus: None,
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

/// The album with this id. Nothing crosses events: another event's album is none.
async fn album(api: &Api, id: &str, event: EventId) -> Result<AlbumId, Problem> {
    let id: AlbumId = id
        .parse()
        .map_err(|_| Problem::bad("bad_parameter", "albumId is not an id of 24 hex digits"))?;
    match api.tools.albums.album(id).await? {
        Some(album) if album.event_id == event => Ok(id),
        _ => {
            let detail = format!("the event {event} has no album {id}");
            Err(Problem::new(StatusCode::NOT_FOUND, "album_not_found", detail))
        }
    }
}

/// Whether both were wished with the same words; what became of `kept` since does not count.
pub fn is_same(kept: &Upload, wished: &Upload) -> bool {
    // Once the bytes are measured, the promise of an upload without one cannot be told any more.
    let measured = kept.phase() == UploadPhase::Stored && wished.sha256.is_none();
    kept.user_id == wished.user_id
        && kept.event_id == wished.event_id
        && kept.original_filename == wished.original_filename
        && kept.mime_type == wished.mime_type
        && kept.size == wished.size
        && (measured || kept.sha256 == wished.sha256)
        && kept.album_id == wished.album_id
        && kept.caption == wished.caption
        && kept.tags == wished.tags
        && kept.visibility == wished.visibility
        && kept.transport == wished.transport
}

/// The `Idempotency-Key` of an upload. It counts for one user: nobody can guess at the uploads of
/// others.
pub fn key_of(headers: &HeaderMap, user: UserId) -> Result<Option<String>, Problem> {
    Ok(idempotency_key(headers)?.map(|key| format!("{user}:{key}")))
}

/// The refusal of a key that stands for another upload.
pub fn is_another() -> Problem {
    let detail = "this Idempotency-Key was used for another wish";
    Problem::unprocessable("idempotency_mismatch", detail)
}

impl UploadLimits {
    /// Refuses (`file_too_large`) a file of so many bytes, if it is larger than any may be.
    pub fn fit(&self, bytes: u64) -> Result<(), Problem> {
        let most = self.file_bytes;
        if bytes <= most {
            return Ok(());
        }
        let detail = format!("the file has {bytes} bytes, at most {most} are taken");
        let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "file_too_large", detail);
        Err(problem.with("limit", json!(most)))
    }
}

fn check(limits: &UploadLimits, wish: &Wish) -> Result<(), Problem> {
    counted("eventId", wish.event_id.0)?;
    counted("userId", wish.user_id.0)?;
    if wish.transport == Some(Transport::Tus) {
        let detail = "uploads by tus begin with POST /v1/tus";
        return Err(Problem::bad("bad_parameter", detail));
    }
    if wish.size == 0 {
        return Err(Problem::unprocessable("empty_file", "the file is empty"));
    }
    limits.fit(wish.size)?;
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
