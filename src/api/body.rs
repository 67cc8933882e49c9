//! Request bodies and parameters, refused in the user's words.

use std::{io, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{StatusCode, Uri, header, request::Parts},
};
use bytes::Bytes;
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
        let bytes = whole(request.into_body(), JSON_BYTES).await?;
        // A list in the order of the fields would be taken for the object as well.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::bad("bad_json", "the body is no JSON object: {\"...\": ...}"));
        }
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(Problem::bad("bad_json", format!("the body: {error}"))),
        }
    }
}

/// All bytes of a body, at most so many.
pub async fn whole(body: Body, most: usize) -> Result<Bytes, Problem> {
    let read = axum::body::to_bytes(body, most);
    let bytes = tokio::time::timeout(BODY_SILENCE, read).await;
    bytes.ok().and_then(Result::ok).ok_or_else(|| {
        let detail = format!("the body did not arrive whole or has more than {most} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    })
}

/// Parameters behind the question mark.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let bad = |detail: String| Problem::bad("bad_parameter", format!("the address: {detail}"));
        // The token is taken elsewhere, and may stand in every address.
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        let ours: Vec<&str> = pairs.filter(|pair| !pair.starts_with("token=")).collect();
        let ours = format!("/?{}", ours.join("&")).parse::<Uri>();
        match Query::try_from_uri(&ours.map_err(|error| bad(error.to_string()))?) {
            Ok(Query(value)) => Ok(Self(value)),
            Err(error) => {
                let why = std::error::Error::source(&error);
                Err(bad(why.map_or_else(|| error.to_string(), ToString::to_string)))
            }
        }
    }
}

/// Refuses an id of another service that cannot be one: those are counted from 1.
pub fn counted(name: &str, id: i64) -> Result<(), Problem> {
    if id >= 1 {
        return Ok(());
    }
    Err(Problem::bad("bad_parameter", format!("{name} is not a whole number from 1")))
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
/// What is no such header, or nearly ours, is refused: its sender counts on the check.
pub fn content_digest(headers: &header::HeaderMap) -> Result<Option<String>, Problem> {
    let bad = || {
        let detail = "the header Content-Digest is not of the form sha-256=:BASE64:";
        Problem::bad("bad_digest_header", detail)
    };
    let mut ours = None;
    for value in headers.get_all("content-digest") {
        for member in value.to_str().map_err(|_| bad())?.split(',') {
            match digest_of(member.trim()).ok_or_else(bad)? {
                ("sha-256", digest) if digest.len() == 32 && ours.is_none() => ours = Some(digest),
                ("sha-256", _) => return Err(bad()),
                // Digests of other kinds are allowed beside ours; we cannot check them.
                _ => {}
            }
        }
    }
    Ok(ours.map(hex::encode))
}

/// The kind and the bytes of one digest, `kind=:BASE64:`.
fn digest_of(member: &str) -> Option<(&str, Vec<u8>)> {
    let (kind, digest) = member.split_once('=')?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.*".contains(c);
    let nearly_ours = kind != "sha-256" && kind.replace(['-', '_', '.', '*'], "") == "sha256";
    if kind.is_empty() || !kind.chars().all(plain) || nearly_ours {
        return None;
    }
    let inner = digest.strip_prefix(':')?.strip_suffix(':')?;
    let engine = base64::engine::general_purpose::STANDARD;
    Some((kind, base64::Engine::decode(&engine, inner).ok()?))
}
