//! `users` over the document port.

use async_trait::async_trait;
use jobs::{
    model::{User, UserId},
    ports::{PortError, Users},
};

use super::{Records, collections::USERS, diff::diff, read, write};
use crate::adapters::documents::Guard;

const WHAT: &str = "users";

#[async_trait]
impl Users for Records {
    async fn user(&self, id: UserId) -> Result<Option<User>, PortError> {
        let found = self.store.get(&USERS, &id.into()).await?;
        found.map(|document| read(document, WHAT)).transpose()
    }

    async fn put(&self, user: &User) -> Result<(), PortError> {
        let document = write(user, WHAT)?;
        for _ in 0..4 {
            let Some(old) = self.store.get(&USERS, &user.id.into()).await? else {
                match self.store.insert(&USERS, document.clone()).await {
                    Err(PortError::Conflict(_)) => continue,
                    answer => return answer,
                }
            };
            let change = diff(&old, &document);
            if change.is_empty() {
                return Ok(());
            }
            let written = self.store.patch(&USERS, &user.id.into(), Guard::none(), change).await?;
            if written.is_some() {
                return Ok(());
            }
        }
        Err(PortError::Conflict(format!("the user {} is written by too many at once", user.id)))
    }
}
