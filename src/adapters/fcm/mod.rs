//! Hands pushes to Firebase Cloud Messaging, by its HTTP v1 API.

mod account;
mod answer;
mod body;
mod tokens;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jobs::{
    model::{Device, DeviceAddress},
    ports::{Clock, PortError, Push, Pusher, Taken, Unsent},
};
use serde::Deserialize;

use self::{account::Account, tokens::Tokens};
use crate::https::{Answer, Https, Silence, Way};

/// Where Google takes messages.
const ENDPOINT: &str = "https://fcm.googleapis.com";
/// Servers let one connection carry some hundred requests at a time: with 50 ms for each answer
/// these are 8,000 pushes a second.
const CONNECTIONS: usize = 4;

/// The service account, and for tests another Google.
#[derive(Clone)]
pub struct FcmSettings {
    /// The JSON of Google's console, or the path of the file that has it.
    pub service_account: String,
    /// Instead of `https://fcm.googleapis.com`; over `http://` HTTP/2 is spoken all the same.
    pub endpoint: Option<String>,
    /// Instead of the account's `token_uri`.
    pub token_uri: Option<String>,
    /// The longest silence of Google.
    pub timeout: Duration,
    /// A certificate authority to be believed beside the machine's.
    pub extra_root_pem: Option<String>,
}

/// The port `Pusher` fulfilled by FCM.
pub struct Fcm {
    url: String,
    https: Https,
    tokens: Tokens,
    clock: Arc<dyn Clock>,
}

impl Fcm {
    /// A pusher by these settings; the account's file is read, and nobody is called yet.
    pub fn new(settings: &FcmSettings, clock: Arc<dyn Clock>) -> Result<Self, PortError> {
        let mut account = Account::read(&settings.service_account)?;
        if let Some(uri) = &settings.token_uri {
            account.token_uri.clone_from(uri);
        }
        let endpoint = settings.endpoint.as_deref().unwrap_or(ENDPOINT).trim_end_matches('/');
        let url = format!("{endpoint}/v1/projects/{}/messages:send", account.project);
        let https = |only_http2| {
            Https::new(Way {
                timeout: settings.timeout,
                extra_root_pem: settings.extra_root_pem.as_deref(),
                only_http2,
                is_fenced: false,
            })
        };
        let tokens = Tokens::new(account, https(None)?, Arc::clone(&clock));
        Ok(Self { url, https: https(Some(CONNECTIONS))?, tokens, clock })
    }

    async fn post(&self, body: &[u8], token: &str) -> Result<Answer, Unsent> {
        let right = format!("Bearer {token}");
        let headers =
            [("authorization", right.as_str()), ("content-type", "application/json; UTF-8")];
        let answer = self.https.post(&self.url, &headers, body.to_vec()).await;
        answer.map_err(|silence| match silence {
            Silence::Away(words) | Silence::Bad(words) => tokens::away(&words, None),
            Silence::Broken(message) => Unsent::Unknown { message },
        })
    }

    /// A token may be withdrawn before its end: another one is tried, once.
    async fn post_by_right(&self, body: &[u8]) -> Result<Answer, Unsent> {
        let token = self.tokens.token().await?;
        let answer = self.post(body, &token).await?;
        if !answer::is_about_the_token(&answer) {
            return Ok(answer);
        }
        self.tokens.forget(&token).await;
        let token = self.tokens.token().await?;
        self.post(body, &token).await
    }
}

#[async_trait]
impl Pusher for Fcm {
    async fn send(&self, device: &Device, push: &Push) -> Result<Taken, Unsent> {
        let DeviceAddress::Fcm { token } = &device.address else {
            let message = "the device is not reached by FCM".into();
            return Err(Unsent::Never { code: "fcm_other_device".into(), message });
        };
        let now = self.clock.now();
        let body = body::body(token, push, now)?;
        let answer = self.post_by_right(&body).await?;
        match answer.is_yes() {
            true => Ok(Taken { id: name(&answer), is_reported: false }),
            false => Err(answer::unsent(&answer, now)),
        }
    }

    async fn check(&self) -> Result<String, PortError> {
        let token = self.tokens.token().await;
        token.map_err(|unsent| PortError::Unavailable(unsent.to_string()))?;
        Ok(format!("FCM lets us send for the project {}", self.tokens.project()))
    }
}

/// `projects/a/messages/b`.
fn name(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Message {
        name: String,
    }
    serde_json::from_slice::<Message>(&answer.body).ok().map(|message| message.name)
}
