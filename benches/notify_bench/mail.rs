//! Our own mailer, without the rest of the service.

use std::{sync::Arc, time::Duration};

use clap::Args;
use iven_worker::adapters::{
    clock::SystemClock,
    smtp::{Smtp, SmtpSettings},
    templates::Files,
};
use jobs::{
    model::Channel,
    ports::{Mail, Mailer, Templates, Words},
};
use serde_json::{Value, json};

use crate::rate;

/// Whom mails are from; the peer's, too.
pub const FROM: &str = "Iven <noreply@example.org>";
const UNSUBSCRIBE: &str = "https://iven.example.org/v1/unsubscribe/0123456789abcdef";

#[derive(Debug, Args)]
pub struct Wish {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    mails: usize,
    #[arg(long)]
    connections: u32,
}

/// An invitation by the built-in templates.
fn invitation() -> Words {
    let values = json!({
        "title": "Invitation",
        "body": "Arthur vous a invité à « Anniversaire Marie »",
        "data": { "eventId": 1, "eventTitle": "Anniversaire Marie", "actionUrl": "/events/1" },
        "user": { "fname": "Léa", "lname": "Martin", "username": "lea" },
        "actionUrl": "https://iven.example.org/events/1",
        "unsubscribeUrl": UNSUBSCRIBE,
        "appName": "Iven",
    });
    let values = serde_json::from_value(values).unwrap();
    let files = Files::open(None).unwrap();
    files.write("event_invite", Channel::Email, Some("fr"), &values).unwrap()
}

/// The mail, for others.
pub fn words() -> Value {
    let Words { title, text, html, .. } = invitation();
    let unsubscribe = UNSUBSCRIBE;
    json!({
        "from": FROM, "subject": title, "text": text, "html": html, "unsubscribe": unsubscribe,
    })
}

/// Mails a second, and processor time of one.
pub async fn measure(wish: &Wish) -> Value {
    let settings = SmtpSettings {
        url: format!("smtp://127.0.0.1:{}?tls=never", wish.port),
        from: FROM.to_owned(),
        hello: Some("example.org".to_owned()),
        connections: wish.connections,
        idle: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
        dkim: None,
        extra_root_pem: None,
    };
    let smtp = Arc::new(Smtp::new(&settings, Arc::new(SystemClock)).unwrap());
    let words = Arc::new(invitation());
    rate::measure(wish.mails, wish.connections as usize, move |n| {
        let (smtp, words) = (Arc::clone(&smtp), Arc::clone(&words));
        async move {
            smtp.send(&mail(&words, n)).await.unwrap();
        }
    })
    .await
}

fn mail(words: &Words, n: usize) -> Mail {
    Mail {
        id: format!("bench-{n}"),
        to: format!("user{n}@example.net"),
        to_name: Some("Léa Martin".to_owned()),
        subject: words.title.clone(),
        text: words.text.clone(),
        html: words.html.clone(),
        language: "fr".to_owned(),
        unsubscribe: Some(UNSUBSCRIBE.to_owned()),
    }
}
