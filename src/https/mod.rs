//! Posts to services of others, over HTTP/2 where they speak it.

mod fence;

use std::{
    error::Error as _,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bson::DateTime;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{HeaderMap, Request, Response, Uri, body::Bytes, body::Incoming, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Builder, Client, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use jobs::ports::PortError;

use self::fence::Names;

/// More of an answer is not read: the services that we ask say a few hundred bytes.
const ANSWER_BYTES: usize = 64 << 10;
/// A service that is there takes a connection within milliseconds; this allows for a far one.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Connections that nobody needs are closed after this.
const IDLE: Duration = Duration::from_secs(60);
/// A connection of HTTP/2 is asked so often whether it is still there, and given up when it does
/// not answer: all requests share it, and a network forgets it in silence.
const ASKED: Duration = Duration::from_secs(15);
const SILENT: Duration = Duration::from_secs(10);
/// Nobody is left alone for longer, whatever a service of strangers says.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// How services are reached.
#[derive(Clone, Copy)]
pub struct Way<'s> {
    /// The longest silence.
    pub timeout: Duration,
    /// A certificate authority to be believed beside the machine's.
    pub extra_root_pem: Option<&'s str>,
    /// HTTP/2 from the first byte, with or without TLS, over so many connections.
    pub only_http2: Option<usize>,
    /// The addresses are chosen by strangers: only https, and only into the open internet.
    pub is_fenced: bool,
}

type Inner = Client<HttpsConnector<HttpConnector<Names>>, Full<Bytes>>;

/// A client; connections are kept and shared.
pub struct Https {
    clients: Vec<Inner>,
    next: AtomicUsize,
    timeout: Duration,
    is_fenced: bool,
}

/// What a service said.
pub struct Answer {
    /// The status.
    pub status: u16,
    headers: HeaderMap,
    /// The beginning of the body.
    pub body: Vec<u8>,
}

/// Why a service said nothing; no addresses in the words.
#[derive(Debug)]
pub enum Silence {
    /// Nothing was handed over.
    Away(String),
    /// This cannot be asked at all.
    Bad(String),
    /// Perhaps it was handed over.
    Broken(String),
}

impl Https {
    /// A client that goes this way; nobody is called yet.
    pub fn new(way: Way<'_>) -> Result<Self, PortError> {
        let mut tcp = HttpConnector::new_with_resolver(Names { is_fenced: way.is_fenced });
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIME.min(way.timeout)));
        tcp.enforce_http(false);
        let builder =
            HttpsConnectorBuilder::new().with_tls_config(crate::tls::client(way.extra_root_pem)?);
        let secure = if way.is_fenced { builder.https_only() } else { builder.https_or_http() };
        let connector = match way.only_http2 {
            Some(_) => secure.enable_http2().wrap_connector(tcp),
            None => secure.enable_all_versions().wrap_connector(tcp),
        };
        let client = |_| {
            Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .http2_keep_alive_interval(Some(ASKED))
                .http2_keep_alive_timeout(SILENT)
                .http2_keep_alive_while_idle(true)
                .pool_idle_timeout(IDLE)
                .http2_only(way.only_http2.is_some())
                .build(connector.clone())
        };
        Ok(Self {
            clients: (0..way.only_http2.unwrap_or(1).max(1)).map(client).collect(),
            next: AtomicUsize::new(0),
            timeout: way.timeout,
            is_fenced: way.is_fenced,
        })
    }

    /// Posts these bytes.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, Silence> {
        let request = self.request(url, headers, body)?;
        match tokio::time::timeout(self.timeout, self.send(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                let seconds = self.timeout.as_secs_f32();
                Err(Silence::Broken(format!("the service is silent for {seconds} s")))
            }
        }
    }

    fn request(
        &self,
        url: &str,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, Silence> {
        let bad = |what: &str| Silence::Bad(format!("{what} cannot be asked"));
        let uri: Uri = url.parse().map_err(|_| bad("this address"))?;
        if self.is_fenced && (uri.scheme_str() != Some("https") || !fence::may_be_asked(&uri)) {
            return Err(bad("an address that is not in the open internet by https"));
        }
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::new(Bytes::from(body))).map_err(|_| bad("with these headers a service"))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, Silence> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.clients.len().max(1);
        let client = self.clients.get(turn).or(self.clients.first());
        let client = client.ok_or_else(|| Silence::Bad("no client".into()))?;
        let response = client.request(request).await.map_err(silence)?;
        Ok(answer(response).await)
    }
}

/// What is wrong stands at the end of the chain.
fn silence(error: Error) -> Silence {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        words = inner.to_string();
        source = inner.source();
    }
    match error.is_connect() {
        true => Silence::Away(format!("the service cannot be reached: {words}")),
        false => Silence::Broken(format!("the connection to the service broke: {words}")),
    }
}

/// An answer whose body breaks off has been given all the same.
async fn answer(response: Response<Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES).collect().await;
    let body = body.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

impl Answer {
    /// Whether the service has taken it.
    pub fn is_yes(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header, if it is there and a text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Retry-After`, in seconds or as a date; at most a day.
    pub fn retry_after(&self, now: DateTime) -> Option<Duration> {
        let value = self.header(header::RETRY_AFTER.as_str())?.trim();
        let pause = match value.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let at = DateTime::from_system_time(httpdate::parse_http_date(value).ok()?);
                jobs::ports::until(now, at)
            }
        };
        Some(pause.min(LONGEST_PAUSE))
    }
}
