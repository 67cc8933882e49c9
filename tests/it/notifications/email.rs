//! By mail, through a real conversation with a mail server.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::http::StatusCode;
use jobs::model::{Channel, DeliveryState, Notification, NotificationId, NotificationStatus};
use serde_json::{Value, json};

use super::{delivery, introduce, notify, read, wish, with};
use crate::{
    house::{House, answer},
    mail::{
        reader::Part,
        server::{Deed, MailServer, Manner},
    },
};

/// Settings of a house whose mail goes there.
pub fn settings(server: &MailServer) -> String {
    let url = server.url();
    format!(
        "[http]\npublic_url = \"https://api.example.org\"\n\
         [email]\nurl = \"{url}\"\nfrom = \"Iven <noreply@iven.example>\"\n\
         [notifications]\napp_url = \"https://app.example.org\"\n"
    )
}

async fn house(manner: Manner) -> (House, MailServer) {
    let server = MailServer::start(manner).await;
    let house = House::with_settings(&settings(&server)).await;
    introduce(&house).await;
    (house, server)
}

fn email(of: &Notification) -> (DeliveryState, u32, Option<String>) {
    let delivery = delivery(of, Channel::Email);
    let code = delivery.last_error.map(|error| error.code);
    (delivery.state, delivery.attempts, code.or(delivery.skip_reason))
}

#[tokio::test]
async fn an_invitation_arrives_in_french_with_its_link_and_one_way_out() {
    let (house, server) = house(Manner::good()).await;
    let id = notify(&house, wish(&["email"])).await;

    assert_eq!(house.drain().await, ["deliver_notification: done"]);

    let mails = server.mails();
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "marie@example.org"));
    let mail = Part::read(&mails[0].content);
    assert_eq!(mail.header("Subject"), Some("Invitation événement"));
    assert_eq!(mail.header("Message-ID").unwrap(), format!("<{id}@iven.example>"));
    let parts = mail.parts();
    let (text, html) = (parts[0].text(), parts[1].text());
    for part in [&text, &html] {
        assert!(part.contains("https://app.example.org/events/1"), "{part}");
    }
    assert!(text.contains("Arthur vous a invité à 'Anniversaire Marie'"), "{text}");
    let sent = read(&house, id).await;
    assert_eq!(
        (sent.status, email(&sent)),
        (NotificationStatus::Sent, (DeliveryState::Sent, 1, None))
    );

    let out = mail.header("List-Unsubscribe").unwrap().trim_matches(['<', '>']).to_owned();
    let path = out.split_once("/v1/").map(|(_, path)| format!("/v1/{path}")).unwrap();
    assert!(house.bytes(&path).await.is_ok(), "a look changes nothing");
    let before = notify(&house, wish(&["email"])).await;
    house.drain().await;
    assert_eq!(house.ask("POST", &path, Value::Null).await.0, StatusCode::OK);
    let after = notify(&house, wish(&["email"])).await;
    let other = notify(&house, with(wish(&["email"]), json!({ "type": "message" }))).await;
    house.drain().await;
    assert_eq!(email(&read(&house, before).await).0, DeliveryState::Sent);
    assert_eq!(email(&read(&house, after).await).2.as_deref(), Some("preferences"));
    assert_eq!(email(&read(&house, other).await).0, DeliveryState::Sent);
}

#[tokio::test]
async fn a_server_that_says_not_now_is_asked_again_and_gets_the_same_mail_once() {
    let refused = AtomicUsize::new(0);
    let (house, server) = house(Manner::reacting(move |_, line| {
        // The server asks twice for each line of this kind.
        let is_first = line.starts_with("RCPT") && refused.fetch_add(1, Ordering::SeqCst) < 2;
        is_first.then_some(Deed::Say("450 4.2.1 mailbox busy"))
    }))
    .await;
    let id = notify(&house, wish(&["email"])).await;

    house.drain().await;
    let waiting = read(&house, id).await;
    house.ground.clock.forward(Duration::from_secs(15));
    house.drain().await;

    assert_eq!(email(&waiting), (DeliveryState::Retry, 1, Some("smtp_4.2.1".to_owned())));
    assert!(waiting.next_action_at.is_some());
    assert_eq!(server.mails().len(), 1);
    assert_eq!(email(&read(&house, id).await), (DeliveryState::Sent, 2, None));
}

