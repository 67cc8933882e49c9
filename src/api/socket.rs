//! socket.io for front ends that speak it: the same events, and acknowledgements.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use jobs::{
    model::NotificationId,
    ports::{Heard, Hearing, LiveEvent, LiveName, Room, until},
};
use serde::Deserialize;
use serde_json::{Value, json};
use socketioxide::{
    AckError, SendError, SocketIo,
    ack::AckStream,
    extract::{AckSender, SocketRef, TryData},
    handler::ConnectHandler,
    layer::SocketIoLayer,
};
use tokio_util::sync::CancellationToken;

use super::{
    Api,
    access::Scope,
    caller::{Caller, Person},
    notifications,
};

/// Clients send nothing but ids.
const LONGEST_MESSAGE: u64 = 16 << 10;
/// A phone that was away for a moment still acknowledges; one that does not fetches later.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(30);
/// Whoever opens a connection and says no more is let go.
const SAID_WITHIN: Duration = Duration::from_secs(10);
/// Each room of a listener costs two calls to the store; nobody is invited to more events at once.
const MOST_ROOMS: usize = 200;

/// What a client says of itself: `io(url, { auth: { token } })`.
#[derive(Deserialize)]
struct Auth {
    token: String,
}

/// What a client says that it has read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadWish {
    notification_id: String,
}

/// Who is connected, and what is heard for him.
#[derive(Clone)]
struct Guest {
    person: Person,
    hearing: Arc<Mutex<Option<Hearing>>>,
}

