//! Every metric: its name, its labels and what it counts. All are there from the start, as zero.

use jobs::{
    job::{Job, Queue},
    model::{Channel as Way, DeliveryState},
    ports::JobState,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::worker::{self, Ended};

/// Upper ends in seconds, for calls to a part of the world.
const CALLS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// Upper ends in seconds, for what may take or wait long.
const WORK: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0, 1800.0,
    7200.0,
];

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name; the unit stands in it.
    pub name: &'static str,
    /// What it is.
    pub sort: Sort,
    /// Its labels.
    pub labels: &'static [Labelled],
    /// What it counts.
    pub help: &'static str,
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A histogram of calls, in seconds.
    Calls,
    /// A histogram of what may take or wait long, in seconds.
    Work,
}

/// A label and its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labelled {
    /// A lane.
    Queue,
    /// A state of jobs that somebody's time goes to.
    State,
    /// A kind of jobs; what this version does not know is `unknown`.
    Kind,
    /// How an attempt ended.
    Outcome,
    /// What was called.
    Op(&'static [&'static str]),
    /// The name of a schedule. Operators may put others, which are seen from their first job on.
    Schedule,
    /// A collection that others write, too.
    Collection,
    /// A way to a person.
    Channel,
    /// How a delivery ended.
    Delivered,
}

impl Labelled {
    /// The label's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::State => "state",
            Self::Kind => "kind",
            Self::Outcome => "outcome",
            Self::Op(_) => "op",
            Self::Schedule => "schedule",
            Self::Collection => "collection",
            Self::Channel => "channel",
            Self::Delivered => "outcome",
        }
    }

    /// Its values that are known beforehand.
    pub fn values(self) -> Vec<&'static str> {
        macro_rules! kinds {
            ($($job:ty),+ $(,)?) => { vec![$(<$job as Job>::KIND,)+ "unknown"] };
        }
        match self {
            Self::Queue => Queue::ALL.map(Queue::as_str).to_vec(),
            Self::State => JobState::COUNTED.map(JobState::as_str).to_vec(),
            Self::Kind => jobs::every_job!(kinds),
            Self::Outcome => Ended::NAMES.to_vec(),
            Self::Op(names) => names.to_vec(),
            Self::Schedule => worker::BUILT_IN.to_vec(),
            Self::Collection => ODD.to_vec(),
            Self::Channel => Way::ALL.map(Way::as_str).to_vec(),
            Self::Delivered => DeliveryState::ENDED.map(DeliveryState::as_str).to_vec(),
        }
    }
}

const fn metric(
    name: &'static str,
    sort: Sort,
    labels: &'static [Labelled],
    help: &'static str,
) -> Metric {
    Metric { name, sort, labels, help }
}

use Labelled::{Collection, Kind, Op, Outcome, Queue as Lane, Schedule, State};

/// Collections whose documents others write.
const ODD: [&str; 7] =
    ["jobs", "event_media", "file_uploads", "schedules", "workers", "notifications", "devices"];

const STORE: Labelled = Op(&[
    "insert",
    "get",
    "get_many",
    "patch",
    "patch_many",
    "take",
    "find",
    "count",
    "delete",
    "expire",
    "ping",
]);
const OBJECTS: Labelled = Op(&[
    "begin",
    "put_part",
    "list_parts",
    "drop_part",
    "assemble",
    "abort",
    "list_uploads",
    "list",
    "put",
    "put_edited",
    "info",
    "fetch",
    "read",
    "copy",
    "delete",
    "ping",
]);
const DECODER: Labelled = Op(&["sniff", "facts", "pictures", "preview", "strip"]);

