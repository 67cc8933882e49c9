//! How a person is reached: devices, wishes, and addresses that bounce.

use async_trait::async_trait;
use bson::DateTime;

use super::PortError;
use crate::model::{Channel, Device, DeviceId, DeviceState, Preferences, UserId};

/// The collections `devices`, `preferences` and `suppressions`, in the product's words.
#[async_trait]
pub trait Contacts: Send + Sync {
    /// The devices of a user, dead ones too, the last registered first; at most 100.
    async fn devices(&self, user: UserId) -> Result<Vec<Device>, PortError>;

    /// Keeps a device as its app says it is; one that was dead is alive again. The same token or
    /// endpoint under another user or id is forgotten: an app has one user at a time.
    async fn register(&self, device: &Device) -> Result<(), PortError>;

    /// Forgets a device; one that is not there is no error.
    async fn forget(&self, user: UserId, device: &DeviceId) -> Result<(), PortError>;

    /// Notes what a provider says of a device, unless its app has registered it since `device` was
    /// read.
    async fn judge(
        &self,
        device: &Device,
        state: DeviceState,
        now: DateTime,
    ) -> Result<(), PortError>;

    /// What a user wishes; everything at once, if nothing was said.
    async fn preferences(&self, user: UserId) -> Result<Option<Preferences>, PortError>;

    /// Replaces what a user wishes.
    async fn wish(&self, preferences: &Preferences) -> Result<(), PortError>;

    /// Notes that a user wants no more of this type by this channel; all other wishes stay.
    async fn decline(
        &self,
        user: UserId,
        kind: &str,
        channel: Channel,
        now: DateTime,
    ) -> Result<(), PortError>;

    /// Why nothing is sent to this address any more, if that is so.
    async fn suppression(&self, address: &str) -> Result<Option<String>, PortError>;

    /// Sends nothing to this address any more.
    async fn suppress(&self, address: &str, code: &str, now: DateTime) -> Result<(), PortError>;

    /// Sends to this address again; whether it was suppressed.
    async fn lift(&self, address: &str) -> Result<bool, PortError>;
}
