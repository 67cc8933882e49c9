//! Request bodies and parameters, refused in the user's words.

use std::{io, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{StatusCode, header, request::Parts},
};
use futures_util::StreamExt;
use jobs::ports::ByteStream;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// Longest JSON body that is read, in bytes.
const JSON_BYTES: usize = 64 << 10;

/// A body that brings nothing for so long is given up: a phone in a tunnel comes back and repeats
/// its chunk.
const BODY_SILENCE: Duration = Duration::from_secs(60);

/// A JSON body.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let read = axum::body::to_bytes(request.into_body(), JSON_BYTES);
        let bytes = tokio::time::timeout(BODY_SILENCE, read).await;
        let bytes = bytes.ok().and_then(Result::ok).ok_or_else(|| {
            let detail =
                format!("the body did not arrive whole or has more than {JSON_BYTES} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
        })?;
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(Problem::bad("bad_json", format!("the body: {error}"))),
        }
    }
}

/// Parameters behind the question mark.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Self(value)),
            Err(error) => {
                let detail = std::error::Error::source(&error)
                    .map_or_else(|| error.to_string(), ToString::to_string);
                Err(Problem::bad("bad_parameter", format!("the address: {detail}")))
            }
        }
    }
}

/// The body as it comes, given up when it stands still.
pub fn stream(body: Body) -> ByteStream {
    let bytes = body.into_data_stream();
    Box::pin(futures_util::stream::unfold(Some(bytes), |bytes| async {
        let mut bytes = bytes?;
        match tokio::time::timeout(BODY_SILENCE, bytes.next()).await {
            Ok(Some(Ok(piece))) => Some((Ok(piece), Some(bytes))),
            Ok(Some(Err(error))) => Some((Err(io::Error::other(error)), None)),
            Ok(None) => None,
            Err(_) => Some((Err(io::Error::other("no bytes came for a minute")), None)),
        }
    }))
}

/// The announced length, if any.
pub fn content_length(headers: &header::HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The header `Idempotency-Key`, if there is one.
pub fn idempotency_key(headers: &header::HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= 200);
    key.map(Some).ok_or_else(|| {
        let detail = "the header Idempotency-Key is not 1 to 200 plain characters";
        Problem::bad("bad_idempotency_key", detail)
    })
}

/// The SHA-256 of `Content-Digest: sha-256=:...:` (RFC 9530) in lower-case hex, if there is one.
pub fn content_digest(headers: &header::HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("content-digest") else { return Ok(None) };
    let bad = || {
        let detail = "the header Content-Digest is not of the form sha-256=:BASE64:";
        Problem::bad("bad_digest_header", detail)
    };
    let value = value.to_str().map_err(|_| bad())?;
    let mut members = value.split(',').map(str::trim);
    let Some(ours) = members.find_map(|member| member.strip_prefix("sha-256=")) else {
        // Digests of other kinds are allowed beside ours; we cannot check them.
        return Ok(None);
    };
    let inner = ours.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).ok_or_else(bad)?;
    let engine = base64::engine::general_purpose::STANDARD;
    let digest = base64::Engine::decode(&engine, inner).map_err(|_| bad())?;
    if digest.len() == 32 { Ok(Some(hex::encode(digest))) } else { Err(bad()) }
}
