//! The right to send, for an hour at a time (RFC 7523).

use std::{sync::Arc, time::Duration};

use bson::DateTime;
use jobs::ports::{Clock, Unsent, later};
use jsonwebtoken::{Algorithm, Header};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::account::Account;
use crate::https::{Answer, Https, Silence};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// How long we ask for; Google gives no more.
const LIFE: Duration = Duration::from_secs(3600);
/// A token is renewed so long before its end: clocks differ, and requests take their time.
const BEFORE: Duration = Duration::from_secs(300);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    expires_in: u64,
}

#[derive(Clone)]
struct Token {
    text: Arc<str>,
    renewed_at: DateTime,
    ends_at: DateTime,
}

/// The token that all share.
pub(super) struct Tokens {
    account: Account,
    https: Https,
    clock: Arc<dyn Clock>,
    current: Mutex<Option<Token>>,
}

impl Tokens {
    pub(super) fn new(account: Account, https: Https, clock: Arc<dyn Clock>) -> Self {
        Self { account, https, clock, current: Mutex::default() }
    }

    pub(super) fn project(&self) -> &str {
        &self.account.project
    }

    /// The token of now. Whoever comes while one is fetched waits for it and fetches none.
    pub(super) async fn token(&self) -> Result<Arc<str>, Unsent> {
        let mut current = self.current.lock().await;
        let now = self.clock.now();
        let old = current.clone().filter(|token| now < token.ends_at);
        if let Some(token) = old.as_ref().filter(|token| now < token.renewed_at) {
            return Ok(Arc::clone(&token.text));
        }
        match (self.fetch(now).await, old) {
            (Ok(token), _) => Ok(Arc::clone(&current.insert(token).text)),
            // The old one holds for some minutes more.
            (Err(_), Some(old)) => Ok(old.text),
            (Err(error), None) => Err(error),
        }
    }

    /// Google does not take this one any more.
    pub(super) async fn forget(&self, token: &str) {
        let mut current = self.current.lock().await;
        current.take_if(|current| &*current.text == token);
    }

    async fn fetch(&self, now: DateTime) -> Result<Token, Unsent> {
        let body = format!("{GRANT}{}", self.assertion(now)?).into_bytes();
        let answer = self.https.post(&self.account.token_uri, &[FORM], body).await;
        let answer = answer.map_err(|silence| match silence {
            Silence::Away(words) | Silence::Bad(words) | Silence::Broken(words) => {
                away(&format!("no token: {words}"), None)
            }
        })?;
        if !answer.is_yes() {
            let after = answer.retry_after(now);
            return Err(away(&format!("Google gives no token: {}", reason(&answer)), after));
        }
        let given: Given = serde_json::from_slice(&answer.body)
            .map_err(|_| away("Google's answer holds no token", None))?;
        let ends_at = later(now, Duration::from_secs(given.expires_in));
        let renewed_after = Duration::from_secs(given.expires_in).saturating_sub(BEFORE);
        Ok(Token {
            text: given.access_token.into(),
            renewed_at: later(now, renewed_after),
            ends_at,
        })
    }

    fn assertion(&self, now: DateTime) -> Result<String, Unsent> {
        let iat = now.timestamp_millis() / 1000;
        let exp = later(now, LIFE).timestamp_millis() / 1000;
        let (iss, aud) = (self.account.email.as_str(), self.account.token_uri.as_str());
        let claims = Claims { iss, scope: SCOPE, aud, iat, exp };
        let mut header = Header::new(Algorithm::RS256);
        header.kid.clone_from(&self.account.key_id);
        jsonwebtoken::encode(&header, &claims, &self.account.key)
            .map_err(|_| away("the service account's key signs nothing", None))
    }
}

/// Without a token nothing can be sent: no message is at fault for it.
pub(super) fn away(message: &str, after: Option<Duration>) -> Unsent {
    Unsent::Away { message: message.to_owned(), after }
}

/// `invalid_grant` and the like (RFC 6749, 5.2); the rest of the answer names our account.
fn reason(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let refusal = serde_json::from_slice::<Refusal>(&answer.body).ok();
    let is_code = |code: &String| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let code = refusal.map(|refusal| refusal.error).filter(is_code);
    format!("{} {}", answer.status, code.unwrap_or_default()).trim().to_owned()
}
