//! Google in this process: gives tokens and takes messages, as its documents say
//! ("Service accounts: HTTP/REST" of Google Identity, "ErrorCode" of the FCM HTTP v1 API).
//!
//! A registration token says what becomes of its message: `UNREGISTERED`, `UNAVAILABLE 7` (with
//! `Retry-After: 7`), `BROKEN` and so on; any other is taken.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rsa::{
    RsaPrivateKey,
    pkcs8::{DecodePrivateKey, EncodePublicKey, LineEnding},
};
use rustls::ServerConfig;
use serde_json::{Value, json};

use super::service::{Reply, Seen, Service};

/// The service account's key.
pub const KEY: &str = include_str!("../rsa.pem");
/// Google's code, its status, and the general name of the status.
const ERRORS: [(&str, u16, &str); 9] = [
    ("UNREGISTERED", 404, "NOT_FOUND"),
    ("INVALID_ARGUMENT", 400, "INVALID_ARGUMENT"),
    ("SENDER_ID_MISMATCH", 403, "PERMISSION_DENIED"),
    ("THIRD_PARTY_AUTH_ERROR", 401, "UNAUTHENTICATED"),
    ("QUOTA_EXCEEDED", 429, "RESOURCE_EXHAUSTED"),
    ("UNAVAILABLE", 503, "UNAVAILABLE"),
    ("INTERNAL", 500, "INTERNAL"),
    // These come without a code of FCM's own.
    ("NOT_FOUND", 404, ""),
    ("PERMISSION_DENIED", 403, ""),
];

pub struct FcmServer {
    pub service: Service,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    given: AtomicUsize,
    /// No token is taken but the last of them.
    withdrawn: AtomicUsize,
    /// Google gives none.
    refuses: Mutex<bool>,
}

impl FcmServer {
    pub async fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let state = Arc::<State>::default();
        let google = Arc::clone(&state);
        let public = RsaPrivateKey::from_pkcs8_pem(KEY).unwrap().to_public_key();
        let public = public.to_public_key_pem(LineEnding::LF).unwrap();
        let key = DecodingKey::from_rsa_pem(public.as_bytes()).unwrap();
        let service = Service::start(tls, move |seen| match seen.path.as_str() {
            "/token" => Some(google.token(seen, &key)),
            "/v1/projects/iven-test/messages:send" => google.message(seen),
            _ => Some(Reply::new(404, "<html>not found</html>")),
        })
        .await;
        Self { service, state }
    }

    /// How many tokens were given.
    pub fn given(&self) -> usize {
        self.state.given.load(Ordering::SeqCst)
    }

    /// Takes those that were given by now back.
    pub fn withdraw(&self) {
        self.state.withdrawn.store(self.given(), Ordering::SeqCst);
    }

    /// Gives no token any more, or gives them again.
    pub fn refuse(&self, refuses: bool) {
        *self.state.refuses.lock().unwrap() = refuses;
    }

    /// The messages that arrived.
    pub fn messages(&self) -> Vec<Value> {
        let sent = self.service.seen().into_iter().filter(|seen| seen.path != "/token");
        sent.map(|seen| serde_json::from_slice::<Value>(&seen.body).unwrap()["message"].take())
            .collect()
    }

    /// The account's file.
    pub fn account(&self) -> String {
        json!({
            "type": "service_account",
            "project_id": "iven-test",
            "private_key_id": "k1",
            "private_key": KEY,
            "client_email": "worker@iven-test.example",
            "token_uri": format!("{}/token", self.service.url()),
        })
        .to_string()
    }
}

impl State {
    fn token(&self, seen: &Seen, key: &DecodingKey) -> Reply {
        if *self.refuses.lock().unwrap() {
            return Reply::new(400, json!({ "error": "invalid_grant" }).to_string());
        }
        let form: Vec<(String, String)> =
            url::form_urlencoded::parse(&seen.body).into_owned().collect();
        assert_eq!(form[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let mut rules = Validation::new(Algorithm::RS256);
        rules.validate_aud = false;
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(&form[1].1, key, &rules).unwrap().claims;
        assert_eq!(claims["iss"], "worker@iven-test.example");
        assert_eq!(claims["scope"], "https://www.googleapis.com/auth/firebase.messaging");
        assert!(claims["aud"].as_str().unwrap().ends_with("/token"));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
        let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        let token = format!("token-{number}");
        let given = json!({ "access_token": token, "expires_in": 3600, "token_type": "Bearer" });
        Reply::new(200, given.to_string())
    }

    fn message(&self, seen: &Seen) -> Option<Reply> {
        let right = seen.headers.get("authorization").cloned().unwrap_or_default();
        let number = right.strip_prefix("Bearer token-").and_then(|n| n.parse::<usize>().ok());
        if number.is_none_or(|number| number <= self.withdrawn.load(Ordering::SeqCst)) {
            return Some(refusal(401, "UNAUTHENTICATED", None));
        }
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        let token = body["message"]["token"].as_str().unwrap();
        let (word, after) = token.split_once(' ').unwrap_or((token, ""));
        if word == "BROKEN" {
            return None;
        }
        let Some((code, status, general)) = ERRORS.iter().find(|(code, ..)| *code == word) else {
            let name = format!("projects/iven-test/messages/{token}");
            return Some(Reply::new(200, json!({ "name": name }).to_string()));
        };
        let reply = match *general {
            "" => refusal(*status, code, None),
            general => refusal(*status, general, Some(code)),
        };
        Some(if after.is_empty() { reply } else { reply.with("retry-after", after) })
    }
}

fn refusal(status: u16, general: &str, code: Option<&str>) -> Reply {
    let kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
    let details: Vec<Value> =
        code.map(|code| json!({ "@type": kind, "errorCode": code })).into_iter().collect();
    let error = json!({
        "code": status,
        "message": "The words may name the token.",
        "status": general,
        "details": details,
    });
    Reply::new(status, json!({ "error": error }).to_string())
}
