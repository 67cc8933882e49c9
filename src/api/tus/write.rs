//! Bytes that come from an offset on: full chunks become parts, the rest waits as a tail.
//!
//! Of several requests for one upload, from whatever processes, the one that came last may write;
//! the others end with their next write. What a request brought before it broke off is kept.

use axum::{extract::Request, http::StatusCode};
use bson::DateTime;
use bytes::Bytes;
use futures_util::{StreamExt, future::join};
use jobs::{
    intake::{self, Completion},
    keys, live,
    model::{CHUNK_BYTES, Tail, Tus, Upload},
    ports::{ByteStream, PortError, interrupted},
};
use serde_json::json;
use tokio::sync::Semaphore;

use super::checksum;
use crate::{
    api::{Api, body, problem::Problem},
    spool::Spool,
};

/// Tails that are held in memory at the same time, each of up to one chunk.
static TAILS: Semaphore = Semaphore::const_new(4);

/// How many bytes may still come.
fn room(api: &Api, upload: &Upload) -> u64 {
    let most = if upload.deferred == Some(true) { api.limits.file_bytes } else { upload.size };
    most.saturating_sub(upload.offset())
}

/// Makes this request the one that may write from the offset `from` on, and says the upload's
/// length if it was not known.
pub async fn take_over(
    api: &Api,
    upload: &Upload,
    from: u64,
    length: Option<u64>,
) -> Result<Upload, Problem> {
    if let Some(length) = length {
        api.limits.fit(length)?;
        let known = upload.deferred.is_none().then_some(upload.size);
        if known.is_some_and(|known| known != length) || length < upload.offset() {
            let detail = "the header Upload-Length says another length than before";
            return Err(Problem::bad("bad_header", detail));
        }
    }
    let holder = uuid::Uuid::new_v4().simple().to_string();
    let (uploads, clock) = (&*api.tools.uploads, &*api.tools.clock);
    let taken = intake::change(uploads, clock, &upload.upload_id, |upload, _| {
        if !upload.is_receiving() || upload.offset() != from {
            return;
        }
        upload.tus.get_or_insert_default().holder = Some(holder.clone());
        if let (Some(length), Some(true)) = (length, upload.deferred) {
            upload.deferred = None;
            upload.size = length;
            let mut chunks = Upload::chunks_for(length);
            for (chunk, known) in chunks.iter_mut().zip(&upload.chunks) {
                chunk.clone_from(known);
            }
            upload.chunks = chunks;
        }
    });
    let taken = taken.await?;
    let offset = if taken.is_receiving() { taken.offset() } else { taken.size };
    if offset != from {
        let detail = format!("the upload has {offset} bytes, the request begins at {from}");
        return Err(Problem::conflict("offset_mismatch", detail).with("offset", json!(offset)));
    }
    Ok(taken)
}

/// Keeps the bytes that `request` brings from the offset `from` on; it may say the upload's length.
pub async fn bring(
    api: &Api,
    upload: &Upload,
    (from, length): (u64, Option<u64>),
    request: Request,
) -> Result<Upload, Problem> {
    let bytes = body::content_length(request.headers());
    let promised = checksum::promised(request.headers())?;
    let upload = take_over(api, upload, from, length).await?;
    let stream = body::stream(request.into_body());
    let stream = match promised {
        Some(sum) => checksum::checked(api, sum, stream, room(api, &upload)).await?,
        None => stream,
    };
    append(api, upload, bytes, stream).await
}

