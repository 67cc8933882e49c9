//! What is told to the outside: the form of a log line, every metric, and traces.

mod metrics;
mod otlp;
pub mod traces;

use anyhow::Context;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::LevelFilter, fmt, layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::config::{Log, Telemetry};

pub use metrics::{Labelled, METRICS, Metric, Sort, metrics};
pub use otlp::{Traces, is_collector};

type Told = Box<dyn Layer<Registry> + Send + Sync>;

/// What `log.level` means. A word alone is a level: the library would take any other for the name
/// of a module, and log nothing else.
pub fn filter(level: &str) -> Option<EnvFilter> {
    let mut alone = level.split(',').map(str::trim).filter(|word| !word.contains('='));
    let known = alone.all(|word| !word.is_empty() && word.parse::<LevelFilter>().is_ok());
    known.then(|| EnvFilter::try_new(level).ok()).flatten()
}

/// Starts logging to standard error; the log of a command never mixes with its answer.
pub fn logs(log: &Log) -> anyhow::Result<()> {
    Ok(tracing_subscriber::registry().with(lines(log)?).try_init()?)
}

/// Starts logging, and sending traces if there is a collector for them. What is sent goes over the
/// runtime that this is called in.
pub fn logs_and_traces(log: &Log, telemetry: &Telemetry) -> anyhow::Result<Traces> {
    let mut layers = vec![lines(log)?];
    let traces = Traces::to(&telemetry.otlp_endpoint)?;
    layers.extend(traces.layer());
    tracing_subscriber::registry().with(layers).try_init()?;
    Ok(traces)
}

fn lines(log: &Log) -> anyhow::Result<Told> {
    let filter = filter(&log.level).context("log.level is not understood")?;
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    Ok(match log.format.as_str() {
        "json" => layer.json().flatten_event(true).with_filter(filter).boxed(),
        _ => layer.with_target(false).with_filter(filter).boxed(),
    })
}
