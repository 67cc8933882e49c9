//! `GET /v1/stream`: what happens, as Server-Sent Events.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{FutureExt, StreamExt, future, stream};
use jobs::{
    model::{EventId, UserId},
    ports::{Heard, Room, until},
};
use serde::Deserialize;

use super::{
    Api,
    access::Scope,
    body::{Params, counted},
    caller::Caller,
    problem::Problem,
};

/// Proxies give a silent connection up after 30 s and more.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Whose.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wish {
    event_id: Option<EventId>,
    user_id: Option<UserId>,
    last_event_id: Option<String>,
}

impl Wish {
    fn room(&self) -> Result<Room, Problem> {
        match (self.event_id, self.user_id) {
            (Some(event), None) => counted("eventId", event.0).map(|()| Room::Event(event)),
            (None, Some(user)) => counted("userId", user.0).map(|()| Room::User(user)),
            _ => Err(Problem::bad("bad_parameter", "either eventId or userId says whose events")),
        }
    }
}

/// `GET /v1/stream`: from now on, or from behind the event `Last-Event-ID`.
pub async fn listen(
    State(api): State<Api>,
    caller: Caller,
    Params(wish): Params<Wish>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.needs(Scope::Read)?;
    let room = wish.room()?;
    caller.enters_room(room)?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = last.or(wish.last_event_id.as_deref());
    let (place, hearing) = api.tools.live.listen(&[room], after).await?;
    // A token that has ended opens nothing any more.
    let end = match caller.ends_at() {
        Some(end) => tokio::time::sleep(until(api.tools.clock.now(), end)).left_future(),
        None => future::pending().right_future(),
    };
    let events = hearing.filter_map(move |heard| future::ready(shown(&caller, heard)));
    // Whoever breaks off before the first event goes on from here as well.
    let first = stream::iter([Event::default().id(place)]);
    let events = first.chain(events).take_until(Box::pin(end)).map(Ok::<_, Infallible>);
    let answer = Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    // nginx would keep events until it has some kilobytes of them.
    Ok(([(HeaderName::from_static("x-accel-buffering"), "no")], answer).into_response())
}

/// An event as it is sent, if this caller may know of it.
fn shown(caller: &Caller, heard: Heard) -> Option<Event> {
    match heard {
        Heard::Event(place, event) => caller.hears(&event).then(|| {
            Event::default().id(place).event(event.name.as_str()).data(event.data.to_string())
        }),
        Heard::Missed(place) => Some(Event::default().id(place).event("reset").data("{}")),
    }
}
