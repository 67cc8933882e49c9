//! Documents as JSON: ids as hex, times as RFC 3339, numbers as numbers.

pub use jobs::json::object;
use serde::Serialize;
use serde_json::Value;

use super::problem::Problem;

/// A document of the model as readers see it; the worker's own part is left out.
pub fn document<T: Serialize>(of: &T) -> Result<Value, Problem> {
    let mut document = bson::serialize_to_document(of).map_err(|error| {
        let code = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
        Problem::new(code, "malformed_document", error.to_string())
    })?;
    document.remove("processing");
    document.remove("rev");
    Ok(object(document))
}
