//! `activity_logs` over the document port.

use async_trait::async_trait;
use jobs::{
    model::Activity,
    ports::{Activities, PortError},
};

use super::{Records, collections::ACTIVITY_LOGS, write};

#[async_trait]
impl Activities for Records {
    async fn note(&self, activity: &Activity) -> Result<(), PortError> {
        match self.store.insert(&ACTIVITY_LOGS, write(activity, "activity_logs")?).await {
            Err(PortError::Conflict(_)) => Ok(()),
            answer => answer,
        }
    }
}
