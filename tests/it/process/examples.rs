//! The example programs of `examples/enqueue`, as their readers run them.

use std::{path::PathBuf, process::Command};

use super::service::Service;
use crate::{
    faults::is_full,
    servers::{die_with_parent, mongodb_url},
};

/// What both of them say, without the jobs' ids.
const SAY: [&str; 3] = ["http", "document", "command line"];

fn folder(language: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/enqueue").join(language)
}

/// Runs the program; which ways it says to have gone to the end.
fn ways(mut program: Command, service: &Service, url: &str) -> Vec<String> {
    program.env("IVEN_URL", format!("http://127.0.0.1:{}", service.port));
    program.env("IVEN_WORKER", env!("CARGO_BIN_EXE_iven-worker")).env("MONGODB_URL", url);
    die_with_parent(&mut program);
    let said = program.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(said.status.success(), "{}\n{}", text(&said.stdout), text(&said.stderr));
    let lines = text(&said.stdout);
    let way = |line: &str| {
        let (way, job) = line.split_once(": ").unwrap();
        assert!(job.ends_with(" done"), "{line}");
        way.to_owned()
    };
    lines.lines().map(way).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_put_jobs_in_all_ways() {
    if !is_full() {
        println!("skipped: IVEN_FULL is not set, so Node and PHP may not be there");
        return;
    }
    let (data, url) = (tempfile::tempdir().unwrap(), mongodb_url());
    let service = Service::start_with(data.path(), &[("MONGODB_URL", &url)]).await;

    let mut node = Command::new("node");
    node.arg("enqueue.js").current_dir(folder("node"));
    assert_eq!(ways(node, &service, &url), SAY);
    let mut php = Command::new("php");
    php.arg("enqueue.php").current_dir(folder("php"));
    assert_eq!(ways(php, &service, &url), SAY);

    assert_eq!(service.terminate().await.code(), Some(0));
}
