//! socket.io, spoken by hand: Engine.IO 4 by long polling.

use std::collections::VecDeque;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use jobs::model::{DeliveryState, Notification};
use serde_json::{Value, json};

use super::{LATER, PATIENCE, person, step};
use crate::{
    api::access::token,
    house::House,
    notifications::{ask_as, notify, read, wish},
};

/// Between packets of one answer.
const SEPARATOR: char = '\u{1e}';

/// A front end.
struct Client<'house> {
    house: &'house House,
    sid: String,
    came: VecDeque<String>,
}

impl<'house> Client<'house> {
    /// Connects; refused with this word.
    async fn connect(house: &'house House, auth: Value, query: &str) -> Result<Self, String> {
        let mut client = Self { house, sid: String::new(), came: VecDeque::new() };
        let opened = client.ask(Method::GET, query, String::new()).await;
        let opened: Value = serde_json::from_str(opened.strip_prefix('0').unwrap()).unwrap();
        client.sid = opened["sid"].as_str().unwrap().to_owned();
        client.say(&format!("40{auth}")).await;
        let answer = client.packet().await;
        match answer.strip_prefix("44") {
            Some(refused) => {
                let refused: Value = serde_json::from_str(refused).unwrap();
                Err(refused["message"].as_str().unwrap().to_owned())
            }
            None => {
                assert!(answer.starts_with("40{"), "{answer}");
                Ok(client)
            }
        }
    }

