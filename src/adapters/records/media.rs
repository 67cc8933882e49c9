//! `event_media` over the document port.

use async_trait::async_trait;
use bson::{Bson, DateTime, Document};
use jobs::{
    model::{Media, MediaId, ProcessingStatus},
    ports::{MediaFilter, MediaPage, MediaStore, PicturedPage, PicturedPlace, PortError},
};

use super::{Records, collections::EVENT_MEDIA, diff::diff, read, readable, write};
use crate::adapters::documents::{Edge, Guard, Query, Test};

const WHAT: &str = "event_media";

#[async_trait]
impl MediaStore for Records {
    async fn create(&self, media: &Media) -> Result<(), PortError> {
        match self.store.insert(&EVENT_MEDIA, write(media, WHAT)?).await {
            Err(PortError::Conflict(_)) => Ok(()),
            answer => answer,
        }
    }

    async fn media(&self, id: MediaId) -> Result<Media, PortError> {
        let found = self.store.get(&EVENT_MEDIA, &id.into()).await?;
        let missing = || PortError::Missing(format!("the medium {id} does not exist"));
        read(found.ok_or_else(missing)?, WHAT)
    }

    async fn update(&self, before: &Media, mut after: Media) -> Result<Media, PortError> {
        let seen = before.rev();
        if let Some(processing) = &mut after.processing {
            processing.rev = seen.saturating_add(1);
        }
        let change = diff(&write(before, WHAT)?, &write(&after, WHAT)?);
        let guard = Guard::none().eq("processing.rev", seen);
        let written = self.store.patch(&EVENT_MEDIA, &before.id.into(), guard, change).await?;
        let lost =
            || PortError::Conflict(format!("the medium {} was written meanwhile", before.id));
        read(written.ok_or_else(lost)?, WHAT)
    }

    async fn list(&self, filter: MediaFilter) -> Result<MediaPage, PortError> {
        let mut guard = Guard::none().eq("isDeleted", false);
        if let Some(status) = filter.status {
            guard = guard.eq("processingStatus", status_name(status)?);
        }
        if let Some(file_type) = filter.file_type {
            guard = guard.eq("fileType", to_bson(&file_type)?);
        }
        let newest = |limit| Query::over("eventId_page", limit).at(filter.event_id);
        let mut found = Vec::new();
        let mut rest = newest(filter.limit);
        if let Some((at, id)) = filter.after {
            // First those of the very same millisecond, in the order of their ids.
            let same = newest(filter.limit).at(at).below(id);
            found = self.store.find(&EVENT_MEDIA, same.such_that(guard.clone())).await?;
            rest = rest.below(at);
        }
        rest.limit = rest.limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        if rest.limit > 0 {
            found.extend(self.store.find(&EVENT_MEDIA, rest.such_that(guard)).await?);
        }
        let more = found.len() >= filter.limit as usize;
        Ok(MediaPage { media: all(found), more })
    }

    async fn waiting(
        &self,
        status: ProcessingStatus,
        before: DateTime,
        limit: u32,
    ) -> Result<Vec<Media>, PortError> {
        let query = Query::over("processing_status", limit).at(status_name(status)?).below(before);
        let guard = Guard::none().and("processing.rev", Test::Exists(true));
        let found = self.store.find(&EVENT_MEDIA, query.such_that(guard)).await?;
        Ok(all(found))
    }

    async fn pictured_before(
        &self,
        version: u32,
        after: Option<PicturedPlace>,
        limit: u32,
    ) -> Result<PicturedPage, PortError> {
        let guard = Guard::none().and("processing.rev", Test::Exists(true)).eq("isDeleted", false);
        let pictured =
            |limit| Query::over("thumbnail_recipe", limit).at(true).such_that(guard.clone());
        // First those of the very same version, in the order of their ids.
        let of = after.and_then(|place| place.version);
        let from = after.map_or(Edge::Open, |place| Edge::Excluding(place.id.into()));
        let same = Query { from, ..pictured(limit).at(of.map_or(Bson::Null, Bson::from)) };
        let mut found = self.store.find(&EVENT_MEDIA, same).await?;
        let rest = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        if rest > 0 {
            let from = of.map_or(Edge::Open, |of| Edge::Excluding(of.into()));
            let newer = Query { from, ..pictured(rest).below(version) };
            found.extend(self.store.find(&EVENT_MEDIA, newer).await?);
        }
        let is_full = found.len() >= limit as usize;
        let next = found.last().filter(|_| is_full).and_then(place);
        let media = found.iter().filter_map(place).map(|place| place.id).collect();
        Ok(PicturedPage { media, next })
    }
}

/// The field that says by which recipe pictures were made.
const VERSION: &str = "recipeVersion";

/// Where a document stands in the index `thumbnail_recipe`; of one that is odd, nobody knows.
fn place(found: &Document) -> Option<PicturedPlace> {
    let id = MediaId(found.get_object_id("_id").ok()?);
    let steps = found.get_document("processingSteps").ok()?;
    let version = steps.get_document("thumbnailGeneration").ok()?.get(VERSION);
    let version = match version {
        Some(Bson::Int32(version)) => u32::try_from(*version).ok(),
        Some(Bson::Int64(version)) => u32::try_from(*version).ok(),
        _ => None,
    };
    Some(PicturedPlace { version, id })
}

fn all(found: Vec<Document>) -> Vec<Media> {
    found.into_iter().filter_map(|document| readable(document, WHAT)).collect()
}

fn status_name(status: ProcessingStatus) -> Result<bson::Bson, PortError> {
    to_bson(&status)
}

fn to_bson(value: &impl serde::Serialize) -> Result<bson::Bson, PortError> {
    bson::serialize_to_bson(value)
        .map_err(|error| PortError::refused("malformed_document", error.to_string()))
}