/// Every metric there is.
pub const METRICS: &[Metric] = &[
    metric(
        "jobs_queue_depth",
        Sort::Gauge,
        &[Lane, State],
        "Jobs in the queue; counted when this page is asked for, at most every 5 s",
    ),
    metric(
        "jobs_queue_oldest_age_seconds",
        Sort::Gauge,
        &[Lane],
        "Age of the longest waiting ready job; 0 without one",
    ),
    metric("jobs_enqueued_total", Sort::Counter, &[Kind], "Jobs that this process put or took in"),
    metric("jobs_finished_total", Sort::Counter, &[Kind, Outcome], "Attempts that ended"),
    metric(
        "jobs_retried_total",
        Sort::Counter,
        &[Kind],
        "Attempts that failed and are tried again",
    ),
    metric(
        "job_wait_seconds",
        Sort::Work,
        &[Lane],
        "Time from when a job could begin to when an attempt did, by the store's clock",
    ),
    metric("job_duration_seconds", Sort::Work, &[Kind], "Time of attempts"),
    metric(
        "jobs_lease_expired_total",
        Sort::Counter,
        &[],
        "Jobs that came back because their worker was lost",
    ),
    metric(
        "jobs_fenced_total",
        Sort::Counter,
        &[],
        "Attempts whose outcome was thrown away because somebody else has the job",
    ),
    metric(
        "schedule_lag_seconds",
        Sort::Work,
        &[Schedule],
        "How late the jobs of schedules were put",
    ),
    metric("store_op_seconds", Sort::Calls, &[STORE], "Time of calls to the store of records"),
    metric("object_requests_total", Sort::Counter, &[OBJECTS], "Requests to the object store"),
    metric("object_op_seconds", Sort::Calls, &[OBJECTS], "Time of requests to the object store"),
    metric("decode_seconds", Sort::Calls, &[DECODER], "Time of decoding and encoding"),
    metric("scan_seconds", Sort::Calls, &[], "Time of virus scans"),
    metric(
        "notifications_total",
        Sort::Counter,
        &[Labelled::Channel, Labelled::Delivered],
        "Deliveries of notifications that have ended so",
    ),
    metric(
        "notification_lag_seconds",
        Sort::Work,
        &[Labelled::Channel],
        "Time from a notification's hour until it is first sent by a channel",
    ),
    metric(
        "odd_documents_total",
        Sort::Counter,
        &[Collection],
        "Documents that were left out because they are not as ours",
    ),
    metric("live_listeners", Sort::Gauge, &[], "Who listens to events in this process"),
    metric(
        "live_resets_total",
        Sort::Counter,
        &[],
        "Listeners that were cut off because they were too slow",
    ),
];

impl Metric {
    /// The labels of all its series that are known beforehand.
    pub fn series(&self) -> Vec<Vec<(&'static str, &'static str)>> {
        let mut series = vec![Vec::new()];
        for label in self.labels {
            let values = label.values();
            let longer = series.iter().flat_map(|some| {
                values.iter().map(|value| {
                    let mut some = some.clone();
                    some.push((label.name(), *value));
                    some
                })
            });
            series = longer.collect();
        }
        series
    }

    /// Says what it is, and publishes it as zero.
    fn begin(&self) {
        let (name, unit) = (self.name, metrics::Unit::Seconds);
        match self.sort {
            Sort::Counter => metrics::describe_counter!(name, self.help),
            Sort::Gauge => metrics::describe_gauge!(name, self.help),
            Sort::Calls | Sort::Work => metrics::describe_histogram!(name, unit, self.help),
        }
        for labels in self.series() {
            match self.sort {
                Sort::Counter => metrics::counter!(name, &labels).absolute(0),
                Sort::Gauge => metrics::gauge!(name, &labels).set(0.0),
                Sort::Calls | Sort::Work => drop(metrics::histogram!(name, &labels)),
            }
        }
    }
}

/// Starts counting; the handle renders Prometheus' text format. Parts that are built earlier count
/// nothing. Somebody has to call the handle's `run_upkeep` now and then: until then, or until
/// somebody renders, each value of a histogram takes its place in memory.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    let mut builder = PrometheusBuilder::new();
    for metric in METRICS {
        let ends: &[f64] = match metric.sort {
            Sort::Counter | Sort::Gauge => continue,
            Sort::Calls => &CALLS,
            Sort::Work => &WORK,
        };
        builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), ends)?;
    }
    let handle = builder.install_recorder()?;
    METRICS.iter().for_each(Metric::begin);
    Ok(handle)
}
