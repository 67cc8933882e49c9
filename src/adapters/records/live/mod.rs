//! `live_rooms`: the last events of each room that somebody listens to, and who listens here.
//!
//! A room is one document, so that its events have one order for everybody and a place in it is a
//! number. It is there for as long as somebody listens and some minutes more; while it is not,
//! an event costs one read and is forgotten.

mod ears;
mod kept;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bson::{Bson, DateTime, Document, oid::ObjectId};
use jobs::ports::{Clock, Hearing, Live, LiveEvent, PortError, Room, later};
use tokio::sync::Notify;

use super::collections::LIVE_ROOMS;
use crate::adapters::documents::{Change, Documents, Edge, Edit, Guard, Query};

use ears::Ears;
use kept::Kept;

/// So many events of a room are kept for whoever comes back: a second or two of a busy event.
const KEPT: u32 = 128;
/// A room is kept so long behind its last listener.
const LINGERS: Duration = Duration::from_secs(600);
/// So often the rooms that somebody listens to are told to stay.
const STAYS_EVERY: Duration = Duration::from_secs(120);
/// Where nobody tells, what other processes announce is noticed within this time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Where somebody does, what got lost of it is.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(10);
/// However many hints come, the store is not asked more often.
const LOOK_FASTEST: Duration = Duration::from_millis(20);
/// The clocks of two processes differ by less.
const APART: Duration = Duration::from_secs(10);
/// So many rooms are read at once.
const BATCH: u32 = 500;

/// Rooms over the document port.
pub struct LiveRooms {
    store: Arc<dyn Documents>,
    clock: Arc<dyn Clock>,
    ears: Arc<Ears>,
    bell: Notify,
    is_told: AtomicBool,
}

impl LiveRooms {
    /// Rooms over `store`, for so many listeners in this process.
    pub fn new(store: Arc<dyn Documents>, clock: Arc<dyn Clock>, most: u32) -> Self {
        let is_told = AtomicBool::new(!store.is_shared());
        Self { store, clock, ears: Arc::new(Ears::new(most)), bell: Notify::new(), is_told }
    }

    /// Another process has announced something.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// Whether somebody rings.
    pub fn rung_for(&self, is_so: bool) {
        self.is_told.store(is_so, Ordering::Relaxed);
    }

    /// Returns when somebody listens here.
    pub async fn somebody(&self) {
        self.ears.until(|listeners| listeners > 0).await;
    }

    /// Returns when nobody listens here any more.
    pub async fn nobody(&self) {
        self.ears.until(|listeners| listeners == 0).await;
    }

    /// While somebody listens: keeps the rooms, and looks for what other processes announce. Asks
    /// nothing of the store otherwise. For as long as it is let.
    pub async fn keep(&self) {
        loop {
            self.somebody().await;
            let keeping = async { tokio::join!(self.look_on(), self.stay()) };
            tokio::select! {
                _ = keeping => {}
                () = self.nobody() => {}
            }
        }
    }

