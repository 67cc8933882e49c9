//! `media_albums` over the document port.

use async_trait::async_trait;
use jobs::{
    model::{Album, AlbumId},
    ports::{Albums, PortError},
};

use super::{Records, collections::MEDIA_ALBUMS, read};

#[async_trait]
impl Albums for Records {
    async fn album(&self, id: AlbumId) -> Result<Option<Album>, PortError> {
        let found = self.store.get(&MEDIA_ALBUMS, &id.into()).await?;
        found.map(|document| read(document, "media_albums")).transpose()
    }
}
