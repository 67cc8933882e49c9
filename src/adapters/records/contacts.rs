//! `devices`, `preferences` and `suppressions` over the document port.

use async_trait::async_trait;
use bson::{Bson, DateTime, Document, doc};
use jobs::{
    model::{Channel, Device, DeviceAddress, DeviceId, DeviceState, Preferences, UserId},
    ports::{Contacts, PortError},
};

use super::{
    Records,
    collections::{DEVICES, PREFERENCES, SUPPRESSIONS},
    read, readable, write,
};
use crate::adapters::documents::{Change, Collection, Guard, Query};

/// So many devices of one user are looked at; who has more has forgotten most of them.
const DEVICES_MOST: u32 = 100;
/// So often a document is written again when somebody else writes at the same time.
const TRIES: u32 = 4;

#[async_trait]
impl Contacts for Records {
    async fn devices(&self, user: UserId) -> Result<Vec<Device>, PortError> {
        let found = self.store.find(&DEVICES, Query::over("userId", DEVICES_MOST).at(user)).await?;
        Ok(found.into_iter().filter_map(|device| readable(device, DEVICES.name)).collect())
    }

    async fn register(&self, device: &Device) -> Result<(), PortError> {
        self.replace(&DEVICES, write(device, DEVICES.name)?).await?;
        let query = match &device.address {
            DeviceAddress::Fcm { token } => Query::over("token", DEVICES_MOST).at(token.as_str()),
            DeviceAddress::Webpush { subscription } => {
                Query::over("endpoint", DEVICES_MOST).at(subscription.endpoint.as_str())
            }
        };
        for same in self.store.find(&DEVICES, query).await? {
            let Some(id) = same.get("_id").filter(|id| id.as_str() != Some(&device.id)) else {
                continue;
            };
            let earlier = same.get("registeredAt").cloned().unwrap_or(Bson::Null);
            let unchanged = Guard::none().eq("registeredAt", earlier);
            self.store.delete(&DEVICES, id, unchanged).await?;
        }
        Ok(())
    }

    async fn forget(&self, user: UserId, device: &DeviceId) -> Result<(), PortError> {
        let id = Bson::from(Device::key(user, device));
        self.store.delete(&DEVICES, &id, Guard::none()).await.map(drop)
    }

    async fn judge(
        &self,
        device: &Device,
        state: DeviceState,
        now: DateTime,
    ) -> Result<(), PortError> {
        let as_read = Guard::none().eq("registeredAt", device.registered_at);
        let state = bson::serialize_to_bson(&state)
            .map_err(|error| PortError::refused("malformed_document", error.to_string()))?;
        let is_well = state.as_str() == Some("active");
        let change = Change::new().set("state", state);
        let change = if is_well { change.unset("struckAt") } else { change.set("struckAt", now) };
        let id = Bson::from(device.id.as_str());
        self.store.patch(&DEVICES, &id, as_read, change).await.map(drop)
    }

    async fn preferences(&self, user: UserId) -> Result<Option<Preferences>, PortError> {
        let found = self.store.get(&PREFERENCES, &user.into()).await?;
        found.map(|document| read(document, PREFERENCES.name)).transpose()
    }

    async fn wish(&self, preferences: &Preferences) -> Result<(), PortError> {
        self.replace(&PREFERENCES, write(preferences, PREFERENCES.name)?).await
    }

    async fn decline(
        &self,
        user: UserId,
        kind: &str,
        channel: Channel,
        now: DateTime,
    ) -> Result<(), PortError> {
        let path = format!("types.{kind}.{}", channel.as_str());
        let change = Change::new().set(path, false).set("updatedAt", now);
        let id = Bson::from(user);
        for _ in 0..TRIES {
            let written = self.store.patch(&PREFERENCES, &id, Guard::none(), change.clone());
            if written.await?.is_some() {
                return Ok(());
            }
            match self.store.insert(&PREFERENCES, doc! { "_id": user }).await {
                Ok(()) | Err(PortError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(PortError::Conflict(format!("the preferences of {user} are removed again and again")))
    }

    async fn suppression(&self, address: &str) -> Result<Option<String>, PortError> {
        let found = self.store.get(&SUPPRESSIONS, &folded(address)).await?;
        Ok(found.map(|found| found.get_str("code").unwrap_or("suppressed").to_owned()))
    }

    async fn suppress(&self, address: &str, code: &str, now: DateTime) -> Result<(), PortError> {
        let new = doc! { "_id": folded(address), "code": code, "at": now };
        match self.store.insert(&SUPPRESSIONS, new).await {
            // The first reason stays.
            Err(PortError::Conflict(_)) => Ok(()),
            answer => answer,
        }
    }

    async fn lift(&self, address: &str) -> Result<bool, PortError> {
        self.store.delete(&SUPPRESSIONS, &folded(address), Guard::none()).await
    }
}

impl Records {
    /// Makes `whole` of the document with its id, whatever it was.
    async fn replace(&self, of: &'static Collection, whole: Document) -> Result<(), PortError> {
        let id = whole.get("_id").cloned().unwrap_or(Bson::Null);
        for _ in 0..TRIES {
            let Some(old) = self.store.get(of, &id).await? else {
                match self.store.insert(of, whole.clone()).await {
                    Err(PortError::Conflict(_)) => continue,
                    answer => return answer,
                }
            };
            // Fields are replaced whole: what a map of wishes does not name any more is gone.
            let gone = old.keys().filter(|name| !whole.contains_key(name.as_str()));
            let change = gone.fold(Change::new(), |change, name| change.unset(name.clone()));
            let kept = whole.iter().filter(|(name, _)| *name != "_id");
            let change =
                kept.fold(change, |change, (name, value)| change.set(name.clone(), value.clone()));
            if self.store.patch(of, &id, Guard::none(), change).await?.is_some() {
                return Ok(());
            }
        }
        Err(PortError::Conflict(format!("{} {id} is written by too many at once", of.name)))
    }
}

/// Mail servers tell few addresses apart by their capitals, and people none.
fn folded(address: &str) -> Bson {
    address.trim().to_lowercase().into()
}
