//! A Google that gives one token and takes every push, after a while. Faster than that of the
//! tests, which keeps all that it sees; by HTTP/2 and TLS, for all that are measured.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use iven_worker::adapters::clock::SystemClock;
use jobs::ports::Clock;
use serde::Deserialize;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::{certificates, seen::Seen};

const TOKEN: &str = r#"{"access_token":"token-1","expires_in":3600,"token_type":"Bearer"}"#;
/// As firebase-admin says of Google.
const STREAMS: u32 = 100;
const TAKEN: &str = r#"{"name":"projects/iven-test/messages/0:1500415314455276%31bd1c9631bd1c96"}"#;

#[derive(Deserialize)]
struct Body {
    message: Message,
}

/// What Google demands, and what we look at.
#[derive(Deserialize)]
struct Message {
    token: String,
    notification: Notification,
}

#[derive(Deserialize)]
struct Notification {
    title: String,
}

pub async fn listen(listener: TcpListener, latency: Duration, seen: Arc<Seen>) {
    let tls = TlsAcceptor::from(certificates::known().server(&["h2", "http/1.1"]));
    let mut talks = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        seen.socket();
        talks.spawn(serve(stream, tls.clone(), latency, Arc::clone(&seen)));
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, latency: Duration, seen: Arc<Seen>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let answer = service_fn(|request| answer(request, latency, Arc::clone(&seen)));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(STREAMS);
    let _gone = builder.serve_connection(TokioIo::new(stream), answer).await;
}

async fn answer(
    request: Request<Incoming>,
    latency: Duration,
    seen: Arc<Seen>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let at = SystemClock.now();
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    if parts.uri.path() == "/token" {
        return Ok(said(200, TOKEN));
    }
    let is_right = parts.headers.get("authorization").is_some_and(|said| said == "Bearer token-1");
    let Some(body) = serde_json::from_slice::<Body>(&body).ok().filter(|_| is_right) else {
        return Ok(said(400, "{}"));
    };
    assert!(!body.message.token.is_empty());
    seen.push(&body.message.notification.title, at);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    Ok(said(200, TAKEN))
}

fn said(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    let json = Response::builder().status(status).header("content-type", "application/json");
    json.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}
