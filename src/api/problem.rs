//! Refusals as RFC 9457 problem documents with a stable `code`.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jobs::ports::PortError;
use serde_json::{Map, Value, json};

/// A refusal.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: String,
    detail: String,
    more: Map<String, Value>,
}

impl Problem {
    /// A refusal with this status, code and sentence.
    pub fn new(status: StatusCode, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), detail: detail.into(), more: Map::new() }
    }

    /// The request is malformed.
    pub fn bad(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// The request is well-formed but cannot be done.
    pub fn unprocessable(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// The state of the thing does not allow it.
    pub fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// There is no such thing, or not for this caller: the answer is the same.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    /// Whether it has this status.
    pub fn is(&self, status: StatusCode) -> bool {
        self.status == status
    }

    /// Its code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The same, under another status.
    pub fn at(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// With one more member.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Unavailable(message) | PortError::Busy { message, .. } => {
                tracing::warn!(error = message, "a store is away");
                let detail = "a store is away for the moment, try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            }
            PortError::Conflict(message) => Self::conflict("conflict", message),
            PortError::Missing(message) => Self::new(StatusCode::NOT_FOUND, "not_found", message),
            PortError::Refused { code, message } => Self::new(status_of(&code), code, message),
        }
    }
}

/// The status that belongs to a port's refusal.
fn status_of(code: &str) -> StatusCode {
    match code {
        "chunk_size" | "body_interrupted" => StatusCode::BAD_REQUEST,
        "upload_cancelled" | "upload_expired" | "upload_failed" | "upload_ended" => {
            StatusCode::CONFLICT
        }
        job if job.starts_with("job_") => StatusCode::CONFLICT,
        "malformed_document" | "bad_key" | "bad_path" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if let Some(body) = body.as_object_mut() {
            body.extend(self.more);
        }
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body.to_string()).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