    async fn look_on(&self) {
        if !self.store.is_shared() {
            return std::future::pending().await;
        }
        // Whoever begins to listen looks for himself.
        let mut from = self.clock.now();
        loop {
            let is_told = self.is_told.load(Ordering::Relaxed);
            let pause = if is_told { LOOK_AGAIN_EVERY } else { LOOK_EVERY };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.bell.notified() => tokio::time::sleep(LOOK_FASTEST).await,
            }
            match self.look(from).await {
                Ok(until) => from = until,
                Err(error) => tracing::warn!(%error, "events of others are heard later"),
            }
        }
    }

    /// Passes on what was announced since; until when.
    async fn look(&self, mut from: DateTime) -> Result<DateTime, PortError> {
        let apart = i64::try_from(APART.as_millis()).unwrap_or(i64::MAX);
        let mut edge = DateTime::from_millis(from.timestamp_millis().saturating_sub(apart));
        loop {
            let query = Query::over("changedAt", BATCH);
            let query = Query { from: Edge::Including(edge.into()), ..query };
            let found = self.store.find(&LIVE_ROOMS, query).await?;
            let is_all = found.len() < BATCH as usize;
            for document in found {
                if let Ok(at) = document.get_datetime("changedAt") {
                    (from, edge) = (from.max(*at), edge.max(*at));
                }
                self.pass_on(document);
            }
            // So many rooms of one millisecond are looked at next time.
            if is_all || edge == from {
                return Ok(from);
            }
        }
    }

    async fn stay(&self) {
        let mut every = tokio::time::interval(STAYS_EVERY);
        loop {
            every.tick().await;
            let rooms: Vec<Bson> = self.ears.rooms().into_iter().map(Bson::from).collect();
            let end = Change::new().set("expireAt", later(self.clock.now(), LINGERS));
            let stay = self.store.patch_many(&LIVE_ROOMS, &rooms, Guard::none(), end);
            if let Err(error) = stay.await {
                tracing::warn!(%error, "rooms that are listened to may be forgotten");
            }
        }
    }

    /// Tells the listeners of a room what is new to them.
    fn pass_on(&self, document: Document) {
        if let Some(kept) = Kept::read(document) {
            self.ears.pass_on(&kept);
        }
    }

    async fn tell(&self, events: &[LiveEvent]) -> Result<(), PortError> {
        let mut of_rooms: BTreeMap<String, Vec<Document>> = BTreeMap::new();
        for event in events {
            let document = kept::document(ObjectId::new(), event);
            for room in event.rooms() {
                of_rooms.entry(room.to_string()).or_default().push(document.clone());
            }
        }
        let names: Vec<Bson> = of_rooms.keys().map(|name| name.as_str().into()).collect();
        if names.is_empty() {
            return Ok(());
        }
        for room in self.store.get_many(&LIVE_ROOMS, &names).await? {
            let id = room.get("_id").cloned().unwrap_or_default();
            let of_room = id.as_str().and_then(|name| of_rooms.get(name));
            for event in of_room.into_iter().flatten() {
                let change = Change::new()
                    .inc("seq", 1)
                    .with("events", Edit::Push(event.clone().into(), Some(KEPT)))
                    .with("changedAt", Edit::Max(self.clock.now().into()));
                let written = self.store.patch(&LIVE_ROOMS, &id, Guard::none(), change).await?;
                written.into_iter().for_each(|room| self.pass_on(room));
            }
        }
        Ok(())
    }

    /// The room, from now on there.
    async fn enter(&self, room: &str) -> Result<Kept, PortError> {
        let (id, now) = (Bson::from(room), self.clock.now());
        let end = later(now, LINGERS);
        // A second time if somebody else makes it at the same moment.
        for _ in 0..2 {
            let stay = Change::new().set("expireAt", end);
            let there = self.store.patch(&LIVE_ROOMS, &id, Guard::none(), stay).await?;
            if let Some(kept) = there.and_then(Kept::read) {
                return Ok(kept);
            }
            let new = bson::doc! {
                "_id": room, "born": ObjectId::new(), "seq": 0_i64, "events": [],
                "changedAt": now, "expireAt": end,
            };
            match self.store.insert(&LIVE_ROOMS, new.clone()).await {
                Ok(()) => return Kept::read(new).ok_or_else(|| odd(room)),
                Err(PortError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(odd(room))
    }
}

fn odd(room: &str) -> PortError {
    PortError::Unavailable(format!("the room {room} cannot be entered"))
}

#[async_trait]
impl Live for LiveRooms {
    async fn announce(&self, events: &[LiveEvent]) {
        if let Err(error) = self.tell(events).await {
            tracing::warn!(%error, "listeners are not told of a change");
        }
    }

    async fn listen(
        &self,
        rooms: &[Room],
        after: Option<&str>,
    ) -> Result<(String, Hearing), PortError> {
        let seat = self.ears.sit_down()?;
        let mut kept = Vec::new();
        for room in rooms {
            kept.push(self.enter(&room.to_string()).await?);
        }
        let (place, hearing) = self.ears.listen(seat, &kept, after);
        // What came while they were entered.
        let names: Vec<Bson> = kept.iter().map(|room| room.name.as_str().into()).collect();
        for room in self.store.get_many(&LIVE_ROOMS, &names).await? {
            self.pass_on(room);
        }
        Ok((place, hearing))
    }

    fn close(&self) {
        self.ears.close();
    }
}
