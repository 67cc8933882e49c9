//! What is told to the outside: the form of a log line, and the name of every metric.

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{
    EnvFilter, filter::LevelFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::config::Log;

/// Every metric: name, kind, labels, unit and what it counts.
pub const METRICS: &[(&str, &str)] = &[
    ("object_requests_total", "Requests to the object store, by op"),
    ("object_op_seconds", "Time of requests to the object store, by op"),
    ("store_op_seconds", "Time of calls to the store of records, by op"),
    ("decode_seconds", "Time of decoding and encoding, by op"),
    ("scan_seconds", "Time of virus scans"),
    (
        "jobs_queue_depth",
        "Jobs in the queue, by queue and state; counted when this page is asked for",
    ),
    (
        "jobs_queue_oldest_age_seconds",
        "Age of the longest waiting ready job, by queue; 0 without one",
    ),
    ("jobs_finished_total", "Attempts that ended, by kind and outcome"),
    ("job_duration_seconds", "Time of attempts, by kind"),
    ("schedule_lag_seconds", "How late the jobs of schedules were put, by schedule"),
    ("jobs_lease_expired_total", "Jobs that came back because their worker was lost"),
    (
        "odd_documents_total",
        "Documents that were left out because they are not as ours, by collection",
    ),
];

/// What `log.level` means. A word alone is a level: the library would take any other for the name
/// of a module, and log nothing else.
pub fn filter(level: &str) -> Option<EnvFilter> {
    let mut alone = level.split(',').map(str::trim).filter(|word| !word.contains('='));
    let known = alone.all(|word| !word.is_empty() && word.parse::<LevelFilter>().is_ok());
    known.then(|| EnvFilter::try_new(level).ok()).flatten()
}

/// Starts logging to standard error; the log of a command never mixes with its answer.
pub fn logs(log: &Log) -> anyhow::Result<()> {
    let filter = filter(&log.level).context("log.level is not understood")?;
    let registry = tracing_subscriber::registry().with(filter);
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    match log.format.as_str() {
        "json" => registry.with(layer.json().flatten_event(true)).try_init()?,
        _ => registry.with(layer.with_target(false)).try_init()?,
    }
    Ok(())
}

/// Starts counting; the handle renders Prometheus' text format.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    for (name, help) in METRICS {
        if name.ends_with("_total") {
            metrics::describe_counter!(*name, *help);
        } else if name.starts_with("jobs_queue_") {
            metrics::describe_gauge!(*name, *help);
        } else {
            metrics::describe_histogram!(*name, metrics::Unit::Seconds, *help);
        }
    }
    Ok(handle)
}
