//! A service of others in this process: it says over HTTP what a test wants it to say.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, Version, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub version: Version,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// What is said.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What a request is answered; nothing means that the connection breaks.
pub type Manner = Arc<dyn Fn(&Seen) -> Option<Reply> + Send + Sync>;

pub struct Service {
    pub address: SocketAddr,
    is_encrypted: bool,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    seen: Mutex<Vec<Seen>>,
    connections: Mutex<usize>,
}

impl Service {
    /// Listens on a free port, with TLS or without, in both versions of HTTP.
    pub async fn start(
        tls: Option<Arc<ServerConfig>>,
        manner: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, is_encrypted) = (listener.local_addr().unwrap(), tls.is_some());
        let log = Arc::<Log>::default();
        TaskTracker::new().spawn(listen(listener, tls, Arc::new(manner), Arc::clone(&log)));
        Self { address, is_encrypted, log }
    }

    pub fn url(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.address.port())
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        *self.log.connections.lock().unwrap()
    }
}

async fn listen(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    manner: Manner,
    log: Arc<Log>,
) {
    let tracker = TaskTracker::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        *log.connections.lock().unwrap() += 1;
        let (tls, manner, log) = (tls.clone(), Arc::clone(&manner), Arc::clone(&log));
        tracker.spawn(async move {
            match tls {
                None => serve(stream, manner, log).await,
                Some(tls) => {
                    if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                        serve(stream, manner, log).await;
                    }
                }
            }
        });
    }
}

async fn serve<S>(stream: S, manner: Manner, log: Arc<Log>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(|request| answer(request, Arc::clone(&manner), Arc::clone(&log)));
    let builder = Builder::new(TokioExecutor::new());
    let _broken = builder.serve_connection(TokioIo::new(stream), answer).await;
}

/// An error here ends the connection, or the stream of HTTP/2.
async fn answer(
    request: Request<Incoming>,
    manner: Manner,
    log: Arc<Log>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let seen = Seen {
        version: parts.version,
        path: parts.uri.path().to_owned(),
        headers: headers.collect(),
        body: body.collect().await?.to_bytes().to_vec(),
    };
    log.seen.lock().unwrap().push(seen.clone());
    let reply = manner(&seen).ok_or("the test wants it so")?;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(Bytes::from(reply.body))).unwrap())
}
