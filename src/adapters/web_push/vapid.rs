//! Who we are for push services: a key that signs, and an address for questions (RFC 8292).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::{
    Engine,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use bson::DateTime;
use jobs::ports::{PortError, later};
use p256::{
    SecretKey,
    ecdsa::{Signature, SigningKey, signature::Signer},
    elliptic_curve::sec1::ToEncodedPoint,
    pkcs8::DecodePrivateKey,
};
use serde_json::json;

/// Services take no signature for longer than a day.
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// A signature is used for so long; the rest of its life is for clocks that differ.
const USED: Duration = Duration::from_secs(6 * 3600);
/// There are three or four push services; more names than this are somebody's game.
const SERVICES: usize = 100;

/// What signs.
pub(super) struct Vapid {
    key: SigningKey,
    public: String,
    subject: String,
    /// By service: the header, and when it is written anew.
    written: Mutex<HashMap<String, (String, DateTime)>>,
}

impl Vapid {
    /// The key is a PEM or 32 bytes in base64url, the subject `mailto:` or a page.
    pub(super) fn new(key: &str, subject: &str) -> Result<Self, PortError> {
        if !subject.starts_with("mailto:") && !subject.starts_with("https://") {
            let message = "the subject of web pushes is mailto:someone@example.org or a page";
            return Err(PortError::refused("bad_vapid_subject", message));
        }
        let secret = read(key).ok_or_else(|| {
            let message = "the key of web pushes is no P-256 key as PEM or as base64url";
            PortError::refused("bad_vapid_key", message)
        })?;
        let public = secret.public_key().to_encoded_point(false);
        Ok(Self {
            key: SigningKey::from(&secret),
            public: URL_SAFE_NO_PAD.encode(public.as_bytes()),
            subject: subject.to_owned(),
            written: Mutex::default(),
        })
    }

    /// What browsers subscribe with: `applicationServerKey`.
    pub(super) fn public(&self) -> &str {
        &self.public
    }

    /// The header `Authorization` for a service, such as `https://push.example.org`.
    pub(super) fn authorization(&self, service: &str, now: DateTime) -> String {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((header, until)) = written.get(service)
            && now < *until
        {
            return header.clone();
        }
        if written.len() >= SERVICES {
            written.clear();
        }
        let header = self.write(service, now);
        written.insert(service.to_owned(), (header.clone(), later(now, USED)));
        header
    }

    fn write(&self, service: &str, now: DateTime) -> String {
        let exp = later(now, LIFE).timestamp_millis() / 1000;
        let head = json!({ "typ": "JWT", "alg": "ES256" });
        let claims = json!({ "aud": service, "exp": exp, "sub": self.subject });
        let [head, claims] = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{head}.{claims}");
        let signature: Signature = self.key.sign(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
        format!("vapid t={signed}.{signature}, k={}", self.public)
    }
}

fn read(key: &str) -> Option<SecretKey> {
    let key = key.trim();
    if key.starts_with("-----") {
        return SecretKey::from_pkcs8_pem(key).or_else(|_| SecretKey::from_sec1_pem(key)).ok();
    }
    let bytes = URL_SAFE_NO_PAD.decode(key).or_else(|_| URL_SAFE.decode(key)).ok()?;
    SecretKey::from_slice(&bytes).ok()
}
