//! Web Push, on a push service of our own and a browser that reads its letters.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use iven_worker::adapters::web_push::{WebPush, WebPushSettings};
use jobs::{
    model::{Device, DeviceAddress, Subscription, SubscriptionKeys},
    ports::{PortError, Push, Pusher},
};
use p256::{
    PublicKey, SecretKey,
    ecdsa::{Signature, VerifyingKey, signature::Verifier},
    elliptic_curve::sec1::ToEncodedPoint,
    pkcs8::{EncodePrivateKey, LineEnding},
};
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf,
};
use serde_json::{Value, json};

use super::{
    Duration, TestClock, push, said,
    service::{Reply, Seen, Service},
};
use crate::certificates;

const AUTH: [u8; 16] = [7; 16];

fn browser() -> SecretKey {
    SecretKey::from_slice(&[9; 32]).unwrap()
}

fn settings() -> WebPushSettings {
    WebPushSettings {
        vapid_key: URL_SAFE_NO_PAD.encode([5; 32]),
        subject: "mailto:ops@iven.test".into(),
        timeout: Duration::from_secs(5),
        allow_private: true,
        extra_root_pem: Some(certificates::known().pem.clone()),
    }
}

fn subscribed(endpoint: &str) -> Device {
    let point = browser().public_key().to_encoded_point(false);
    let keys = SubscriptionKeys {
        p256dh: URL_SAFE_NO_PAD.encode(point.as_bytes()),
        auth: URL_SAFE_NO_PAD.encode(AUTH),
    };
    let subscription = Subscription { endpoint: endpoint.into(), expiration_time: None, keys };
    super::device(DeviceAddress::Webpush { subscription })
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]], length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    secret.expand(info, Length(length)).unwrap().fill(&mut out).unwrap();
    out
}

/// What the browser does with a body.
fn open(body: &[u8]) -> Value {
    let (salt, rest) = body.split_at(16);
    let (size, rest) = rest.split_at(4);
    assert_eq!((size, rest[0]), (&4096_u32.to_be_bytes()[..], 65));
    let (theirs, record) = rest[1..].split_at(65);
    let sender = PublicKey::from_sec1_bytes(theirs).unwrap();
    let shared = sender.to_projective() * *browser().to_nonzero_scalar();
    let shared = shared.to_affine().to_encoded_point(false);
    let own = browser().public_key().to_encoded_point(false);
    let info: [&[u8]; 3] = [b"WebPush: info\0", own.as_bytes(), theirs];
    let secret = derive(&AUTH, shared.x().unwrap(), &info, 32);
    let key = derive(salt, &secret, &[b"Content-Encoding: aes128gcm\0"], 16);
    let nonce = derive(salt, &secret, &[b"Content-Encoding: nonce\0"], 12);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(&nonce).unwrap();
    let mut record = record.to_vec();
    let text = key.open_in_place(nonce, Aad::empty(), &mut record).unwrap();
    let (last, text) = text.split_last().unwrap();
    assert_eq!(*last, 2);
    serde_json::from_slice(text).unwrap()
}

/// The claims of a right that is signed by the key beside it.
fn claims(seen: &Seen) -> (Value, String) {
    let right = seen.headers["authorization"].strip_prefix("vapid t=").unwrap();
    let (token, key) = right.split_once(", k=").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let verifier = VerifyingKey::from_sec1_bytes(&bytes(key)).unwrap();
    let signature = Signature::from_slice(&bytes(signature)).unwrap();
    verifier.verify(signed.as_bytes(), &signature).unwrap();
    let claims = serde_json::from_slice(&bytes(signed.split_once('.').unwrap().1)).unwrap();
    (claims, key.to_owned())
}

#[tokio::test]
async fn only_the_browser_reads_a_push() {
    let tls = certificates::known().server(&["h2", "http/1.1"]);
    let service = Service::start(Some(tls), |_| Some(Reply::new(201, ""))).await;
    let web_push = WebPush::new(&settings(), TestClock::new()).unwrap();
    let device = subscribed(&format!("{}/push/abc?d=1", service.url()));

    web_push.send(&device, &push()).await.unwrap();
    let long = Push { body: "é".repeat(5000), is_urgent: true, tag: "a b".into(), ..push() };
    web_push.send(&device, &long).await.unwrap();

    let [first, second] = &service.seen()[..] else { panic!("two requests") };
    let expected = json!({
        "title": "Fête",
        "body": "C'est prêt",
        "tag": "65f0c0ffee65f0c0ffee65f0",
        "data": { "eventId": "7" },
    });
    assert_eq!(open(&first.body), expected);
    let header = |seen: &Seen, name: &str| seen.headers[name].clone();
    let said = ["ttl", "urgency", "topic", "content-encoding"].map(|name| header(first, name));
    assert_eq!(said, ["600", "normal", "65f0c0ffee65f0c0ffee65f0", "aes128gcm"]);
    let (claims, key) = claims(first);
    let expected = json!({
        "aud": service.url(), "exp": 1_767_225_600 + 12 * 3600, "sub": "mailto:ops@iven.test",
    });
    assert_eq!((claims, key.as_str()), (expected, web_push.public_key()));
    assert!((4090..=4096).contains(&second.body.len()), "{}", second.body.len());
    assert!(open(&second.body)["body"].as_str().unwrap().ends_with("é…"));
    assert_eq!((&*header(second, "urgency"), header(second, "topic").len()), ("high", 32));
}

