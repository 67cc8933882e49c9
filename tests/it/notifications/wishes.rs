//! What people wish: channels, quiet hours, digests, fallbacks, and nothing more of what they read.

use std::time::Duration;

use axum::http::StatusCode;
use jobs::model::{Channel, DeliveryState, NotificationStatus};
use serde_json::{Value, json};

use super::{ask_as, delivery, email::settings, introduce, notify, read, wish, with};
use crate::{
    house::House,
    mail::{
        reader::Part,
        server::{Deed, MailServer, Manner},
    },
};

async fn house() -> (House, MailServer) {
    let server = MailServer::start(Manner::good()).await;
    let house = House::with_settings(&settings(&server)).await;
    introduce(&house).await;
    (house, server)
}

async fn prefer(house: &House, wishes: Value) {
    let (status, told) = house.ask("PUT", "/v1/users/42/preferences", wishes).await;
    assert_eq!(status, StatusCode::OK, "{told}");
}

async fn forward(house: &House, seconds: u64) {
    house.ground.clock.forward(Duration::from_secs(seconds));
    house.drain().await;
}

#[tokio::test]
async fn a_type_is_sent_only_by_the_channels_that_its_reader_allows() {
    let (house, server) = house().await;
    prefer(&house, json!({ "types": { "message": { "email": true }, "*": { "email": false } } }))
        .await;

    let message = notify(&house, with(wish(&["email"]), json!({ "type": "message" }))).await;
    let invite = notify(&house, wish(&["email"])).await;
    house.drain().await;

    assert_eq!(read(&house, message).await.status, NotificationStatus::Sent);
    let left_out = delivery(&read(&house, invite).await, Channel::Email);
    assert_eq!(left_out.skip_reason.as_deref(), Some("preferences"));
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn quiet_hours_are_those_of_the_readers_own_clock() {
    let (house, server) = house().await;
    // 20:35 UTC is 21:35 in Paris.
    prefer(
        &house,
        json!({ "quietHours": {
        "start": "21:00", "end": "07:00", "channels": ["email"], "except": ["message"],
    } }),
    )
    .await;

    let invite = notify(&house, wish(&["email", "in_app"])).await;
    notify(&house, with(wish(&["email"]), json!({ "type": "message" }))).await;
    house.drain().await;
    let night = server.mails().len();
    let (_, said) =
        house.ask("GET", &format!("/v1/notifications/{invite}/explain"), Value::Null).await;
    // Until 07:00 in Paris it is 9 h 25 min.
    forward(&house, 33_899).await;
    let early = server.mails().len();
    forward(&house, 1 + 300).await;

    assert_eq!((night, early, server.mails().len()), (1, 1, 2));
    let email =
        said["channels"].as_array().unwrap().iter().find(|c| c["channel"] == "email").unwrap();
    assert_eq!(email["state"], "deferred");
    assert!(email["text"].as_str().unwrap().starts_with("E-mail : heures calmes"), "{email}");
    assert!(email["nextAttemptAt"].as_str().unwrap().starts_with("2024-01-16T06:0"), "{email}");
}

#[tokio::test]
async fn those_of_one_key_become_one_mail_and_end_together() {
    let (house, server) = house().await;
    let of = |n: usize| {
        let digest = json!({ "key": "event-1", "windowSeconds": 3_600 });
        with(wish(&["email", "in_app"]), json!({ "digest": digest, "title": format!("Titre {n}") }))
    };
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(notify(&house, of(n)).await);
        house.drain().await;
        house.ground.clock.forward(Duration::from_secs(60));
    }
    let before = server.mails().len();
    forward(&house, 3_600 - 180).await;
    forward(&house, 10).await;

    assert_eq!((before, server.mails().len()), (0, 1));
    let mail = Part::read(&server.mails()[0].content).parts()[0].text();
    for n in 0..3 {
        assert!(mail.contains(&format!("Titre {n}")), "{mail}");
    }
    for id in &ids {
        let of = read(&house, *id).await;
        assert_eq!(delivery(&of, Channel::Email).state, DeliveryState::Sent, "{id}");
        assert_eq!(of.next_action_at, None, "{id}");
    }
    let alone = notify(&house, of(9)).await;
    house.drain().await;
    forward(&house, 3_600).await;
    assert_eq!(delivery(&read(&house, alone).await, Channel::Email).state, DeliveryState::Sent);
    assert_eq!(server.mails().len(), 2);
}

