//! What the pages say is what the code does.

use std::collections::BTreeSet;

use iven_worker::telemetry::METRICS;
use jobs::job::Job;

/// Names of all kinds with their queues.
fn kinds() -> Vec<(&'static str, &'static str)> {
    macro_rules! list {
        ($($job:ty),+ $(,)?) => {
            vec![$((<$job as Job>::KIND, <$job as Job>::POLICY.queue.as_str())),+]
        };
    }
    jobs::every_job!(list)
}

#[test]
fn the_table_of_jobs_is_the_list_of_kinds() {
    let page = include_str!("../../jobs/README.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let told: Vec<(&str, &str)> = rows
        .map(|row| {
            let (kind, rest) = row.split_once("` | ").unwrap();
            (kind, rest.split_once(" | ").unwrap().0)
        })
        .collect();

    assert_eq!(told, kinds());
}

#[test]
fn every_short_name_of_the_environment_is_in_the_manual_and_the_readme() {
    let pages = [include_str!("../../README.md"), include_str!("../../src/config.default.toml")];

    for name in ["MONGODB_URL", "CLAMD", "SMTP_URL", "IVEN_BIND"] {
        assert!(pages.iter().all(|page| page.contains(name)), "{name}");
    }
}

#[test]
fn the_table_of_metrics_is_the_list_of_metrics() {
    let page = include_str!("../../README.md");
    let (_, table) = page.split_once("| metric | labels | meaning |\n|---|---|---|\n").unwrap();
    let told: Vec<&str> = table.lines().take_while(|line| line.starts_with("| ")).collect();

    let row = |metric: &iven_worker::telemetry::Metric| {
        let labels = metric.labels.iter().map(|label| format!("`{}`", label.name()));
        let labels = labels.collect::<Vec<_>>().join(", ");
        format!("| `{}` | {labels} | {} |", metric.name, metric.help)
    };
    assert_eq!(told, METRICS.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn every_request_to_the_object_store_that_is_measured_is_among_the_metrics() {
    let metric = METRICS.iter().find(|metric| metric.name == "object_op_seconds").unwrap();
    let told: BTreeSet<&str> = metric.series().iter().map(|labels| labels[0].1).collect();

    // Each adapter measures by one function, whose first argument is the name.
    let sources = [
        include_str!("../../src/adapters/disk/mod.rs"),
        include_str!("../../src/adapters/s3/mod.rs"),
    ];
    let measured: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| source.split("counted(").flat_map(|text| text.split(".run(")).skip(1))
        .filter_map(|text| text.trim_start().strip_prefix('"')?.split('"').next())
        .collect();

    assert_eq!(measured, told);
}
