//! What FCM's answers mean for a push ("ErrorCode" in the reference of the FCM HTTP v1 API).

use std::time::Duration;

use bson::DateTime;
use jobs::ports::Unsent;
use serde::Deserialize;

use crate::https::Answer;

/// A quota is for a minute, and then it is whole again (Firebase, sending at scale).
const WITHOUT_WORDS: Duration = Duration::from_secs(60);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    error: Fault,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fault {
    status: String,
    details: Vec<Detail>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail {
    #[serde(rename = "errorCode")]
    code: Option<String>,
}

/// FCM's own code, or the general one.
fn code(answer: &Answer) -> String {
    let fault = serde_json::from_slice::<Body>(&answer.body).unwrap_or_default().error;
    let own = fault.details.into_iter().find_map(|detail| detail.code);
    let code = own.unwrap_or(fault.status);
    let is_code = !code.is_empty() && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    if is_code { code } else { answer.status.to_string() }
}

/// Whether it is our token that is not taken, and not a key of Apple's or a browser's.
pub(super) fn is_about_the_token(answer: &Answer) -> bool {
    answer.status == 401 && code(answer) != "THIRD_PARTY_AUTH_ERROR"
}

/// What a refusal means.
pub(super) fn unsent(answer: &Answer, now: DateTime) -> Unsent {
    let name = code(answer);
    let message = format!("FCM says {} {name}", answer.status);
    let code = format!("fcm_{}", name.to_lowercase());
    let after = answer.retry_after(now);
    match (name.as_str(), answer.status) {
        ("UNREGISTERED", _) => Unsent::Gone { code, message },
        ("INVALID_ARGUMENT" | "SENDER_ID_MISMATCH", _) => Unsent::Never { code, message },
        ("THIRD_PARTY_AUTH_ERROR", _) => Unsent::Later { code, message, after },
        ("QUOTA_EXCEEDED", _) | (_, 429) => {
            Unsent::Away { message, after: after.or(Some(WITHOUT_WORDS)) }
        }
        // Our right to send, and the whole service: no push is at fault.
        ("UNAVAILABLE", _) | (_, 401 | 403 | 503) => Unsent::Away { message, after },
        // Without UNREGISTERED it is the project that nobody knows, not the device.
        (_, 404 | 500..) => Unsent::Later { code, message, after },
        _ => Unsent::Never { code, message },
    }
}
