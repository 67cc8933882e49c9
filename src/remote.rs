//! A running service, asked over HTTP: the commands of people see what programs see.
#![expect(clippy::indexing_slicing, reason = "a JSON value without the name answers null")]

use anyhow::{Context, bail};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::{api::Scope, config::Config};

/// Which service, and by what right.
#[derive(Debug, Clone, clap::Args)]
pub struct At {
    /// The service's address; the default is http.bind of the settings
    #[arg(long, global = true)]
    url: Option<String>,
    /// A key or token, where the service asks for one; the default is the settings' first key with
    /// the scope admin
    #[arg(long, global = true)]
    key: Option<String>,
}

/// On the service's own machine the settings know a key.
fn admin_key(config: &Config) -> Option<String> {
    let mut keys = config.auth.keys.iter();
    keys.find(|key| key.scopes.contains(&Scope::Admin)).map(|key| key.key.0.clone())
}

/// The service, from outside.
pub struct Service {
    url: String,
    key: Option<String>,
    client: Client,
}

impl Service {
    /// The one that is meant.
    pub fn new(at: &At, config: &Config) -> Self {
        let url = at.url.clone().unwrap_or_else(|| format!("http://{}", config.http.bind));
        Self { url, key: at.key.clone().or_else(|| admin_key(config)), client: Client::new() }
    }

    /// `GET`; the answer, or the refusal in the service's words.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.answer(self.request(Method::GET, path)).await
    }

    /// `GET` with these parameters.
    pub async fn find(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Value> {
        self.answer(self.request(Method::GET, path).query(query)).await
    }

    /// `POST` of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.answer(self.request(Method::POST, path).json(body)).await
    }

    /// `PUT` of bytes.
    pub async fn put(&self, path: &str, body: Vec<u8>) -> anyhow::Result<Value> {
        self.answer(self.request(Method::PUT, path).body(body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.answer(self.request(Method::DELETE, path)).await.map(|_| ())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let response = request.send().await.with_context(|| {
            format!("no service answers at {}: start one with scripts/run", self.url)
        })?;
        let status = response.status();
        if status == reqwest::StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let body: Value = response.json().await.context("the answer is no JSON")?;
        if status.is_success() {
            return Ok(body);
        }
        let (code, detail) = (&body["code"], &body["detail"]);
        bail!("{} ({})", detail.as_str().unwrap_or("refused"), code.as_str().unwrap_or("unknown"))
    }
}
