//! What happens, told to whoever listens.

mod socket;
mod stream;
mod together;

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{Request, StatusCode},
};
use futures_util::StreamExt;
use jobs::{
    model::{EventId, UserId},
    ports::{LiveEvent, LiveName},
};
use serde_json::{Value, json};

use crate::{
    api::access::token,
    house::{House, answer},
};

/// What is told is heard within this time, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Long after the start of a house's hand clock.
const LATER: i64 = 1_705_400_000;

/// Something that a listener was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub id: String,
    pub name: String,
    pub data: Value,
}

/// One who listens by Server-Sent Events.
pub struct Listener {
    body: BodyDataStream,
    rest: String,
    /// Where it would go on.
    pub last: String,
}

impl Listener {
    /// Reads this body.
    pub fn of(body: Body) -> Self {
        Self { body: body.into_data_stream(), rest: String::new(), last: String::new() }
    }

    /// The next event; `None` at the end.
    pub async fn next(&mut self) -> Option<Said> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("nothing is heard")
    }

    async fn read(&mut self) -> Option<Said> {
        loop {
            while let Some((frame, rest)) = self.rest.split_once("\n\n") {
                let field = |name: &str| {
                    let of =
                        |line: &str| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned());
                    frame.lines().find_map(of)
                };
                let (id, name, data) = (field("id"), field("event"), field("data"));
                self.rest = rest.to_owned();
                self.last = id.unwrap_or_else(|| self.last.clone());
                if let (Some(name), Some(data)) = (name, data) {
                    let data = serde_json::from_str(&data).unwrap();
                    return Some(Said { id: self.last.clone(), name, data });
                }
            }
            self.rest.push_str(std::str::from_utf8(&self.body.next().await?.ok()?).unwrap());
        }
    }

    /// The next events up to the first of this name.
    pub async fn until(&mut self, name: &str) -> Vec<Said> {
        let mut all = Vec::new();
        loop {
            all.push(self.next().await.unwrap_or_else(|| panic!("it ends: {all:?}")));
            if all.last().is_some_and(|last| last.name == name) {
                return all;
            }
        }
    }

    /// Reads the place where it begins.
    pub async fn begun(mut self) -> Self {
        while self.last.is_empty() {
            let piece = self.body.next().await.unwrap().unwrap();
            let piece = std::str::from_utf8(&piece).unwrap();
            self.last = piece.trim().strip_prefix("id: ").unwrap_or_default().to_owned();
        }
        self
    }
}

/// The token of a user who is invited to these events.
pub fn person(user: i64, events: &[i64]) -> String {
    token(json!({ "sub": user.to_string(), "events": events, "exp": LATER }))
}

/// Asks for a stream; refused with this status and code.
pub async fn asked(
    house: &House,
    query: &str,
    token: &str,
) -> Result<Listener, (StatusCode, Value)> {
    let token = if token.is_empty() { String::new() } else { format!("&token={token}") };
    let request = Request::get(format!("/v1/stream?{query}{token}"));
    let response = house.send(request.body(Body::empty()).unwrap()).await;
    if response.status() == StatusCode::OK {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        return Ok(Listener::of(response.into_body()).begun().await);
    }
    Err(answer(response).await)
}

/// Listens.
pub async fn listen(house: &House, query: &str, token: &str) -> Listener {
    asked(house, query, token).await.unwrap_or_else(|refused| panic!("{query}: {refused:?}"))
}

/// A step of some medium of user 42 in event 1.
pub fn step(number: usize) -> LiveEvent {
    LiveEvent {
        name: LiveName::MediaStep,
        user: UserId(42),
        event: Some(EventId(1)),
        is_private: false,
        data: json!({ "number": number }),
    }
}
