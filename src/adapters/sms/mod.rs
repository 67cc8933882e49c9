//! Hands text messages to Twilio, or to a service that takes the same requests.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use bson::DateTime;
use jobs::ports::{Clock, PortError, Taken, Texter, Unsent};
use serde::Deserialize;
use url::{Url, form_urlencoded::Serializer};

use crate::https::{Answer, Https, Silence, Way};

/// Twilio's codes for numbers that nothing is sent to: it has said STOP, is none, takes no texts.
const GONE: [u32; 3] = [21610, 21211, 21614];

/// The account at the service.
#[derive(Clone)]
pub struct SmsSettings {
    /// Where messages are posted, with the account in it:
    /// `https://api.twilio.com/2010-04-01/Accounts/AC.../Messages.json`.
    pub url: String,
    /// The account or the key.
    pub user: String,
    /// Its secret.
    pub password: String,
    /// The number or the name that texts come from.
    pub from: String,
    /// The longest silence of the service.
    pub timeout: Duration,
    /// A certificate authority to be believed beside the machine's.
    pub extra_root_pem: Option<String>,
}

/// The port `Texter` fulfilled by such a service.
pub struct Sms {
    url: Url,
    right: String,
    from: String,
    https: Https,
    clock: Arc<dyn Clock>,
}

impl Sms {
    /// A texter by these settings; nobody is called yet.
    pub fn new(settings: &SmsSettings, clock: Arc<dyn Clock>) -> Result<Self, PortError> {
        let url = Url::parse(&settings.url).ok();
        let url = url.filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        let url = url.ok_or_else(|| {
            let message =
                format!("the address of the text message service is none: {}", settings.url);
            PortError::refused("bad_sms_url", message)
        })?;
        let right = STANDARD.encode(format!("{}:{}", settings.user, settings.password));
        let way = Way {
            timeout: settings.timeout,
            extra_root_pem: settings.extra_root_pem.as_deref(),
            only_http2: None,
            is_fenced: false,
        };
        Ok(Self {
            url,
            right: format!("Basic {right}"),
            from: settings.from.clone(),
            https: Https::new(way)?,
            clock,
        })
    }
}

#[async_trait]
impl Texter for Sms {
    async fn send(&self, to: &str, text: &str) -> Result<Taken, Unsent> {
        let fields = [("From", self.from.as_str()), ("To", to), ("Body", text)];
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = [
            ("authorization", self.right.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let answer = self.https.post(self.url.as_str(), &headers, body.into_bytes()).await;
        let answer = answer.map_err(|silence| match silence {
            Silence::Away(message) | Silence::Bad(message) => Unsent::Away { message, after: None },
            Silence::Broken(message) => Unsent::Unknown { message },
        })?;
        let said: Said = serde_json::from_slice(&answer.body).unwrap_or_default();
        match answer.is_yes() {
            true => Ok(Taken { id: said.sid, is_reported: false }),
            false => Err(unsent(&answer, &said, self.clock.now())),
        }
    }

    async fn check(&self) -> Result<String, PortError> {
        let host = self.url.host_str().unwrap_or_default();
        Ok(format!("texts go to {host}; it is not asked before there is one"))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    sid: Option<String>,
    code: Option<u32>,
}

/// The service's sentences name the number: only its codes are repeated.
fn unsent(answer: &Answer, said: &Said, now: DateTime) -> Unsent {
    let number = said.code.unwrap_or(u32::from(answer.status));
    let code = format!("sms_{number}");
    let message = format!("the text message service says {} ({number})", answer.status);
    let after = answer.retry_after(now);
    match answer.status {
        // A wrong account or password is no text's fault.
        401 | 403 if said.code.is_none_or(|code| !(21000..22000).contains(&code)) => {
            Unsent::Away { message, after }
        }
        429 => Unsent::Away { message, after },
        _ if GONE.contains(&number) => Unsent::Gone { code, message },
        400..500 => Unsent::Never { code, message },
        503 => Unsent::Later { code, message, after },
        // Somebody between us and the service may have handed it on before it gave up.
        _ => Unsent::Unknown { message },
    }
}