/// Keeps the bytes of `body`, of which the request announced so many. A whole file becomes a
/// medium.
pub async fn append(
    api: &Api,
    mut upload: Upload,
    announced: Option<u64>,
    body: ByteStream,
) -> Result<Upload, Problem> {
    if announced.unwrap_or(0) > room(api, &upload) {
        return Err(too_long(&upload));
    }
    let mut body = Incoming { body, left: Bytes::new(), is_over: false };
    // One chunk is kept while the next one comes.
    let (mut full, mut broken) = (None, None);
    while !body.is_over {
        let tail = upload.tail().map_or(0, |tail| tail.bytes);
        // The tail is the beginning of the chunk that waits, if one does.
        let ahead = full.as_ref().map_or(0, |full: &Full| full.spool.bytes() - tail);
        let next = next_chunk(&upload, full.is_some());
        // A tail may fill its chunk, when the file's length was said only now.
        let is_filled = |bytes: u64| full.is_none() && tail == bytes;
        let fits = |(_, bytes): &(u32, u64)| room(api, &upload) > ahead || is_filled(*bytes);
        let Some((number, bytes)) = next.filter(fits) else { break };
        let mut spool = Spool::open(api.spool.path()).await.map_err(away)?;
        if full.is_none() {
            refill(api, &upload, &mut spool).await?;
        }
        let before = spool.bytes();
        let keeping = keep_full(api, upload, full.take());
        let (kept, end) = join(keeping, body.fill(&mut spool, bytes)).await;
        upload = kept?;
        if spool.bytes() == bytes {
            full = Some(Full { number, spool });
        } else if spool.bytes() > before {
            upload = keep_tail(api, upload, spool).await?;
        }
        broken = end.err();
        if broken.is_some() {
            break;
        }
    }
    upload = keep_full(api, upload, full).await?;
    if let Some(broken) = broken {
        return Err(broken);
    }
    if body.has_more().await? {
        return Err(too_long(&upload));
    }
    if upload.deferred.is_none() && upload.size == 0 && upload.is_receiving() {
        return empty(api, &upload).await;
    }
    let is_whole = upload.deferred.is_none() && upload.offset() == upload.size;
    if is_whole && upload.is_receiving() && !upload.is_partial() {
        return finish(api, upload).await;
    }
    Ok(upload)
}

/// A file without a byte is taken, and its record says why nothing comes of it.
pub async fn empty(api: &Api, upload: &Upload) -> Result<Upload, Problem> {
    let (uploads, clock) = (&*api.tools.uploads, &*api.tools.clock);
    intake::fail(uploads, clock, &upload.upload_id, "empty_file", "the file is empty").await?;
    Ok(uploads.upload(&upload.upload_id).await?)
}

/// All has come: the upload becomes a medium.
pub async fn finish(api: &Api, upload: Upload) -> Result<Upload, Problem> {
    match intake::complete(&api.intake, &upload.upload_id).await? {
        Completion::Accepted(..) => Ok(api.tools.uploads.upload(&upload.upload_id).await?),
        Completion::Missing(missing) => {
            let detail = format!("{} chunks got lost and have to come again", missing.len());
            Err(Problem::conflict("chunks_missing", detail).with("missing", json!(missing)))
        }
    }
}

/// A chunk that is whole and not kept yet.
struct Full {
    number: u32,
    spool: Spool,
}

async fn keep_full(api: &Api, upload: Upload, full: Option<Full>) -> Result<Upload, Problem> {
    match full {
        Some(Full { number, spool }) => keep_part(api, upload, number, spool).await,
        None => Ok(upload),
    }
}

/// A body that is read in chunks of our length.
struct Incoming {
    body: ByteStream,
    left: Bytes,
    is_over: bool,
}

impl Incoming {
    /// Moves up to `bytes` bytes into the spool. What came before an error is in it.
    async fn fill(&mut self, spool: &mut Spool, bytes: u64) -> Result<(), Problem> {
        while spool.bytes() < bytes {
            if self.left.is_empty() {
                match self.body.next().await {
                    Some(piece) => {
                        let piece = piece.map_err(|error| {
                            self.is_over = true;
                            broken_off(&error)
                        })?;
                        self.left = piece;
                    }
                    None => {
                        self.is_over = true;
                        return Ok(());
                    }
                }
            }
            let room = usize::try_from(bytes - spool.bytes()).unwrap_or(usize::MAX);
            spool.write(self.left.split_to(self.left.len().min(room))).await.map_err(away)?;
        }
        Ok(())
    }

    /// Whether bytes are left behind the last that has a place.
    async fn has_more(&mut self) -> Result<bool, Problem> {
        while self.left.is_empty() && !self.is_over {
            match self.body.next().await {
                Some(Ok(piece)) => self.left = piece,
                Some(Err(error)) => return Err(broken_off(&error)),
                None => self.is_over = true,
            }
        }
        Ok(!self.left.is_empty())
    }
}

/// What ended a body: its sender, or the store that it is read from.
fn broken_off(error: &std::io::Error) -> Problem {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<PortError>());
    inner.cloned().unwrap_or_else(|| interrupted(error)).into()
}

fn too_long(upload: &Upload) -> Problem {
    let detail = format!("the upload {} has no room for so many bytes", upload.upload_id);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_bytes", detail)
}