#[tokio::test]
async fn an_address_that_does_not_exist_is_not_written_to_again() {
    let (house, server) = house(Manner::reacting(|_, line| {
        line.starts_with("RCPT").then_some(Deed::Say("550 5.1.1 no such user"))
    }))
    .await;
    let [first, second] =
        [notify(&house, wish(&["email", "in_app"])).await, notify(&house, wish(&["email"])).await];

    house.drain().await;

    let (first, second) = (read(&house, first).await, read(&house, second).await);
    assert_eq!(email(&first), (DeliveryState::Failed, 1, Some("smtp_5.1.1".to_owned())));
    assert_eq!(first.status, NotificationStatus::Sent, "the other channel goes on");
    assert_eq!(email(&second).2.as_deref(), Some("suppressed"));
    assert_eq!(second.status, NotificationStatus::Failed);
    assert_eq!(server.lines("RCPT").len(), 1);
}

#[tokio::test]
async fn a_server_that_is_away_rests_the_lane_and_counts_no_attempt() {
    let away = AtomicUsize::new(0);
    let (house, server) = house(Manner::reacting(move |_, line| {
        let is_away = line.is_empty() && away.fetch_add(1, Ordering::SeqCst) == 0;
        is_away.then_some(Deed::SayAndClose("421 4.3.2 shutting down"))
    }))
    .await;
    let id = notify(&house, wish(&["email"])).await;

    let log = house.drain().await;
    let waiting = read(&house, id).await;
    house.ground.clock.forward(Duration::from_secs(600));
    house.drain().await;

    assert!(log[0].starts_with("deliver_notification: away"), "{log:?}");
    assert_eq!(email(&waiting), (DeliveryState::Retry, 0, Some("unavailable".to_owned())));
    assert_eq!(email(&read(&house, id).await), (DeliveryState::Sent, 1, None));
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn after_a_lost_answer_a_server_that_reports_is_waited_for() {
    let broken = AtomicUsize::new(0);
    let (house, server) = house(Manner::reacting(move |_, line| {
        // The server asks twice at the end of a mail.
        (line == "." && broken.fetch_add(1, Ordering::SeqCst) < 2).then_some(Deed::Close)
    }))
    .await;
    let id = notify(&house, wish(&["email"])).await;

    house.drain().await;
    let unknown = read(&house, id).await;
    house.ground.clock.forward(Duration::from_secs(60));
    house.drain().await;
    let lines = server.lines("DATA").len();
    house.ground.clock.forward(Duration::from_secs(15 * 60));
    house.drain().await;

    assert_eq!(email(&unknown), (DeliveryState::Sending, 1, Some("unknown_outcome".to_owned())));
    assert_eq!(lines, 1, "nothing is sent while the report may come");
    assert_eq!(email(&read(&house, id).await), (DeliveryState::Sent, 2, None));
    let ids =
        server.lines("MAIL FROM").iter().filter(|line| line.contains(&id.to_string())).count();
    assert_eq!(ids, 2, "both attempts have one envelope id");
}

#[tokio::test]
async fn odd_people_are_left_out_and_the_other_channels_go_on() {
    let (house, server) = house(Manner::good()).await;
    for (user, profile, why) in [
        (7, None, "unknown_user"),
        (8, Some(json!({})), "no_address"),
        (9, Some(json!({ "email": " " })), "no_address"),
        (10, Some(json!({ "email": "a@example.org", "active": false })), "inactive_user"),
    ] {
        if let Some(profile) = profile {
            house.ask("PUT", &format!("/v1/users/{user}"), profile).await;
        }
        let wish = with(wish(&["email", "in_app"]), json!({ "userId": user }));
        let id = notify(&house, wish).await;
        house.drain().await;

        let of = read(&house, id).await;
        assert_eq!(email(&of).2.as_deref(), Some(why), "{user}");
        let in_app = delivery(&of, Channel::InApp).state;
        let expected = if user == 10 { DeliveryState::Skipped } else { DeliveryState::Sent };
        assert_eq!(in_app, expected, "{user}");
    }
    let long = with(wish(&["email"]), json!({ "title": "x".repeat(10_000) }));
    let long = notify(&house, long).await;
    house.drain().await;
    assert_eq!(email(&read(&house, long).await).0, DeliveryState::Sent);
    assert_eq!(server.mails().len(), 1);
}

/// A report of a mail server about the mail of this notification.
fn report(id: NotificationId, action: &str, status: &str, recipient: &str) -> String {
    format!(
        "Subject: report\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; a.test\r\nOriginal-Envelope-Id: {id}\r\n\r\n\
         Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\n\
         Status: {status}\r\n\r\n--b--\r\n"
    )
}

async fn hand_over(house: &House, report: String) -> Value {
    let request = axum::http::Request::post("/v1/inbound/dsn");
    let (status, said) = answer(house.send(request.body(report.into()).unwrap()).await).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    said
}

#[tokio::test]
async fn a_report_says_that_a_mail_arrived_or_came_back() {
    let (house, _server) = house(Manner::good()).await;
    let [arrived, back] =
        [notify(&house, wish(&["email"])).await, notify(&house, wish(&["email"])).await];
    house.drain().await;
    let to = "marie@example.org";

    let first = hand_over(&house, report(arrived, "delivered", "2.0.0", to)).await;
    let again = hand_over(&house, report(arrived, "failed", "5.1.1", to)).await;
    hand_over(&house, report(back, "failed", "5.1.1", "someone@else.example")).await;
    let third = notify(&house, wish(&["email"])).await;
    house.drain().await;
    hand_over(&house, report(third, "failed", "5.1.1", to)).await;
    let fourth = notify(&house, wish(&["email"])).await;
    house.drain().await;

    assert_eq!((&first["noted"], &again["noted"]), (&json!(true), &json!(false)));
    let (arrived, back) = (read(&house, arrived).await, read(&house, back).await);
    assert_eq!(arrived.status, NotificationStatus::Delivered);
    assert_eq!(email(&arrived).0, DeliveryState::Delivered);
    assert_eq!(email(&back), (DeliveryState::Failed, 1, Some("smtp_5.1.1".to_owned())));
    assert_eq!(back.status, NotificationStatus::Sent, "status never goes back");
    assert_eq!(email(&read(&house, third).await).0, DeliveryState::Failed);
    assert_eq!(email(&read(&house, fourth).await).2.as_deref(), Some("suppressed"));
}

#[tokio::test]
async fn after_a_lost_answer_the_report_ends_the_waiting_without_a_second_mail() {
    let broken = AtomicUsize::new(0);
    let (house, server) = house(Manner::reacting(move |_, line| {
        // The server asks twice at the end of a mail.
        (line == "." && broken.fetch_add(1, Ordering::SeqCst) < 2).then_some(Deed::Close)
    }))
    .await;
    let id = notify(&house, wish(&["email"])).await;
    house.drain().await;

    hand_over(&house, report(id, "delivered", "2.0.0", "marie@example.org")).await;
    house.ground.clock.forward(Duration::from_secs(3_600));
    house.drain().await;

    assert_eq!(email(&read(&house, id).await), (DeliveryState::Delivered, 1, None));
    assert_eq!(server.lines("DATA").len(), 1);
}
