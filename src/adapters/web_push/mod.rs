//! Hands pushes to the push services of browsers (RFC 8030).
//!
//! Where these are, strangers say: none of them can stop pushes to others, and none leads into our
//! own network.

mod encrypt;
mod vapid;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{
    Engine,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use bson::DateTime;
use jobs::{
    model::{Device, DeviceAddress, Subscription, SubscriptionKeys},
    ports::{Clock, PortError, Push, Pusher, Taken, Unsent},
};
use p256::{PublicKey, SecretKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

use self::{
    encrypt::{Chance, Reader, TEXT_BYTES, encrypt},
    vapid::Vapid,
};
use crate::{
    https::{Answer, Https, Silence, Way},
    shortened::shortened,
};

/// Google's service keeps nothing longer: four weeks.
const LONGEST: Duration = Duration::from_secs(2_419_200);
/// `Topic` has at most so many letters of base64url (RFC 8030, 5.4).
const TOPIC_BYTES: usize = 32;

/// Who we are for push services.
#[derive(Clone)]
pub struct WebPushSettings {
    /// A key of P-256: PEM, or its 32 bytes in base64url.
    pub vapid_key: String,
    /// `mailto:someone@example.org`: whom a service asks when something is wrong.
    pub subject: String,
    /// The longest silence of a service.
    pub timeout: Duration,
    /// Also services in our own network and without TLS: for tests.
    pub allow_private: bool,
    /// A certificate authority to be believed beside the machine's.
    pub extra_root_pem: Option<String>,
}

/// The port `Pusher` fulfilled by browsers' push services.
pub struct WebPush {
    vapid: Vapid,
    https: Https,
    chance: SystemRandom,
    clock: Arc<dyn Clock>,
}

impl WebPush {
    /// A pusher by these settings; nobody is called yet.
    pub fn new(settings: &WebPushSettings, clock: Arc<dyn Clock>) -> Result<Self, PortError> {
        let way = Way {
            timeout: settings.timeout,
            extra_root_pem: settings.extra_root_pem.as_deref(),
            only_http2: None,
            is_fenced: !settings.allow_private,
        };
        Ok(Self {
            vapid: Vapid::new(&settings.vapid_key, &settings.subject)?,
            https: Https::new(way)?,
            chance: SystemRandom::new(),
            clock,
        })
    }

    /// What browsers subscribe with: `applicationServerKey`, in base64url.
    pub fn public_key(&self) -> &str {
        self.vapid.public()
    }

    /// A key for one letter: a number of 32 bytes is nearly always one.
    fn chance(&self) -> Option<Chance> {
        let (mut key, mut salt) = ([0; 32], [0; 16]);
        self.chance.fill(&mut salt).ok()?;
        (0..4).find_map(|_| {
            self.chance.fill(&mut key).ok()?;
            let key = SecretKey::from_slice(&key).ok()?;
            Some(Chance { key, salt })
        })
    }

    async fn post(
        &self,
        subscription: &Subscription,
        push: &Push,
        now: DateTime,
    ) -> Result<Answer, Unsent> {
        let service = Url::parse(&subscription.endpoint).ok().filter(Url::has_host);
        let service = service.ok_or_else(|| gone("webpush_bad_endpoint", "its address is none"))?;
        let reader = reader(&subscription.keys)
            .ok_or_else(|| gone("webpush_bad_keys", "its keys are none"))?;
        let text = text(push).ok_or_else(too_large)?;
        let chance =
            self.chance().ok_or_else(|| later_on("webpush_no_chance", "no random", None))?;
        let body = encrypt(text.as_bytes(), &reader, &chance).ok_or_else(too_large)?;
        let seconds = push.time_to_live.min(LONGEST).as_secs().to_string();
        let right = self.vapid.authorization(&service.origin().ascii_serialization(), now);
        let headers = [
            ("authorization", right.as_str()),
            ("content-encoding", "aes128gcm"),
            ("content-type", "application/octet-stream"),
            ("ttl", &seconds),
            ("topic", &topic(&push.tag)),
            ("urgency", if push.is_urgent { "high" } else { "normal" }),
        ];
        self.https.post(service.as_str(), &headers, body).await.map_err(|silence| match silence {
            Silence::Bad(words) => gone("webpush_bad_endpoint", &words),
            Silence::Away(words) => later_on("webpush_unreachable", &words, None),
            Silence::Broken(message) => Unsent::Unknown { message },
        })
    }
}

#[async_trait]
impl Pusher for WebPush {
    async fn send(&self, device: &Device, push: &Push) -> Result<Taken, Unsent> {
        let DeviceAddress::Webpush { subscription } = &device.address else {
            let message = "the device is not reached by web push".into();
            return Err(Unsent::Never { code: "webpush_other_device".into(), message });
        };
        let now = self.clock.now();
        let answer = self.post(subscription, push, now).await?;
        match answer.is_yes() {
            true => Ok(Taken { id: None, is_reported: false }),
            false => Err(unsent(&answer, now)),
        }
    }

    async fn check(&self) -> Result<String, PortError> {
        Ok(format!("browsers subscribe to web pushes with the key {}", self.vapid.public()))
    }
}

/// What a refusal means (RFC 8030, and what Mozilla's service documents).
fn unsent(answer: &Answer, now: DateTime) -> Unsent {
    let message = format!("the push service says {}", answer.status);
    let code = format!("webpush_{}", answer.status);
    match answer.status {
        404 | 410 => gone("webpush_gone", &message),
        401 | 403 => Unsent::Never { code: "webpush_vapid".into(), message },
        413 => too_large(),
        429 | 500.. => later_on(&code, &message, answer.retry_after(now)),
        _ => Unsent::Never { code, message },
    }
}

fn gone(code: &str, words: &str) -> Unsent {
    Unsent::Gone { code: code.into(), message: format!("the subscription is of no use: {words}") }
}

fn later_on(code: &str, message: &str, after: Option<Duration>) -> Unsent {
    Unsent::Later { code: code.into(), message: message.into(), after }
}

fn too_large() -> Unsent {
    let message = "the push is too large for push services".into();
    Unsent::Never { code: "webpush_too_large".into(), message }
}

/// What the page's service worker reads; a text that is too long is cut.
fn text(push: &Push) -> Option<String> {
    let whole = |body: &str| {
        let (title, tag, data) = (&push.title, &push.tag, &push.data);
        json!({ "title": title, "body": body, "tag": tag, "data": data }).to_string()
    };
    shortened(&push.body, |body| whole(body).len() <= TEXT_BYTES).map(|body| whole(&body))
}

fn reader(keys: &SubscriptionKeys) -> Option<Reader> {
    let bytes = |text: &str| {
        URL_SAFE_NO_PAD.decode(text.trim()).or_else(|_| URL_SAFE.decode(text.trim())).ok()
    };
    let key = PublicKey::from_sec1_bytes(&bytes(&keys.p256dh)?).ok()?;
    let secret = bytes(&keys.auth).filter(|secret| secret.len() == 16)?;
    Some(Reader { key, secret })
}

/// The tag, or a word that stands for it.
fn topic(tag: &str) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !tag.is_empty() && tag.len() <= TOPIC_BYTES && tag.bytes().all(fits) {
        return tag.to_owned();
    }
    URL_SAFE_NO_PAD.encode(Sha256::digest(tag)).chars().take(TOPIC_BYTES).collect()
}
