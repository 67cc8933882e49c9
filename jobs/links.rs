//! Where readers find what was published.

use crate::model::{Media, MediaId, Visibility};

/// Makes the addresses that stand in documents.
#[derive(Debug, Clone)]
pub struct Links {
    /// Scheme, host and port under which readers reach the API, without a slash at the end.
    pub public_url: String,
    /// The same of a CDN that reads the bucket and lets everybody in.
    pub cdn: Option<String>,
}

impl Links {
    /// The medium itself.
    pub fn file(&self, id: MediaId) -> String {
        format!("{}/v1/media/{id}/file", self.public_url)
    }

    /// Where everybody may read the object of a medium without asking the API.
    pub fn open(&self, media: &Media, key: &str) -> Option<String> {
        let is_open = media.visibility == Visibility::Public && media.downloadable;
        let cdn = self.cdn.as_ref().filter(|_| is_open)?;
        Some(format!("{cdn}/{key}"))
    }

    /// Gives readers the addresses of the small pictures.
    pub fn address(&self, media: &mut Media) {
        let id = media.id;
        for thumbnail in &mut media.thumbnails {
            thumbnail.url = Some(self.thumbnail(id, &thumbnail.name));
        }
        media.thumbnail_url = media.thumbnails.first().and_then(|smallest| smallest.url.clone());
    }

    /// One of its small pictures.
    pub fn thumbnail(&self, id: MediaId, name: &str) -> String {
        format!("{}/v1/media/{id}/thumbnails/{name}", self.public_url)
    }
}