#[tokio::test]
async fn refusals_say_what_becomes_of_push_and_device() {
    for (status, expected) in [
        (404, ("gone", "webpush_gone", None)),
        (410, ("gone", "webpush_gone", None)),
        (413, ("never", "webpush_too_large", None)),
        (400, ("never", "webpush_400", None)),
        (401, ("never", "webpush_vapid", None)),
        (403, ("never", "webpush_vapid", None)),
        (429, ("later", "webpush_429", Some(9))),
        (500, ("later", "webpush_500", Some(9))),
        (503, ("later", "webpush_503", Some(86_400))),
        (302, ("never", "webpush_302", None)),
    ] {
        let service = Service::start(None, move |_| {
            let reply = Reply::new(status, "x".repeat(1 << 20))
                .with("retry-after", if status == 503 { "99999999999" } else { "9" });
            Some(reply.with("location", "/elsewhere"))
        })
        .await;
        let web_push = WebPush::new(&settings(), TestClock::new()).unwrap();

        let unsent = web_push.send(&subscribed(&service.url()), &push()).await.unwrap_err();

        assert_eq!(said(&unsent), expected, "{unsent:?}");
        assert_eq!(service.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_service_that_is_away_stops_no_other() {
    let broken = Service::start(None, |_| None).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let web_push = WebPush::new(&settings(), TestClock::new()).unwrap();

    for (endpoint, expected) in [
        (broken.url(), ("unknown", "", None)),
        (format!("http://{closed}/push"), ("later", "webpush_unreachable", None)),
    ] {
        let unsent = web_push.send(&subscribed(&endpoint), &push()).await.unwrap_err();

        assert_eq!(said(&unsent), expected, "{unsent:?}");
    }
}

#[tokio::test]
async fn nobody_leads_us_into_our_own_network() {
    let tls = certificates::known().server(&[]);
    let service = Service::start(Some(tls), |_| Some(Reply::new(201, ""))).await;
    let fenced = WebPushSettings { allow_private: false, ..settings() };
    let web_push = WebPush::new(&fenced, TestClock::new()).unwrap();

    for (endpoint, code) in [
        (format!("https://{}/push", service.address), "webpush_bad_endpoint"),
        ("http://push.example.org/push".into(), "webpush_bad_endpoint"),
        ("https://169.254.169.254/latest/meta-data".into(), "webpush_bad_endpoint"),
        ("https://[::1]/push".into(), "webpush_bad_endpoint"),
        ("https://2130706433/push".into(), "webpush_bad_endpoint"),
        ("file:///etc/passwd".into(), "webpush_bad_endpoint"),
        ("no address".into(), "webpush_bad_endpoint"),
        // A name is judged by where it leads.
        (service.url(), "webpush_unreachable"),
    ] {
        let unsent = web_push.send(&subscribed(&endpoint), &push()).await.unwrap_err();

        assert_eq!(said(&unsent).1, code, "{endpoint}: {unsent:?}");
    }
    assert_eq!((service.seen().len(), service.connections()), (0, 0));
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    let key = SecretKey::from_slice(&[5; 32]).unwrap();
    let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
    let old = key.to_sec1_pem(LineEnding::LF).unwrap().to_string();
    let clock = TestClock::new();
    let made = |vapid_key: &str, subject: &str| {
        let (vapid_key, subject) = (vapid_key.to_owned(), subject.to_owned());
        WebPush::new(&WebPushSettings { vapid_key, subject, ..settings() }, clock.clone())
    };
    let raw = settings().vapid_key;
    let same = [pem.as_str(), &old, &raw]
        .map(|key| made(key, "mailto:a@b.test").unwrap().public_key().to_owned());
    assert!(same[0] == same[1] && same[1] == same[2]);
    for (key, subject) in [("", "mailto:a@b.test"), ("geheim", "mailto:a@b.test"), (&raw, "a@b")] {
        let refused = made(key, subject).err();
        assert!(matches!(refused, Some(PortError::Refused { .. })), "{refused:?}");
    }

    let mut device = subscribed("http://localhost:1/push");
    if let DeviceAddress::Webpush { subscription } = &mut device.address {
        subscription.keys.p256dh = "AAAA".into();
    }
    let unsent = made(&raw, "mailto:a@b.test").unwrap().send(&device, &push()).await.unwrap_err();
    assert_eq!(said(&unsent), ("gone", "webpush_bad_keys", None));
}
