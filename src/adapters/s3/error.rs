//! What the store's errors mean.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jobs::ports::PortError;

/// Not there, or not any more.
const MISSING: [&str; 5] =
    ["NoSuchKey", "NoSuchUpload", "NotFound", "InvalidPart", "InvalidPartOrder"];
/// The bytes are not those that were said.
const MISMATCH: [&str; 4] =
    ["BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"];
/// The way to the store is not as it should be: it heals when somebody mends it, and a job that
/// needs the store must not die of it.
const SETUP: [&str; 7] = [
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "NoSuchBucket",
    "ExpiredToken",
    "RequestTimeTooSkewed",
    "PermanentRedirect",
];

/// What an error of a call about `what` means.
pub(super) fn fault<E>(what: &str, error: SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().unwrap_or_default().to_owned();
    let said = error.message().map_or_else(|| chain(&error), str::to_owned);
    let message = format!("the object store, asked for {what}: {code} {said}");
    match (code.as_str(), status) {
        (code, _) if MISSING.contains(&code) => PortError::Missing(message),
        (code, _) if MISMATCH.contains(&code) => PortError::refused("digest_mismatch", message),
        (code, _) if SETUP.contains(&code) => PortError::Unavailable(message),
        (_, Some(409 | 412)) => PortError::Conflict(message),
        (_, Some(408 | 429)) => PortError::Unavailable(message),
        // Without a code it is not the store's own word.
        (_, Some(403)) | ("", Some(404)) => PortError::Unavailable(message),
        (code, Some(400..=499)) => PortError::refused(format!("s3_{code}"), message),
        _ => PortError::Unavailable(message),
    }
}

/// The same for calls whose answer may be that there is no such thing, with or without a word.
pub(super) fn absent<E>(what: &str, error: SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let code = error.code().unwrap_or_default();
    let is_setup = SETUP.contains(&code);
    let status = error.raw_response().map(|response| response.status().as_u16());
    if status == Some(404) && !is_setup {
        return PortError::Missing(format!("{what} does not exist in the object store"));
    }
    fault(what, error)
}

/// The library's errors say little by themselves, and the rest in their sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        said = format!("{said}: {error}");
        source = error.source();
    }
    said
}

/// A disk that is full or gone may come back.
pub(super) fn away(error: &std::io::Error, doing: &str) -> PortError {
    PortError::Unavailable(format!("{doing} failed: {error}"))
}
