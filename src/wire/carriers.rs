//! Those who carry messages to people, by the settings.

use jobs::seals::Seals;

use crate::config::Config;

/// What tokens in pushes and mails are sealed with: good as long as this process lives, without a
/// secret that all processes share.
pub fn seals(config: &Config) -> Seals {
    match config.auth.token_secret.text() {
        Some(secret) => Seals::new(secret.as_bytes()),
        None => Seals::new(
            &[uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()].concat(),
        ),
    }
}
