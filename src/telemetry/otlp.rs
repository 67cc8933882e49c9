//! Traces to a collector over OTLP, in batches; the only place that says `opentelemetry`.

use std::{
    fmt,
    num::NonZero,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use async_trait::async_trait;
use jobs::trace::Trace;
use opentelemetry::{
    Context,
    trace::{
        SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
    },
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use reqwest::{Client, Url};
use tokio::runtime::Handle;
use tracing::{Span, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::Targets};

use super::Told;

/// A collector that takes longer is away.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the stop waits for the last spans.
const LAST: Duration = Duration::from_secs(3);
/// Whose spans are sent: those of the crates that this program is.
const OURS: [&str; 2] = ["iven_worker", "jobs"];

/// Whether spans are sent at all; asked for every span.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// Whether this is the address of a collector that can be reached: plain HTTP, so beside us.
pub fn is_collector(endpoint: &str) -> bool {
    Url::parse(endpoint).is_ok_and(|url| url.scheme() == "http" && url.has_host())
}

/// Spans on their way to a collector, if there is one.
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// To the collector at `endpoint`; nowhere if that is empty.
    pub(super) fn to(endpoint: &str) -> anyhow::Result<Self> {
        if endpoint.is_empty() {
            return Ok(Self(None));
        }
        let client = Client::builder().timeout(PATIENCE).build()?;
        let client = Collector { client, runtime: Handle::current(), is_away: false.into() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(PATIENCE)
            .build()
            .context("traces cannot be sent")?;
        let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let process = i64::from(std::process::id());
        let resource = Resource::builder_empty()
            .with_service_name(env!("CARGO_PKG_NAME"))
            .with_attributes([version, opentelemetry::KeyValue::new("process.pid", process)])
            .build();
        let sending = SdkTracerProvider::builder().with_batch_exporter(exporter);
        Ok(Self(Some(sending.with_resource(resource).build())))
    }

    /// What makes spans of the log's spans.
    pub(super) fn layer(&self) -> Option<Told> {
        let tracer = self.0.as_ref()?.tracer(env!("CARGO_PKG_NAME"));
        IS_ON.store(true, Ordering::Relaxed);
        let ours = Targets::new().with_targets(OURS.map(|name| (name, LevelFilter::INFO)));
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        Some(layer.with_location(false).with_threads(false).with_filter(ours).boxed())
    }

    /// Sends what is left, if the collector takes it in time. Blocks.
    pub fn end(&self) {
        let ended = self.0.as_ref().map(|sending| sending.shutdown_with_timeout(LAST));
        if let Some(Err(error)) = ended {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

/// The place of `span` below `from`, if spans are sent.
pub(super) fn begin(span: &Span, name: fmt::Arguments<'_>, from: Option<Trace>) -> Option<Trace> {
    if !IS_ON.load(Ordering::Relaxed) {
        return None;
    }
    if let Some(from) = from {
        // Fails only where the span is not sent, which is seen below.
        let _ = span.set_parent(Context::new().with_remote_span_context(remote(from)));
    }
    let context = span.context();
    let sent = context.span();
    sent.update_name(name.to_string());
    let here = sent.span_context();
    Some(Trace {
        id: NonZero::new(u128::from_be_bytes(here.trace_id().to_bytes()))?,
        parent: NonZero::new(u64::from_be_bytes(here.span_id().to_bytes()))?,
        is_sampled: here.is_sampled(),
    })
}

fn remote(trace: Trace) -> SpanContext {
    let id = TraceId::from_bytes(trace.id.get().to_be_bytes());
    let parent = SpanId::from_bytes(trace.parent.get().to_be_bytes());
    let flags = if trace.is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    SpanContext::new(id, parent, flags, true, TraceState::NONE)
}

/// The collector. It is called from a thread of the exporter's own, which drives no sockets.
#[derive(Debug)]
struct Collector {
    client: Client,
    runtime: Handle,
    is_away: AtomicBool,
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let answered = self.runtime.spawn(async move {
            let answer = client.execute(request.try_into()?).await?;
            let status = answer.status();
            let mut response = Response::new(answer.bytes().await?);
            *response.status_mut() = status;
            Ok::<_, reqwest::Error>(response)
        });
        let answer = answered.await.map_err(HttpError::from).and_then(|a| a.map_err(Into::into));
        let fault = match &answer {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        self.tell(fault.as_deref());
        answer
    }
}

impl Collector {
    /// An outage is said once, and its end.
    fn tell(&self, fault: Option<&str>) {
        let was_away = self.is_away.swap(fault.is_some(), Ordering::Relaxed);
        match fault {
            Some(error) if !was_away => tracing::warn!(error, "traces cannot be sent"),
            None if was_away => tracing::info!("traces are sent again"),
            _ => {}
        }
    }
}
