//! One mail as a whole. `UPDATE_SNAPSHOTS=1` writes the files anew: read them before they are kept.

use std::{fs, path::Path};

use jobs::model::Channel;
use serde_json::json;

use super::{values, write};

#[test]
fn the_french_invitation_is_as_it_was() {
    let invitation = values(json!({
        "title": "Invitation événement",
        "body": "Arthur vous a invité à 'Anniversaire Marie'",
        "data": { "eventId": 1, "senderId": 15, "taskId": null, "actionUrl": "/events/1" },
        "user": { "fname": "Léa", "lname": "Martin", "username": "lea" },
        "actionUrl": "https://iven.example/events/1",
        "unsubscribeUrl": "https://iven.example/unsubscribe/4f9c1d",
        "appName": "Iven",
    }));

    let words = write("event_invite", Channel::Email, "fr-CA", &invitation);

    compare("event_invite.email.fr.txt", &format!("{}\n\n{}\n", words.title, words.text));
    compare("event_invite.email.fr.html", &format!("{}\n", words.html));
}

fn compare(name: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots").join(name);
    #[expect(clippy::disallowed_methods, reason = "a switch of the test, not of the program")]
    if std::env::var("UPDATE_SNAPSHOTS").is_ok() {
        fs::write(&path, now).unwrap();
    }
    let before = fs::read_to_string(&path).unwrap_or_default();
    let line = before.lines().zip(now.lines()).position(|(before, now)| before != now);
    assert!(before == now, "{name} is not as it was, from line {:?} on", line.map(|at| at + 1));
}
