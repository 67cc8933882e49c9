//! Notifications of many users that fall due soon, in a store that no service has open yet.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use bson::DateTime;
use clap::Args;
use iven_worker::{
    config::Config,
    wire::{self, House},
};
use jobs::{
    delivery::{Draft, tickets},
    model::{Device, DeviceAddress, DeviceId, DeviceState, Notification, User, UserId},
    ports::{Ticket, later},
};
use serde_json::{Value, json};

use crate::{Way, push, seen::DUE};

/// How many people there are.
const USERS: usize = 1_000;
/// So many are kept in one commit.
const BATCH: usize = 500;

#[derive(Debug, Args)]
pub struct Wish {
    /// An empty folder.
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    count: usize,
    #[arg(long)]
    way: Way,
    /// The first of them is due after this.
    #[arg(long)]
    due_in_ms: u64,
    /// And the others within this time.
    #[arg(long, default_value_t = 0)]
    spread_ms: u64,
}

/// When the first is due, in milliseconds since 1970.
pub async fn fill(wish: &Wish) -> Value {
    let settings = format!(
        "[store]\ndata_dir = {:?}\n[scanner]\naddress = \"unix:/no/scanner\"\n\
         [decoder]\nsandbox = false\n",
        wish.data
    );
    let config = Config::read(Some(&settings), Vec::new()).expect("settings");
    let house = wire::house(config).await.expect("a store");
    house.store.migrate().await.expect("indexes");
    house.set_clock().await.expect("the time");
    let due = later(house.tools.clock.now(), Duration::from_millis(wish.due_in_ms));
    for n in 0..USERS {
        introduce(&house, n).await;
    }
    let all: Vec<usize> = (0..wish.count).collect();
    for some in all.chunks(BATCH) {
        let some: Vec<Notification> =
            some.iter().map(|n| notification(&house, wish, *n, due)).collect();
        keep(&house, &some).await;
    }
    let is_late = house.tools.clock.now() >= due;
    assert!(!is_late, "this machine is too slow: the first was due before the last was kept");
    json!({ "dueAt": due.timestamp_millis() })
}

/// A person with a mail address and a phone.
async fn introduce(house: &House, n: usize) {
    let (id, now) = (user_id(n), house.tools.clock.now());
    let user = json!({
        "_id": id, "email": format!("user{n}@example.net"), "locale": "fr", "fname": "Léa",
        "timeZone": "Europe/Paris",
    });
    let user: User = serde_json::from_value(user).unwrap();
    house.tools.users.put(&user).await.unwrap();
    let device_id = DeviceId("phone".to_owned());
    let device = Device {
        id: Device::key(id, &device_id),
        user_id: id,
        device_id,
        address: DeviceAddress::Fcm { token: push::token(n) },
        state: DeviceState::Active,
        registered_at: now,
        struck_at: None,
    };
    house.tools.contacts.register(&device).await.unwrap();
}

fn user_id(n: usize) -> UserId {
    UserId(i64::try_from(n).unwrap() + 1)
}

fn notification(house: &House, wish: &Wish, n: usize, first: DateTime) -> Notification {
    let channels = match wish.way {
        Way::Push => json!(["push"]),
        Way::Email => json!(["email"]),
        Way::Both => json!(["in_app", "email"]),
    };
    let after = wish.spread_ms * n as u64 / wish.count as u64;
    let due = later(first, Duration::from_millis(after));
    let draft = json!({
        "userId": user_id(n % USERS),
        "type": "reminder",
        "title": format!("{DUE}{}", due.timestamp_millis()),
        "body": "« Anniversaire Marie » commence demain à 18 h.",
        "data": { "eventId": 7, "actionUrl": "/events/7" },
        "channels": channels,
        "scheduledFor": due.try_to_rfc3339_string().unwrap(),
    });
    let draft: Draft = serde_json::from_value(draft).unwrap();
    draft.notification(house.tools.clock.now()).unwrap()
}

/// Keeps them and puts their tickets, as the API does for each.
async fn keep(house: &House, some: &[Notification]) {
    house.tools.notifications.create_all(some).await.unwrap();
    let now = house.tools.clock.now();
    let tickets = some.iter().flat_map(|each| tickets::all(each, now).unwrap());
    let looks: HashMap<String, Ticket> =
        tickets.map(|ticket| (ticket.unique_key.clone(), ticket)).collect();
    let looks: Vec<Ticket> = looks.into_values().collect();
    house.tools.queue.push(&looks).await.unwrap();
}
