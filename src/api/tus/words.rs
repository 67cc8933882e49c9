//! The headers of the protocol.

use std::collections::HashMap;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::api::problem::Problem;

/// The only version there is.
pub const VERSION: &str = "1.0.0";

/// Refuses who speaks another version.
pub fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    if text(headers, "tus-resumable") == Some(VERSION) {
        return Ok(());
    }
    let detail = format!("the header Tus-Resumable is not {VERSION}");
    Err(Problem::new(StatusCode::PRECONDITION_FAILED, "tus_version", detail))
}

/// Every answer says which version it is of.
pub fn versioned(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert("tus-resumable", HeaderValue::from_static(VERSION));
    response
}

/// A header as text.
pub fn text<'headers>(headers: &'headers HeaderMap, name: &str) -> Option<&'headers str> {
    headers.get(name)?.to_str().ok()
}

/// A header as a whole number; `None` without it.
pub fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|value| value.parse().ok());
    number.map(Some).ok_or_else(|| {
        Problem::bad("bad_header", format!("the header {name} is not a whole number from 0"))
    })
}

/// The pairs of `Upload-Metadata`: names, and values in base64.
pub fn metadata(header: &str) -> Result<HashMap<String, String>, Problem> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = String::from_utf8(BASE64_STANDARD.decode(value.trim()).ok()?).ok()?;
        Some((name.to_owned(), value))
    };
    let pairs = header.split(',').map(str::trim).filter(|said| !said.is_empty());
    pairs.map(pair).collect::<Option<_>>().ok_or_else(|| {
        let detail = "the header Upload-Metadata is no list of names and texts in base64";
        Problem::bad("bad_metadata", detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_names_with_texts_in_base64() {
        let pairs = metadata("filename cGhvdG8uanBn, is_private ,eventId MQ==").unwrap();

        let value = |name: &str| pairs.get(name).map(String::as_str);
        assert_eq!(value("filename"), Some("photo.jpg"));
        assert_eq!((value("is_private"), value("eventId")), (Some(""), Some("1")));
        assert!(metadata("filename no-base64!").is_err());
        assert!(metadata("").unwrap().is_empty());
    }
}