#[tokio::test]
async fn a_reader_can_ask_for_digests_of_a_type() {
    let (house, server) = house().await;
    prefer(&house, json!({ "digest": { "message": { "email": 600 } } })).await;

    for _ in 0..2 {
        notify(&house, with(wish(&["email"]), json!({ "type": "message" }))).await;
    }
    notify(&house, wish(&["email"])).await;
    house.drain().await;
    let at_once = server.mails().len();
    forward(&house, 600).await;

    assert_eq!((at_once, server.mails().len()), (1, 2));
}

#[tokio::test]
async fn a_fallback_comes_after_its_time_unless_it_was_read() {
    let (house, server) = house().await;
    let fallback = json!([{ "channel": "email", "afterSeconds": 600 }]);
    let of = || with(wish(&["in_app"]), json!({ "fallback": fallback.clone() }));
    let [unread, seen] = [notify(&house, of()).await, notify(&house, of()).await];
    house.drain().await;
    ask_as(&house, 42, "POST", &format!("/v1/notifications/{seen}/read")).await;

    forward(&house, 599).await;
    let early = server.mails().len();
    forward(&house, 1).await;

    assert_eq!((early, server.mails().len()), (0, 1));
    assert_eq!(delivery(&read(&house, unread).await, Channel::Email).state, DeliveryState::Sent);
    let recalled = delivery(&read(&house, seen).await, Channel::Email);
    assert_eq!(
        (recalled.state, recalled.skip_reason.as_deref()),
        (DeliveryState::Skipped, Some("read"))
    );
}

#[tokio::test]
async fn a_fallback_comes_at_once_where_the_others_have_failed() {
    let (house, server) = house().await;
    let fallback = json!([{ "channel": "email", "afterSeconds": 86_400 }]);
    let id = notify(&house, with(wish(&["push"]), json!({ "fallback": fallback }))).await;

    house.drain().await;

    let of = read(&house, id).await;
    assert_eq!(delivery(&of, Channel::Push).skip_reason.as_deref(), Some("channel_off"));
    assert_eq!((of.status, server.mails().len()), (NotificationStatus::Sent, 1));
}

#[tokio::test]
async fn what_was_read_meanwhile_is_not_mailed_any_more() {
    let server = MailServer::start(Manner::reacting(|_, line| {
        line.starts_with("RCPT").then_some(Deed::Say("450 4.2.1 later"))
    }))
    .await;
    let house = House::with_settings(&settings(&server)).await;
    introduce(&house).await;
    let id = notify(&house, wish(&["email", "in_app"])).await;
    house.drain().await;

    ask_as(&house, 42, "POST", &format!("/v1/notifications/{id}/read")).await;
    forward(&house, 3_600).await;

    let of = read(&house, id).await;
    assert_eq!(of.status, NotificationStatus::Read);
    assert_eq!(delivery(&of, Channel::Email).skip_reason.as_deref(), Some("read"));
    assert_eq!(server.lines("RCPT").len(), 1);
}

#[tokio::test]
async fn wishes_that_nobody_can_mean_are_refused() {
    let (house, _) = house().await;
    for (wishes, status, code) in [
        (json!({ "quietHours": { "start": "25:00", "end": "07:00" } }), 422, "bad_quiet_hours"),
        (json!({ "types": { "a.b": { "email": false } } }), 422, "bad_preferences"),
        (json!({ "types": { "message": { "fax": false } } }), 400, "bad_json"),
        (json!({ "digest": { "message": { "email": 9_999_999 } } }), 422, "bad_preferences"),
        (json!({ "quiet": {} }), 400, "bad_json"),
    ] {
        let (said, problem) = house.ask("PUT", "/v1/users/42/preferences", wishes.clone()).await;
        assert_eq!((said.as_u16(), problem["code"].as_str()), (status, Some(code)), "{wishes}");
    }
}

