//! Where readers find what was published.

use crate::model::MediaId;

/// Makes the addresses that stand in documents.
#[derive(Debug, Clone)]
pub struct Links {
    /// Scheme, host and port under which readers reach the API, without a slash at the end.
    pub public_url: String,
}

impl Links {
    /// The medium itself.
    pub fn file(&self, id: MediaId) -> String {
        format!("{}/v1/media/{id}/file", self.public_url)
    }

    /// One of its small pictures.
    pub fn thumbnail(&self, id: MediaId, name: &str) -> String {
        format!("{}/v1/media/{id}/thumbnails/{name}", self.public_url)
    }
}
