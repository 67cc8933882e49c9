//! What the services that carry pushes and texts get of us, and what we make of their answers.

mod fcm;
pub mod fcm_server;
pub mod service;
mod texts;
mod web;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bson::DateTime;
use jobs::{
    model::{Device, DeviceAddress, DeviceId, DeviceState, UserId},
    ports::{Clock, Push, Unsent},
};

/// 2026-01-01T00:00:00Z, until it is moved.
struct TestClock(AtomicI64);

impl TestClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_767_225_600_000)))
    }

    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime {
        DateTime::from_millis(self.0.load(Ordering::SeqCst))
    }
}

fn device(address: DeviceAddress) -> Device {
    Device {
        id: "1:a".into(),
        user_id: UserId(1),
        device_id: DeviceId("a".into()),
        address,
        state: DeviceState::Active,
        registered_at: DateTime::from_millis(0),
        struck_at: None,
    }
}

fn push() -> Push {
    Push {
        tag: "65f0c0ffee65f0c0ffee65f0".into(),
        title: "Fête".into(),
        body: "C'est prêt".into(),
        data: BTreeMap::from([("eventId".into(), "7".into())]),
        time_to_live: Duration::from_secs(600),
        is_urgent: false,
    }
}

/// Kind, code and pause, in short.
fn said(unsent: &Unsent) -> (&'static str, &str, Option<u64>) {
    let seconds = |after: &Option<Duration>| after.map(|after| after.as_secs());
    match unsent {
        Unsent::Away { after, .. } => ("away", "", seconds(after)),
        Unsent::Later { code, after, .. } => ("later", code, seconds(after)),
        Unsent::Never { code, .. } => ("never", code, None),
        Unsent::Gone { code, .. } => ("gone", code, None),
        Unsent::Unknown { .. } => ("unknown", "", None),
    }
}
