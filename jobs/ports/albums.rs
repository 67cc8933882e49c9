//! Albums of events, which the API services keep.

use async_trait::async_trait;

use super::PortError;
use crate::model::{Album, AlbumId};

/// The collection `media_albums`, in the product's words.
#[async_trait]
pub trait Albums: Send + Sync {
    /// The album with this id, if there is one.
    async fn album(&self, id: AlbumId) -> Result<Option<Album>, PortError>;
}
