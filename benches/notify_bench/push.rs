//! Our own sender of pushes, without the rest of the service.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use bson::DateTime;
use clap::Args;
use iven_worker::adapters::{
    clock::SystemClock,
    fcm::{Fcm, FcmSettings},
};
use jobs::{
    model::{Device, DeviceAddress, DeviceId, DeviceState, UserId},
    ports::{Push, Pusher},
};
use serde_json::Value;

use crate::{account, rate};

#[derive(Debug, Args)]
pub struct Wish {
    #[arg(long)]
    port: u16,
    /// The certificate that it shows.
    #[arg(long)]
    ca: PathBuf,
    #[arg(long)]
    pushes: usize,
    /// How many are under way at once.
    #[arg(long)]
    at_once: usize,
}

/// Pushes a second, and processor time of one.
pub async fn measure(wish: &Wish) -> Value {
    let google = format!("https://127.0.0.1:{}", wish.port);
    let settings = FcmSettings {
        service_account: account(&format!("{google}/token")),
        endpoint: Some(google),
        token_uri: None,
        timeout: Duration::from_secs(15),
        extra_root_pem: Some(std::fs::read_to_string(&wish.ca).unwrap()),
    };
    let fcm = Arc::new(Fcm::new(&settings, Arc::new(SystemClock)).unwrap());
    fcm.check().await.unwrap();
    rate::measure(wish.pushes, wish.at_once, move |n| {
        let fcm = Arc::clone(&fcm);
        async move {
            fcm.send(&device(n), &push(n)).await.unwrap();
        }
    })
    .await
}

fn device(n: usize) -> Device {
    Device {
        id: format!("{n}:a"),
        user_id: UserId(1),
        device_id: DeviceId("a".to_owned()),
        address: DeviceAddress::Fcm { token: token(n) },
        state: DeviceState::Active,
        registered_at: DateTime::from_millis(0),
        struck_at: None,
    }
}

/// As long as Google's.
pub fn token(n: usize) -> String {
    format!("{n:022}:{}", "APA91b".repeat(23))
}

fn push(n: usize) -> Push {
    Push {
        tag: format!("{n:024x}"),
        title: "Invitation".to_owned(),
        body: "Arthur vous a invité à « Anniversaire Marie »".to_owned(),
        data: BTreeMap::from([
            ("eventId".to_owned(), "7".to_owned()),
            ("notificationId".to_owned(), format!("{n:024x}")),
            ("type".to_owned(), "event_invite".to_owned()),
        ]),
        time_to_live: Duration::from_secs(86_400),
        is_urgent: true,
    }
}
