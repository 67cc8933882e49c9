//! Takes in the notifications that other services put as plain documents.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jobs::{
    delivery::{self, Needs},
    ports::{Arrivals, PortError},
};
use tokio::sync::Notify;

/// The notifications of others.
pub struct Notices {
    needs: Needs,
    bell: Notify,
    is_told: AtomicBool,
}

impl Notices {
    /// Of a store that others write to (`is_shared`), or one that nobody else has.
    pub fn new(needs: Needs, is_shared: bool) -> Self {
        Self { needs, bell: Notify::new(), is_told: AtomicBool::new(!is_shared) }
    }
}

#[async_trait]
impl Arrivals for Notices {
    async fn take_in(&self, limit: u32) -> Result<u64, PortError> {
        delivery::take_in(&self.needs, limit).await
    }

    async fn arrived(&self) {
        self.bell.notified().await;
    }

    fn announce(&self) {
        self.bell.notify_one();
    }

    fn rung_for(&self, is_so: bool) {
        self.is_told.store(is_so, Ordering::Relaxed);
    }

    fn is_rung_for(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }
}
