//! What those who watch see of a process: every metric, from the first scrape on.

use std::collections::BTreeSet;

use iven_worker::telemetry::{METRICS, Metric, Sort};

use reqwest::Method;

use super::{
    endings, fixture, ingest,
    service::{Service, until},
};
use crate::servers::mongodb_url;

/// The names and labels of all series, each once: a histogram has one of each of its ends.
fn series(page: &str) -> BTreeSet<String> {
    let lines = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

/// How a series of a metric stands on the page.
fn written(metric: &Metric, labels: &[(&str, &str)]) -> String {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let labels =
        if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    match metric.sort {
        Sort::Counter | Sort::Gauge => format!("{}{labels}", metric.name),
        Sort::Calls | Sort::Work => format!("{}_count{labels}", metric.name),
    }
}

async fn scraped(service: &Service) -> String {
    String::from_utf8(service.bytes("/metrics").await).unwrap()
}

#[tokio::test]
async fn every_metric_is_there_before_anything_happens_and_none_comes_later() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path()).await;

    let fresh = scraped(&service).await;
    let photo = ingest(&data, service.port, &[fixture("images/orientation_6.jpg")]);
    // A job's end is counted after it is written, and the medium's end is seen by then.
    let counted = r#"jobs_finished_total{kind="publish_media",outcome="done"} 1"#;
    let after = until("the last count", async || {
        let page = scraped(&service).await;
        page.lines().any(|line| line == counted).then_some(page)
    })
    .await;

    assert_eq!(endings(&photo.documents()), [("orientation_6.jpg", "completed")]);
    let known = series(&fresh);
    for metric in METRICS {
        for labels in metric.series() {
            let series = written(metric, &labels);
            assert!(known.contains(&series), "{series} is not in\n{fresh}");
            // Nothing has happened but what the service does by itself.
            let own = ["store_op_seconds", "object_"].iter().any(|own| series.starts_with(own))
                || series.contains("sweep")
                || series.contains("housekeeping");
            assert!(own || fresh.contains(&format!("\n{series} 0\n")), "{series} in\n{fresh}");
        }
        assert!(fresh.contains(&format!("# HELP {} {}\n", metric.name, metric.help)), "{fresh}");
    }
    let later: Vec<_> = series(&after).difference(&known).cloned().collect();
    assert_eq!(later, [""; 0]);
    for line in [
        r#"jobs_enqueued_total{kind="scan_virus"} 1"#,
        r#"jobs_retried_total{kind="publish_media"} 0"#,
        r#"job_duration_seconds_bucket{kind="publish_media",le="+Inf"} 1"#,
        r#"job_wait_seconds_count{queue="scan"} 1"#,
    ] {
        assert!(after.lines().any(|said| said == line), "{line} is not in\n{after}");
    }
}

#[tokio::test]
async fn a_process_without_an_api_is_watched_at_an_address_of_its_own() {
    let (data, url) = (tempfile::tempdir().unwrap(), mongodb_url());
    let worker = Service::start_as("worker", data.path(), &[("MONGODB_URL", &url)]).await;

    let page = scraped(&worker).await;
    let (health, _) = worker.ask(Method::GET, "/healthz", Vec::new()).await;
    let (jobs, _) = worker.ask(Method::GET, "/v1/jobs", Vec::new()).await;

    assert!(page.contains("\njob_wait_seconds_count{queue=\"scan\"} 0\n"), "{page}");
    assert_eq!((health.as_u16(), jobs.as_u16()), (200, 404));
    assert_eq!(worker.terminate().await.code(), Some(0));
}
