//! Who may do what: keys of services and tokens of end users.

use jobs::{
    model::{EventId, UserId},
    ports::Clock,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::caller::{Caller, Person};

/// A token that says it lives longer than this from now on is worth nothing: it cannot be called
/// back, and whoever signs tokens can sign another.
const LONGEST_LIFE_SECONDS: i64 = 31 * 24 * 3600;

/// What a key or token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the contract explains its own words")]
pub enum Scope {
    Upload,
    Read,
    Enqueue,
    Notify,
    Admin,
}

/// The key of a service.
#[derive(Debug, Clone)]
pub struct Key {
    /// SHA-256 of the key: what lies in memory opens nothing.
    digest: [u8; 32],
    scopes: Vec<Scope>,
}

impl Key {
    /// The key `secret` with these scopes.
    pub fn new(secret: &str, scopes: Vec<Scope>) -> Self {
        Self { digest: Sha256::digest(secret).into(), scopes }
    }
}

/// All keys, and how tokens are checked.
pub struct Access {
    keys: Vec<Key>,
    secret: Option<Hs256>,
    public: Option<DecodingKey>,
    clock: std::sync::Arc<dyn Clock>,
}

struct Hs256 {
    sign: EncodingKey,
    check: DecodingKey,
}

/// What an end user's token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id in MySQL.
    pub sub: String,
    /// The events whose media the user may see.
    #[serde(default)]
    pub events: Vec<EventId>,
    /// Only this upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// Space-separated; `upload read` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Until when, in seconds since 1970.
    pub exp: i64,
}

impl Access {
    /// Access by these keys, and by tokens signed with `secret` (HS256) or by the owner of the
    /// `public` key (EdDSA, PEM).
    pub fn new(
        keys: Vec<Key>,
        secret: Option<&str>,
        public: Option<&str>,
        clock: std::sync::Arc<dyn Clock>,
    ) -> Result<Self, jsonwebtoken::errors::Error> {
        let secret = secret.map(|secret| Hs256 {
            sign: EncodingKey::from_secret(secret.as_bytes()),
            check: DecodingKey::from_secret(secret.as_bytes()),
        });
        let public = public.map(|pem| DecodingKey::from_ed_pem(pem.as_bytes())).transpose()?;
        Ok(Self { keys, secret, public, clock })
    }

    /// Whether anybody at all is let in: no key is configured (the server then listens to this
    /// machine only).
    pub fn is_open(&self) -> bool {
        self.keys.is_empty()
    }

    /// Who shows this credential; `None` if it is worth nothing.
    pub fn caller(&self, credential: Option<&str>) -> Option<Caller> {
        let Some(credential) = credential else {
            return self.is_open().then_some(Caller::Service(ALL.to_vec()));
        };
        let digest: [u8; 32] = Sha256::digest(credential).into();
        // All keys are compared, each in constant time: an answer's time tells nothing.
        let mut matching = self.keys.iter().filter(|key| bool::from(key.digest.ct_eq(&digest)));
        match matching.next_back() {
            Some(key) => Some(Caller::Service(key.scopes.clone())),
            None => self.person(credential).map(Caller::Person),
        }
    }

    /// The end user who has this token; `None` if it is worth nothing.
    pub fn person(&self, token: &str) -> Option<Person> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let key = match header.alg {
            Algorithm::HS256 => &self.secret.as_ref()?.check,
            Algorithm::EdDSA => self.public.as_ref()?,
            _ => return None,
        };
        let mut rules = Validation::new(header.alg);
        // The end is compared with our own clock below, without the library's leeway of a minute.
        rules.validate_exp = false;
        rules.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, key, &rules).ok()?.claims;
        let left = claims.exp.saturating_mul(1000) - self.clock.now().timestamp_millis();
        if left <= 0 || left > LONGEST_LIFE_SECONDS * 1000 {
            return None;
        }
        let scopes = match &claims.scope {
            Some(words) => words.split(' ').filter_map(scope_named).collect(),
            None => vec![Scope::Upload, Scope::Read],
        };
        let id = UserId(claims.sub.parse().ok()?);
        let Claims { events, upload, .. } = claims;
        let ends_at = bson::DateTime::from_millis(claims.exp.saturating_mul(1000));
        Some(Person { id, events, upload, scopes, ends_at })
    }

    /// A token that says `claims`; `None` without a shared key.
    pub fn mint(&self, claims: &Claims) -> Option<Result<String, jsonwebtoken::errors::Error>> {
        let secret = self.secret.as_ref()?;
        Some(jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &secret.sign))
    }
}

/// Whether this is a public key that tokens can be checked with.
pub fn is_public_key(pem: &str) -> bool {
    DecodingKey::from_ed_pem(pem.as_bytes()).is_ok()
}

const ALL: [Scope; 5] = [Scope::Upload, Scope::Read, Scope::Enqueue, Scope::Notify, Scope::Admin];

/// Whether these words, a space between, are scopes that an end user's token can carry.
pub fn are_for_people(words: &str) -> bool {
    words.split(' ').all(|word| scope_named(word).is_some())
}

/// The scopes that an end user's token can carry; the others are for services.
fn scope_named(word: &str) -> Option<Scope> {
    match word {
        "upload" => Some(Scope::Upload),
        "read" => Some(Scope::Read),
        _ => None,
    }
}
