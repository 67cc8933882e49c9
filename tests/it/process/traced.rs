//! A trace from the request to the last job, as a collector sees it.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, routing::post};
use reqwest::Client;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::service::{Service, until};

const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector of OTLP over HTTP: what it was sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Bytes>>>);

impl Collector {
    /// Opens one; its address.
    async fn open() -> (Self, String) {
        let collector = Self::default();
        let taken = |State(to): State<Self>, body: Bytes| async move {
            to.0.lock().unwrap().push(body);
        };
        let door = Router::new().route("/v1/traces", post(taken)).with_state(collector.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        TaskTracker::new().spawn(async move { axum::serve(listener, door).await });
        (collector, address)
    }

    /// The spans of the trace.
    fn spans(&self, trace: &str) -> Vec<Span> {
        let (bodies, trace) = (self.0.lock().unwrap().clone(), hex::decode(trace).unwrap());
        let spans = bodies.iter().flat_map(|body| Span::all(body));
        spans.filter(|span| span.trace == trace).collect()
    }
}

/// A span as it is on the wire: ids and name, by the numbers of their fields.
#[derive(Debug, Clone)]
struct Span {
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
}

impl Span {
    /// ExportTraceServiceRequest.resource_spans (1) .scope_spans (2) .spans (2).
    fn all(body: &[u8]) -> Vec<Self> {
        let scopes = fields(body, 1).into_iter().flat_map(|resource| fields(resource, 2));
        let spans = scopes.flat_map(|scope| fields(scope, 2));
        let one = |span, field| fields(span, field).first().map(|bytes| bytes.to_vec());
        let read = |span| Self {
            trace: one(span, 1).unwrap(),
            id: one(span, 2).unwrap(),
            parent: one(span, 4).unwrap_or_default(),
            name: String::from_utf8(one(span, 5).unwrap()).unwrap(),
        };
        spans.map(read).collect()
    }
}

/// The values of a field that has a length, in a protobuf message.
fn fields(mut message: &[u8], wanted: u64) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let length = match tag & 7 {
            0 => {
                varint(&mut message);
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)).unwrap(),
            5 => 4,
            wire => panic!("there is no wire type {wire}"),
        };
        let (value, rest) = message.split_at(length);
        message = rest;
        if tag >> 3 == wanted && tag & 7 == 2 {
            found.push(value);
        }
    }
    found
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = message[0];
        *message = &message[1..];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
    }
    panic!("the number does not end")
}

/// Sends a photo in one request under this header.
async fn send(service: &Service, traceparent: &str) {
    let path = "/v1/media?eventId=7&userId=42&filename=a.jpg";
    let photo = crate::house::fixture("images/orientation_1.jpg");
    let request = Client::new().post(format!("http://127.0.0.1:{}{path}", service.port));
    let answer = request.header("traceparent", traceparent).body(photo).send().await.unwrap();
    let medium: Value = answer.error_for_status().unwrap().json().await.unwrap();
    let path = format!("/v1/media/{}", medium["mediaId"].as_str().unwrap());
    until("a published medium", async || {
        let (_, medium) = service.ask(reqwest::Method::GET, &path, Vec::new()).await;
        (medium["processingStatus"] == "completed").then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_whole_walk_of_an_upload_is_one_trace_at_the_collector() {
    let (data, (collector, address)) = (tempfile::tempdir().unwrap(), Collector::open().await);
    let settings = [("IVEN__TELEMETRY__OTLP_ENDPOINT", address.as_str())];
    let service = Service::start_with(data.path(), &settings).await;

    send(&service, &format!("00-{ID}-{PARENT}-01")).await;
    let log = service.log();
    // The stop sends what is left.
    let status = service.terminate().await;

    assert_eq!(status.code(), Some(0));
    let spans = collector.spans(ID);
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let request = named("POST /v1/media");
    assert_eq!(hex::encode(&request.parent), PARENT);
    let kinds = [
        "assemble_upload",
        "scan_virus",
        "extract_metadata",
        "generate_thumbnails",
        "publish_media",
    ];
    for kind in kinds {
        let mut span = named(kind);
        // Up along the parents: every job hangs on the request.
        while span.id != request.id {
            span = spans.iter().find(|other| other.id == span.parent).unwrap();
        }
    }
    let scan = log.lines().find(|line| line.contains("scan_virus done")).unwrap();
    assert!(scan.contains(ID), "{scan}");
}

#[tokio::test]
async fn what_the_caller_does_not_sample_is_not_sent_and_a_missing_collector_hinders_nobody() {
    let (data, (collector, address)) = (tempfile::tempdir().unwrap(), Collector::open().await);
    let settings = [("IVEN__TELEMETRY__OTLP_ENDPOINT", address.as_str())];
    let service = Service::start_with(data.path(), &settings).await;
    let nobody = tempfile::tempdir().unwrap();
    let settings = [("IVEN__TELEMETRY__OTLP_ENDPOINT", "http://127.0.0.1:1")];
    let alone = Service::start_with(nobody.path(), &settings).await;

    send(&service, &format!("00-{ID}-{PARENT}-00")).await;
    send(&alone, &format!("00-{ID}-{PARENT}-01")).await;
    let began = std::time::Instant::now();
    let statuses = tokio::join!(service.terminate(), alone.terminate());

    assert_eq!((statuses.0.code(), statuses.1.code()), (Some(0), Some(0)));
    let took = began.elapsed();
    assert!(took.as_secs() < 20, "the stop waits {took:?}");
    assert_eq!(collector.spans(ID).len(), 0);
    let log = std::fs::read_to_string(nobody.path().join("log")).unwrap();
    assert_eq!(log.matches("traces cannot be sent").count(), 1, "{log}");
}