fn gathered(title: &str) -> Value {
    let digest = json!({ "key": "event-1", "windowSeconds": 600 });
    with(wish(&["email"]), json!({ "digest": digest, "title": title }))
}

#[tokio::test]
async fn an_outage_at_the_end_of_a_digest_costs_no_second_window() {
    let away = std::sync::atomic::AtomicUsize::new(0);
    let server = MailServer::start(Manner::reacting(move |_, line| {
        let is_away =
            line.is_empty() && away.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        is_away.then_some(Deed::SayAndClose("421 4.3.2 shutting down"))
    }))
    .await;
    let house = House::with_settings(&settings(&server)).await;
    introduce(&house).await;
    for title in ["Un", "Deux"] {
        notify(&house, gathered(title)).await;
    }
    house.drain().await;

    forward(&house, 600).await;
    let during = server.mails().len();
    forward(&house, 60).await;
    forward(&house, 60).await;

    assert_eq!((during, server.mails().len()), (0, 1));
    let mail = Part::read(&server.mails()[0].content).parts()[0].text();
    assert!(mail.contains("Un") && mail.contains("Deux"), "{mail}");
}

#[tokio::test]
async fn those_whose_words_went_with_one_that_is_not_sent_go_by_themselves() {
    let refuse = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let refuses = refuse.clone();
    let server = MailServer::start(Manner::reacting(move |_, line| {
        let no = line.starts_with("RCPT") && refuses.load(std::sync::atomic::Ordering::SeqCst);
        no.then_some(Deed::Say("450 4.2.1 later"))
    }))
    .await;
    let house = House::with_settings(&settings(&server)).await;
    introduce(&house).await;
    let mut ids = Vec::new();
    for title in ["Un", "Deux", "Trois"] {
        ids.push(notify(&house, gathered(title)).await);
    }
    house.drain().await;
    forward(&house, 600).await;

    // The first has the words of the others and waits to be sent again.
    ask_as(&house, 42, "POST", &format!("/v1/notifications/{}/read", ids[0])).await;
    house.ask("DELETE", &format!("/v1/notifications/{}", ids[0]), Value::Null).await;
    refuse.store(false, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..6 {
        forward(&house, 60).await;
    }

    let text = |mail: &crate::mail::server::Received| {
        let mail = Part::read(&mail.content);
        format!("{} {}", mail.header("Subject").unwrap(), mail.parts()[0].text())
    };
    let texts: Vec<String> = server.mails().iter().map(text).collect();
    let holding = |word: &str| texts.iter().filter(|text| text.contains(word)).count();
    assert_eq!((holding("Deux"), holding("Trois")), (1, 1), "{texts:?}");
    for id in &ids[1..] {
        assert_eq!(read(&house, *id).await.status, NotificationStatus::Sent);
    }
}

#[tokio::test]
async fn a_mail_that_is_still_to_come_is_cancelled_with_its_event() {
    let server = MailServer::start(Manner::reacting(|_, line| {
        line.starts_with("RCPT").then_some(Deed::Say("450 4.2.1 later"))
    }))
    .await;
    let house = House::with_settings(&settings(&server)).await;
    introduce(&house).await;
    let id = notify(&house, wish(&["email", "in_app"])).await;
    house.drain().await;

    let (_, all) = house.ask("DELETE", "/v1/notifications?eventId=1", Value::Null).await;
    forward(&house, 3_600).await;

    assert_eq!(all["cancelled"], 1);
    let of = read(&house, id).await;
    assert_eq!(of.status, NotificationStatus::Sent, "the app has shown it");
    assert_eq!(delivery(&of, Channel::Email).state, DeliveryState::Cancelled);
    assert_eq!(server.lines("RCPT").len(), 1);
}
