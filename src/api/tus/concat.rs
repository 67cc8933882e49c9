//! A file that was sent as several uploads side by side.

use axum::http::{HeaderMap, StatusCode};
use futures_util::{StreamExt, TryStreamExt, stream};
use jobs::{
    intake,
    model::Upload,
    ports::{ByteStream, PortError},
    tools::Tools,
};
use sha2::{Digest, Sha256};

use super::{create::announce, named, offset, write};
use crate::api::{Api, caller::Caller, problem::Problem, uploads::refuse_late};

/// Uploads that one file is made of.
const MOST: usize = 100;

/// Makes one upload of those that `of` names, in their order. Asked again, it is the same upload.
pub async fn join(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    of: &str,
) -> Result<Upload, Problem> {
    let mut partials = Vec::new();
    for address in of.split_ascii_whitespace() {
        let id = address.rsplit('/').next().unwrap_or(address);
        let partial = named(api, caller, id.to_owned()).await?;
        let is_whole = partial.deferred.is_none() && offset(&partial) == partial.size;
        if !partial.is_partial() || !is_whole {
            return Err(not_whole(id));
        }
        partials.push(partial);
    }
    if !(1..=MOST).contains(&partials.len()) {
        let detail = format!("the header Upload-Concat names {}, not 1 to {MOST}", partials.len());
        return Err(Problem::bad("bad_header", detail));
    }
    let bytes: u64 = partials.iter().map(|partial| partial.size).sum();
    api.limits.fit(bytes)?;
    let upload = announce(api, caller, headers, Some(bytes), Some(key_of(&partials))).await?;
    refuse_late(api, &upload)?;
    if !upload.is_receiving() {
        // It has been put together before, and the answer was lost.
        forget(api, &partials).await;
        return Ok(upload);
    }
    // Parts that have ended are gone, whatever their records say of their length.
    if let Some(gone) = partials.iter().find(|partial| !partial.is_receiving()) {
        return Err(not_whole(&gone.upload_id.0));
    }
    let from = upload.offset();
    let upload = write::take_over(api, &upload, from, None).await?;
    let mut whole = Vec::new();
    for partial in &partials {
        whole.push(intake::end_tail(&api.intake, partial).await?);
    }
    let body = chained(api.tools.clone(), whole, from);
    let upload = write::append(api, upload, Some(bytes - from), body).await?;
    if upload.is_receiving() {
        let detail = "the parts could not be read whole, try again";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail));
    }
    forget(api, &partials).await;
    Ok(upload)
}

/// Their bytes are in the whole.
async fn forget(api: &Api, partials: &[Upload]) {
    for partial in partials.iter().filter(|partial| partial.is_receiving()) {
        if let Err(error) = intake::cancel(&api.intake, &partial.upload_id).await {
            // It expires by itself.
            tracing::warn!(%error, upload.id = %partial.upload_id, "a part is still there");
        }
    }
}

fn not_whole(id: &str) -> Problem {
    let detail = format!("{id} is no part of a file, or not whole yet");
    Problem::conflict("part_not_whole", detail)
}

/// The idempotency key of a file that is put together of these.
fn key_of(partials: &[Upload]) -> String {
    let mut hash = Sha256::new();
    for Upload { upload_id, .. } in partials {
        hash.update(format!("{upload_id}\n"));
    }
    format!("tus:{}", hex::encode(hash.finalize()))
}

/// The bytes of one after the other, without the first `skipped`; each is opened when it is its
/// turn.
fn chained(tools: Tools, partials: Vec<Upload>, skipped: u64) -> ByteStream {
    let mut begin = 0;
    let ranges: Vec<_> = partials
        .into_iter()
        .filter_map(|partial| {
            let skip = skipped.saturating_sub(begin).min(partial.size);
            begin += partial.size;
            (skip < partial.size).then_some((partial, skip))
        })
        .collect();
    let opened = stream::iter(ranges).then(move |(partial, skip)| {
        let tools = tools.clone();
        async move { open(&tools, &partial, skip).await.map_err(std::io::Error::other) }
    });
    Box::pin(opened.try_flatten())
}

async fn open(tools: &Tools, partial: &Upload, skip: u64) -> Result<ByteStream, PortError> {
    let missing = || PortError::Conflict(format!("the part {} is not whole", partial.upload_id));
    let (transfer, parts) = (partial.transfer(), partial.parts().ok_or_else(missing)?);
    let objects = &tools.objects;
    objects.assemble(&transfer, &parts, &partial.mime_type, &tools.progress).await?;
    objects.read(&transfer.key(), Some(skip..partial.size)).await
}
