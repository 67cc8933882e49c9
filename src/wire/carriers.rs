//! Those who carry messages to people, by the settings.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use jobs::{ports::Templates, seals::Seals};

use crate::{adapters::templates::Files, config::Config};

/// The words of notifications: the built-in ones, and before them those of this folder if there is
/// one.
pub fn templates(folder: &str) -> anyhow::Result<Arc<dyn Templates>> {
    let folder = Some(folder).filter(|folder| !folder.is_empty());
    let files = Files::open(folder.map(Path::new));
    Ok(Arc::new(files.context("notifications.templates_dir has faults")?))
}

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