    async fn ask(&self, method: Method, query: &str, body: String) -> String {
        let sid = if self.sid.is_empty() { String::new() } else { format!("&sid={}", self.sid) };
        let path = format!("/socket.io/?EIO=4&transport=polling{sid}{query}");
        let request = Request::builder().method(method).uri(path);
        let answer = self.house.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    async fn say(&self, packet: &str) {
        assert_eq!(self.ask(Method::POST, "", packet.to_owned()).await, "ok");
    }

    /// The next packet that is no ping.
    async fn packet(&mut self) -> String {
        let packet = async {
            loop {
                match self.came.pop_front() {
                    Some(ping) if ping == "2" => self.say("3").await,
                    Some(packet) => return packet,
                    None => {
                        let came = self.ask(Method::GET, "", String::new()).await;
                        self.came.extend(came.split(SEPARATOR).map(str::to_owned));
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, packet).await.expect("nothing comes")
    }

    /// The next event: which answer it asks for, its name and its data.
    async fn event(&mut self) -> (String, String, Value) {
        let packet = self.packet().await;
        let event = packet.strip_prefix("42").unwrap_or_else(|| panic!("{packet}"));
        let (ack, said) = event.split_at(event.find('[').unwrap());
        let said: Value = serde_json::from_str(said).unwrap();
        (ack.to_owned(), said[0].as_str().unwrap().to_owned(), said[1].clone())
    }

    /// Says something and waits for what is answered to it.
    async fn call(&mut self, name: &str, data: Value) -> Value {
        self.say(&format!("427{}", json!([name, data]))).await;
        let answer = self.packet().await;
        let answer = answer.strip_prefix("437").unwrap_or_else(|| panic!("{answer}"));
        serde_json::from_str::<Value>(answer).unwrap()[0].clone()
    }
}

async fn connected<'house>(house: &'house House, user: i64, events: &[i64]) -> Client<'house> {
    let auth = json!({ "token": person(user, events) });
    Client::connect(house, auth, "").await.unwrap_or_else(|refused| panic!("{refused}"))
}

fn state(of: &Notification) -> DeliveryState {
    of.deliveries.as_ref().unwrap().in_app.as_ref().unwrap().state
}

#[tokio::test]
async fn a_notification_is_acknowledged_and_read_by_its_user() {
    let house = House::new().await;
    let mut own = connected(&house, 42, &[1]).await;
    let mut other = connected(&house, 43, &[1]).await;

    let id = notify(&house, wish(&["in_app"])).await;
    house.drain().await;
    let (ack, name, data) = own.event().await;
    let sent = read(&house, id).await;
    own.say(&format!("43{ack}[]")).await;
    let read_it = json!({ "notificationId": id.to_string() });
    let foreign = other.call("read", read_it.clone()).await;
    let delivered = async {
        loop {
            let now = read(&house, id).await;
            if state(&now) != DeliveryState::Sent {
                return now;
            }
            tokio::task::yield_now().await;
        }
    };
    let delivered = tokio::time::timeout(PATIENCE, delivered).await.expect("no acknowledgement");
    own.say(&format!("427{}", json!(["read", read_it]))).await;
    // The answer and what everybody is told come in any order.
    let mut both = [own.packet().await, own.packet().await];
    both.sort();

    assert_eq!((name.as_str(), &data["_id"]), ("notification", &json!(id.to_string())));
    assert_eq!(data.get("deliveries"), None, "that is the worker's own");
    assert_eq!(state(&sent), DeliveryState::Sent);
    assert_eq!(foreign, json!({ "ok": false, "code": "not_found" }));
    assert_eq!(state(&delivered), DeliveryState::Delivered);
    assert!(both[0].starts_with(r#"42["notification.read",{"#), "{both:?}");
    assert_eq!(both[1], r#"437[{"ok":true}]"#);
    assert_eq!(state(&read(&house, id).await), DeliveryState::Read);
    // Nothing of it came to the other.
    house.parts.tools.live.announce(&[step(1)]).await;
    assert_eq!(other.event().await.1, "media.step");
}

#[tokio::test]
async fn events_come_once_to_the_rooms_of_a_token_and_to_no_other() {
    let house = House::new().await;
    let mut own = connected(&house, 42, &[1]).await;
    let mut guest = connected(&house, 43, &[1]).await;
    let mut stranger = connected(&house, 44, &[2]).await;
    let live = &house.parts.tools.live;

    live.announce(&[step(1)]).await;
    live.announce(&[jobs::ports::LiveEvent { is_private: true, ..step(2) }]).await;
    live.announce(&[step(3)]).await;

    let mut heard = [Vec::new(), Vec::new()];
    for (client, heard) in [&mut own, &mut guest].into_iter().zip(&mut heard) {
        while heard.last() != Some(&json!(3)) {
            heard.push(client.event().await.2["number"].clone());
        }
    }
    assert_eq!(heard, [vec![json!(1), json!(2), json!(3)], vec![json!(1), json!(3)]]);
    assert_eq!(guest.call("join", json!("event_1")).await, json!({ "ok": true }));
    for room in ["event_2", "user_42"] {
        assert_eq!(guest.call("join", json!(room)).await["ok"], false, "{room}");
    }
    assert_eq!(stranger.call("join", json!("event_2")).await["ok"], true, "the first it is told");
}

#[tokio::test]
async fn nobody_is_let_in_without_a_token_of_a_user_who_may_read() {
    let house = House::with_settings(crate::api::access::KEYS).await;
    let with = |more: Value| {
        let mut claims = json!({ "sub": "42", "events": [1], "exp": LATER });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "token": token(claims) })
    };
    for (auth, said) in [
        (json!({}), "unauthorized"),
        (json!({ "token": "a.b.c" }), "unauthorized"),
        (json!({ "token": "the key of everything" }), "unauthorized"),
        (with(json!({ "exp": 1_000_000_000 })), "unauthorized"),
        (with(json!({ "scope": "upload" })), "forbidden"),
        (with(json!({ "upload": "u" })), "forbidden"),
    ] {
        let refused = Client::connect(&house, auth.clone(), "").await.err();
        assert_eq!(refused.as_deref(), Some(said), "{auth}");
    }

    let in_address = format!("&token={}", person(42, &[1]));
    assert!(Client::connect(&house, json!({}), &in_address).await.is_ok());
}

#[tokio::test]
async fn a_connection_ends_with_its_token_and_with_the_service() {
    let house = House::new().await;
    let soon = token(json!({ "sub": "42", "events": [1], "exp": 1_705_350_901 }));

    let mut short = Client::connect(&house, json!({ "token": soon }), "").await.unwrap();
    assert_eq!(short.packet().await, "41");
    let mut long = connected(&house, 42, &[1]).await;
    house.parts.tools.live.close();
    assert_eq!(long.packet().await, "41");
    let refused = Client::connect(&house, json!({ "token": person(42, &[1]) }), "").await.err();
    assert_eq!(refused.as_deref(), Some("unavailable"));
    assert_eq!(ask_as(&house, 42, "GET", "/v1/stream?userId=42").await.0.as_u16(), 503);
}
