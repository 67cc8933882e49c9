//! A push as FCM wants it: one message for Android, Apple's devices and browsers.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bson::DateTime;
use jobs::ports::{Push, Unsent, later};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::shortened::shortened;

/// What a device gets may have so many bytes ("maximum payload for both message types", Firebase).
const PAYLOAD_BYTES: usize = 4096;
/// FCM keeps nothing longer: four weeks.
const LONGEST: Duration = Duration::from_secs(2_419_200);
/// `apns-collapse-id` has at most 64 bytes (Apple), `Topic` 32 letters of base64url (RFC 8030).
const APNS_BYTES: usize = 64;
const TOPIC_BYTES: usize = 32;

/// The request's body; a text that is too long for a device is cut.
pub(super) fn body(token: &str, push: &Push, now: DateTime) -> Result<Vec<u8>, Unsent> {
    let fits = |text: &str| {
        let payload = json!({ "notification": notification(push, text), "data": push.data });
        payload.to_string().len() <= PAYLOAD_BYTES
    };
    let text = shortened(&push.body, fits).ok_or_else(|| Unsent::Never {
        code: "fcm_too_large".into(),
        message: "the push is too large for FCM, even without its text".into(),
    })?;
    let message = message(token, push, &text, now);
    Ok(json!({ "message": message }).to_string().into_bytes())
}

fn notification(push: &Push, text: &str) -> Value {
    json!({ "title": push.title, "body": text })
}

fn message(token: &str, push: &Push, text: &str, now: DateTime) -> Value {
    let kept = push.time_to_live.min(LONGEST);
    let ends = later(now, kept).timestamp_millis() / 1000;
    let seconds = kept.as_secs();
    let (android, apns, web) =
        if push.is_urgent { ("HIGH", "10", "high") } else { ("NORMAL", "5", "normal") };
    let aps = if push.is_urgent { json!({ "sound": "default" }) } else { json!({}) };
    json!({
        "token": token,
        "notification": notification(push, text),
        "data": push.data,
        "android": {
            "collapse_key": push.tag,
            "priority": android,
            "ttl": format!("{seconds}s"),
            // A push that comes twice is shown once.
            "notification": { "tag": push.tag },
        },
        "apns": {
            "headers": {
                "apns-collapse-id": within(&push.tag, APNS_BYTES),
                "apns-expiration": ends.to_string(),
                "apns-priority": apns,
            },
            "payload": { "aps": aps },
        },
        "webpush": {
            "headers": {
                "Topic": within(&push.tag, TOPIC_BYTES),
                "TTL": seconds.to_string(),
                "Urgency": web,
            },
            "notification": { "tag": push.tag },
        },
    })
}

/// The tag, or a word that stands for it where it is too long or has other letters.
fn within(tag: &str, bytes: usize) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !tag.is_empty() && tag.len() <= bytes && tag.bytes().all(fits) {
        return tag.to_owned();
    }
    URL_SAFE_NO_PAD.encode(Sha256::digest(tag)).chars().take(TOPIC_BYTES).collect()
}