/// The number and the length of the chunk that comes next, or of the one behind it, if one does.
fn next_chunk(upload: &Upload, is_behind: bool) -> Option<(u32, u64)> {
    let kept = upload.chunks.iter().take_while(|chunk| chunk.uploaded).count();
    let kept = kept + usize::from(is_behind);
    match upload.chunks.get(kept) {
        Some(chunk) => Some((chunk.chunk_number, chunk.chunk_size)),
        None if upload.deferred == Some(true) => {
            Some((u32::try_from(kept + 1).unwrap_or(u32::MAX), CHUNK_BYTES))
        }
        None => None,
    }
}

/// Puts the tail, if there is one, into the spool: what comes goes behind it.
async fn refill(api: &Api, upload: &Upload, spool: &mut Spool) -> Result<(), Problem> {
    let Some(tail) = upload.tail() else { return Ok(()) };
    let mut pieces = api.tools.objects.read(&tail.key, None).await?;
    while let Some(piece) = pieces.next().await {
        spool.write(piece.map_err(away)?).await.map_err(away)?;
    }
    Ok(())
}

pub fn away(error: std::io::Error) -> PortError {
    PortError::Unavailable(format!("bytes on their way: {error}"))
}

async fn keep_part(
    api: &Api,
    upload: Upload,
    number: u32,
    spool: Spool,
) -> Result<Upload, Problem> {
    let whole = spool.end().await.map_err(away)?;
    let part = api.tools.objects.put_file(&upload.transfer(), number, whole).await?;
    let kept = held(api, &upload, |upload, now| {
        upload.keep(&part, now);
        upload.tus.get_or_insert_default().tail = None;
    });
    let kept = kept.await?;
    let progress = live::of_upload(&upload, &kept);
    api.tools.live.announce(progress.as_slice()).await;
    forget_tail(api, upload.tail()).await;
    Ok(kept)
}

async fn keep_tail(api: &Api, upload: Upload, spool: Spool) -> Result<Upload, Problem> {
    let Ok(_memory) = TAILS.acquire().await else { return Ok(upload) };
    let whole = spool.end().await.map_err(away)?;
    let all = Bytes::from(tokio::fs::read(whole.file.path()).await.map_err(away)?);
    let offset = upload.offset() + whole.bytes - upload.tail().map_or(0, |tail| tail.bytes);
    // Another key each time: the one before stays until nobody reads it any more, and nobody else
    // writes to this one.
    let holder = upload.tus.as_ref().and_then(|tus| tus.holder.as_deref()).unwrap_or_default();
    let key = keys::tail(&upload.upload_id.0, holder, offset);
    let tail = Tail { key, bytes: whole.bytes };
    api.tools.objects.put(&tail.key, all, "application/octet-stream").await?;
    let kept = held(api, &upload, |upload, _| {
        upload.tus.get_or_insert_default().tail = Some(tail.clone());
    });
    match kept.await {
        Ok(kept) => {
            forget_tail(api, upload.tail()).await;
            Ok(kept)
        }
        // Somebody else goes on, or it has ended: nobody knows of this tail.
        Err(problem) if problem.is(StatusCode::LOCKED) => {
            forget_tail(api, Some(&tail)).await;
            Err(problem)
        }
        Err(problem) => Err(problem),
    }
}

async fn forget_tail(api: &Api, tail: Option<&Tail>) {
    let Some(tail) = tail else { return };
    if let Err(error) = api.tools.objects.delete(&tail.key).await {
        tracing::warn!(%error, key = tail.key, "a tail that is not needed any more is still there");
    }
}

/// Changes the upload, if this request still is the one that may.
async fn held(
    api: &Api,
    upload: &Upload,
    change: impl Fn(&mut Upload, DateTime) + Send + Sync,
) -> Result<Upload, Problem> {
    let holder = |upload: &Upload| upload.tus.as_ref().and_then(|tus: &Tus| tus.holder.clone());
    let (ours, idle) = (holder(upload), api.limits.idle);
    let (uploads, clock) = (&*api.tools.uploads, &*api.tools.clock);
    let written = intake::change(uploads, clock, &upload.upload_id, |upload, now| {
        if upload.is_receiving() && holder(upload) == ours {
            change(upload, now);
            // A part of a file that is done waits for its siblings.
            let is_done = upload.is_partial() && upload.has_all_by_tus();
            let end = if is_done { upload.last_expiry() } else { upload.expiry(now, idle) };
            upload.expires_at = upload.expires_at.max(end);
        }
    });
    let written = written.await?;
    if written.is_receiving() && holder(&written) == ours {
        return Ok(written);
    }
    let detail = "another request has taken the upload over, or it has ended";
    Err(Problem::new(StatusCode::LOCKED, "taken_over", detail))
}