/// Why somebody is not let in.
#[derive(Debug)]
struct Refused(&'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Answers below `/socket.io/` and lets everything else pass.
pub fn layer(api: Api) -> SocketIoLayer {
    let (layer, io) = SocketIo::builder()
        .max_payload(LONGEST_MESSAGE)
        .ack_timeout(ACKNOWLEDGED_WITHIN)
        .connect_timeout(SAID_WITHIN)
        .build_layer();
    let gate = api.clone();
    let admitted = move |socket: SocketRef, TryData(auth): TryData<Auth>| {
        let api = gate.clone();
        async move { admit(&api, &socket, auth.ok()).await }
    };
    let connected = move |socket: SocketRef| {
        let api = api.clone();
        async move { connected(api, socket) }
    };
    io.ns("/", connected.with(admitted));
    layer
}

/// Lets a user in who has a token; what is told from here on reaches him.
async fn admit(api: &Api, socket: &SocketRef, auth: Option<Auth>) -> Result<(), Refused> {
    let query = socket.req_parts().uri.query().unwrap_or_default();
    let in_address = query.split('&').find_map(|pair| pair.strip_prefix("token="));
    let token = auth.as_ref().map(|auth| auth.token.as_str()).or(in_address);
    let person = token.and_then(|token| api.access.person(token)).ok_or(Refused("unauthorized"))?;
    if person.upload.is_some() || !person.scopes.contains(&Scope::Read) {
        return Err(Refused("forbidden"));
    }
    let (_, hearing) =
        api.tools.live.listen(&rooms(&person), None).await.map_err(|_| Refused("unavailable"))?;
    let hearing = Arc::new(Mutex::new(Some(hearing)));
    socket.extensions.insert(Guest { person, hearing });
    Ok(())
}

/// A user's own room, and those of the events of the token.
fn rooms(person: &Person) -> Vec<Room> {
    let events = person.events.iter().copied().map(Room::Event);
    let mut rooms: Vec<Room> = [Room::User(person.id)].into_iter().chain(events).collect();
    rooms.truncate(MOST_ROOMS);
    rooms.dedup();
    rooms
}

fn connected(api: Api, socket: SocketRef) {
    let Some(Guest { person, hearing }) = socket.extensions.get::<Guest>() else { return };
    let hearing = hearing.lock().unwrap_or_else(PoisonError::into_inner).take();
    let gone = CancellationToken::new();
    let leaves = gone.clone();
    socket.on_disconnect(move || {
        leaves.cancel();
        std::future::ready(())
    });
    let own = rooms(&person).iter().map(Room::to_string).collect::<Vec<_>>();
    // Everybody is in all of his rooms from the start: this only says so.
    socket.on("join", move |TryData(room): TryData<String>, ack: AckSender| {
        let joined = room.is_ok_and(|room| own.contains(&room));
        answer(ack, &if joined { json!({ "ok": true }) } else { refused("not_found") });
        std::future::ready(())
    });
    let (reading, caller) = (api.clone(), Caller::Person(person.clone()));
    socket.on("read", move |TryData(wish): TryData<ReadWish>, ack: AckSender| async move {
        answer(ack, &read(&reading, &caller, wish.ok()).await);
    });
    let Some(hearing) = hearing else { return };
    let telling = Telling { api: api.clone(), socket, caller: Caller::Person(person) };
    api.under_way.spawn(async move {
        let end = telling.caller.ends_at().unwrap_or(bson::DateTime::MAX);
        let left = until(telling.api.tools.clock.now(), end);
        tokio::select! {
            () = telling.tell(hearing) => {}
            () = tokio::time::sleep(left) => {}
            () = gone.cancelled() => return,
        }
        // It is closed already, or closes now.
        let _ = telling.socket.disconnect();
    });
}

async fn read(api: &Api, caller: &Caller, wish: Option<ReadWish>) -> Value {
    let Some(wish) = wish else { return refused("bad_parameter") };
    match notifications::mark_read(api, caller, &wish.notification_id).await {
        Ok(_) => json!({ "ok": true }),
        Err(problem) => refused(problem.code()),
    }
}

fn refused(code: &str) -> Value {
    json!({ "ok": false, "code": code })
}

/// Whoever did not ask for an answer gets none.
fn answer(ack: AckSender, value: &Value) {
    let _ = ack.send(value);
}

/// One connection.
struct Telling {
    api: Api,
    socket: SocketRef,
    caller: Caller,
}

impl Telling {
    /// Passes on what is heard, until it ends or the client is too slow.
    async fn tell(&self, mut hearing: Hearing) {
        let mut acknowledged = FuturesUnordered::new();
        loop {
            tokio::select! {
                heard = hearing.next() => match self.pass_on(heard) {
                    Ok(Some((id, ack))) => acknowledged.push(self.wait(id, ack)),
                    Ok(None) => {}
                    Err(Ended) => return,
                },
                Some(()) = acknowledged.next() => {}
            }
        }
    }

    /// Sends what was heard; of a notification its id and what its client will say to it.
    fn pass_on(
        &self,
        heard: Option<Heard>,
    ) -> Result<Option<(NotificationId, AckStream<Value>)>, Ended> {
        match heard {
            Some(Heard::Event(_, event)) if !self.caller.hears(&event) => Ok(None),
            Some(Heard::Event(_, event)) => Ok(self.send(&event)?),
            Some(Heard::Missed(_)) => {
                self.socket.emit("reset", &json!({}))?;
                Err(Ended)
            }
            None => Err(Ended),
        }
    }

    fn send(
        &self,
        event: &LiveEvent,
    ) -> Result<Option<(NotificationId, AckStream<Value>)>, SendError> {
        let (name, data) = (event.name.as_str(), &event.data);
        let id = data.get("_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        match id.filter(|_| event.name == LiveName::Notification) {
            Some(id) => Ok(Some((id, self.socket.emit_with_ack(name, data)?))),
            None => self.socket.emit(name, data).map(|()| None),
        }
    }

    /// Notes that a notification has arrived, once its client says so.
    async fn wait(&self, id: NotificationId, ack: AckStream<Value>) {
        let mut ack = pin!(ack);
        // Most clients say nothing with it, which is no value.
        if let Some((_, Ok(_) | Err(AckError::Decode(_)))) = ack.next().await
            && let Err(problem) = notifications::arrived(&self.api, id).await
        {
            tracing::warn!(notification.id = %id, ?problem, "an acknowledgement is lost");
        }
    }
}

/// Nothing more can be told.
struct Ended;

impl From<SendError> for Ended {
    fn from(_: SendError) -> Self {
        Self
    }
}
