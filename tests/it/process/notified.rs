//! The service is killed five times while it sends: nobody is forgotten, nobody gets a mail twice.

use std::{collections::BTreeMap, path::Path};

use bson::Document;
use futures_util::future::join_all;
use iven_worker::adapters::{
    documents::{Documents, Query},
    embedded,
    records::collections::{self, NOTIFICATIONS},
};
use reqwest::Client;
use serde_json::{Value, json};

use super::service::{PATIENCE, Service, until_in};
use crate::{
    faults::is_full,
    mail::server::{MailServer, Manner, Received},
    push::fcm_server::FcmServer,
};

/// How often the service is killed.
const KILLS: usize = 5;

/// What carries messages, and outlives the service.
struct World {
    mail: MailServer,
    google: FcmServer,
    client: Client,
    data: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        Self {
            mail: MailServer::start(Manner::good()).await,
            google: FcmServer::start(None).await,
            client: Client::new(),
            data: tempfile::tempdir().unwrap(),
        }
    }

    async fn service(&self) -> Service {
        let (url, account) = (self.mail.url(), self.google.account());
        let endpoint = self.google.service.url();
        let settings = [
            ("SMTP_URL", url.as_str()),
            ("IVEN__EMAIL__FROM", "Iven <noreply@iven.example>"),
            // Reports are handed over within a moment here.
            ("IVEN__EMAIL__REPORT_WAIT_SECONDS", "10"),
            ("IVEN__FCM__SERVICE_ACCOUNT", account.as_str()),
            ("IVEN__FCM__ENDPOINT", endpoint.as_str()),
        ];
        Service::start_with(self.data.path(), &settings).await
    }

    /// Whether the service has answered well.
    async fn send(&self, port: u16, method: &str, path: &str, body: String) -> bool {
        let method = method.parse().unwrap();
        let request = self.client.request(method, format!("http://127.0.0.1:{port}{path}"));
        request.body(body).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    /// Sends the wish for a notification; itself if that did not go well.
    async fn notify(&self, port: u16, n: usize) -> Option<usize> {
        let wish = json!({
            "userId": 42, "type": "message", "title": format!("Message {n}"), "body": "b",
            "channels": ["email", "push", "in_app"], "dedupeKey": format!("n-{n}"),
        });
        let is_sent = self.send(port, "POST", "/v1/notifications", wish.to_string()).await;
        (!is_sent).then_some(n)
    }

    /// The mail server reports each mail that it has taken, as one with DSN does.
    async fn report(&self, port: u16) {
        for mail in self.mail.mails() {
            let id = message_id(&mail);
            let report = format!(
                "MIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=\"b\"\r\n\r\n\
                 --b\r\nContent-Type: message/delivery-status\r\n\r\n\
                 Original-Envelope-Id: {id}\r\n\r\nFinal-Recipient: rfc822; {}\r\n\
                 Action: delivered\r\nStatus: 2.0.0\r\n\r\n--b--\r\n",
                mail.to
            );
            assert!(self.send(port, "POST", "/v1/inbound/dsn", report).await, "{id}");
        }
    }
}

/// The part of `Message-ID` that names the notification.
fn message_id(mail: &Received) -> String {
    let line = mail.content.lines().find(|line| line.starts_with("Message-ID: <")).unwrap();
    line["Message-ID: <".len()..].split('@').next().unwrap().to_owned()
}

async fn stored(data: &Path) -> Vec<Document> {
    let store = embedded::open(&data.join("records"), collections::ALL).unwrap();
    store.find(&NOTIFICATIONS, Query::over("userId_page", 5_000).at(42_i64)).await.unwrap()
}

#[tokio::test]
async fn killed_five_times_it_forgets_nobody_and_mails_nobody_twice() {
    let count = if is_full() { 1_000 } else { 120 };
    let world = World::new().await;
    let mut todo: Vec<usize> = Vec::new();
    let part = count / KILLS;
    for kill in 0..KILLS {
        let service = world.service().await;
        let port = service.port;
        let marie = json!({ "email": "marie@example.org", "locale": "fr" }).to_string();
        assert!(world.send(port, "PUT", "/v1/users/42", marie).await);
        let device = json!({ "kind": "fcm", "token": "token-1" }).to_string();
        assert!(world.send(port, "PUT", "/v1/users/42/devices/phone", device).await);
        world.report(port).await;
        let enough = world.mail.mails().len() + part / 2;
        let wishes = (kill * part..(kill + 1) * part).chain(std::mem::take(&mut todo));
        let sending = join_all(wishes.map(|n| world.notify(port, n)));
        let killing = async {
            until_in(PATIENCE, "half of the mails", async || {
                (world.mail.mails().len() >= enough).then_some(())
            })
            .await;
            service.kill();
        };
        todo = tokio::join!(sending, killing).0.into_iter().flatten().collect();
    }

    let service = world.service().await;
    world.report(service.port).await;
    let left = join_all((0..count).map(|n| world.notify(service.port, n))).await;
    assert!(left.iter().all(Option::is_none), "{left:?}");
    let last = until_in(PATIENCE * 2, "the end of all deliveries", async || {
        let pushed = tags(&world).len();
        (world.mail.mails().len() >= count && pushed >= count).then_some(())
    });
    last.await;
    world.report(service.port).await;
    until_in(PATIENCE * 2, "all ends written", async || {
        let path = "/v1/notifications?userId=42&status=pending";
        let (_, page) = service.ask(reqwest::Method::GET, path, Vec::new()).await;
        page["items"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    assert_eq!(service.terminate().await.code(), Some(0));

    let mut mails = BTreeMap::<String, usize>::new();
    for mail in world.mail.mails() {
        *mails.entry(message_id(&mail)).or_default() += 1;
    }
    let doubled: Vec<_> = mails.iter().filter(|(_, times)| **times > 1).collect();
    assert_eq!((mails.len(), doubled), (count, vec![]), "one mail each");
    let stored = stored(world.data.path()).await;
    assert_eq!(stored.len(), count, "one notification for each key");
    for of in &stored {
        let in_app = of.get_document("deliveries").unwrap().get_document("in_app").unwrap();
        assert_eq!(in_app.get_str("state").unwrap(), "sent");
        let attempts = in_app.get("attempts").and_then(|count| count.as_i64());
        assert_eq!(attempts, Some(1));
    }
    let tags = tags(&world);
    println!("{count} notifications, {KILLS} kills: {} pushes", tags.values().sum::<usize>());
    assert_eq!(tags.len(), count);
}

/// How often each notification was pushed, by what a later copy replaces an earlier one with.
fn tags(world: &World) -> BTreeMap<String, usize> {
    let mut tags = BTreeMap::new();
    for message in world.google.messages() {
        let tag = |value: &Value| value.as_str().unwrap().to_owned();
        let collapse = tag(&message["android"]["collapse_key"]);
        assert_eq!(collapse, tag(&message["data"]["notificationId"]));
        *tags.entry(collapse).or_default() += 1;
    }
    tags
}
