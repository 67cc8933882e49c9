//! A file that was sent as several uploads side by side.

use axum::http::{HeaderMap, StatusCode};
use futures_util::StreamExt;
use jobs::{intake, model::Upload, ports::ByteStream};

use super::{create::announce, ours, write};
use crate::api::{Api, caller::Caller, problem::Problem};

/// Uploads that one file is made of.
const MOST: usize = 100;

/// Makes one upload of those that `of` names, in their order.
pub async fn join(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    of: &str,
) -> Result<Upload, Problem> {
    let mut partials = Vec::new();
    for address in of.split_ascii_whitespace() {
        let id = address.rsplit('/').next().unwrap_or(address);
        let partial = ours(api, caller, id.to_owned()).await?;
        let is_whole = partial.deferred.is_none() && partial.offset() == partial.size;
        if !partial.is_partial() || !partial.is_receiving() || !is_whole {
            let detail = format!("{id} is no part of a file, or not whole yet");
            return Err(Problem::new(StatusCode::CONFLICT, "part_not_whole", detail));
        }
        partials.push(partial);
    }
    if !(1..=MOST).contains(&partials.len()) {
        let detail = format!("the header Upload-Concat names {}, not 1 to {MOST}", partials.len());
        return Err(Problem::bad("bad_header", detail));
    }
    let bytes: u64 = partials.iter().map(|partial| partial.size).sum();
    write::fits(api, bytes)?;
    let upload = announce(api, caller, headers, Some(bytes)).await?;
    let mut body: ByteStream = Box::pin(futures_util::stream::empty());
    for partial in &partials {
        let (transfer, parts) = (partial.transfer(), partial.parts().unwrap_or_default());
        let kind = &partial.mime_type;
        api.tools.objects.assemble(&transfer, &parts, kind, &api.tools.progress).await?;
        let bytes = api.tools.objects.read(&transfer.key(), None).await?;
        body = Box::pin(body.chain(bytes));
    }
    let upload = write::take_over(api, &upload, 0, None).await?;
    let upload = write::append(api, upload, Some(bytes), body).await?;
    for partial in &partials {
        if let Err(error) = intake::cancel(&api.intake, &partial.upload_id).await {
            // It expires by itself.
            tracing::warn!(%error, upload.id = %partial.upload_id, "a part is still there");
        }
    }
    Ok(upload)
}
