//! Jobs that other services put as plain documents `{kind, args, state: "new"}`.

use async_trait::async_trait;

use super::PortError;

/// What came in past the API.
#[async_trait]
pub trait Arrivals: Send + Sync {
    /// Fills in what new jobs lack and makes them ready, at most `limit`; how many. A job that
    /// nobody can run is dead: one of an unknown kind, with odd arguments, or whose `_id` is no
    /// ObjectId. One that gets a key here that is taken is done.
    async fn take_in(&self, limit: u32) -> Result<u64, PortError>;

    /// Waits until somebody rings. A hint: what nobody rings for is found by looking.
    async fn arrived(&self);

    /// Wakes whoever waits in [`Arrivals::arrived`], or the next one who does.
    fn announce(&self);

    /// From now on somebody does, or does not, ring for all that comes in.
    fn rung_for(&self, is_so: bool);

    /// Whether somebody rings for all that comes in.
    fn is_rung_for(&self) -> bool;
}
