//! Jobs and queues from the command line, through a running service.

use super::{NOBODY, program, run, service::Service};

#[tokio::test]
async fn an_operator_sees_and_steers_jobs_from_the_command_line() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path()).await;
    let say = |words: &[&str]| run(program(data.path(), service.port), words);

    let put = say(&["enqueue", "sweep", "--run-at", "2096-05-17T20:15:00Z", "--unique-key", "k"]);
    let id = put.documents()[0]["_id"].as_str().unwrap().to_owned();
    let listed = say(&["jobs", "list", "--state", "scheduled"]);
    let cancelled = say(&["jobs", "cancel", &id]);
    let paused = say(&["queues", "pause", "scan"]);
    let queues = say(&["queues", "list"]);
    let workers = say(&["workers", "list"]);
    let older = say(&["reprocess", "--recipe-older-than", "1", "--limit", "7"]);
    let none = say(&["jobs", "retry", "--state", "dead", "--error", "timeout"]);

    let metrics = String::from_utf8(service.bytes("/metrics").await).unwrap();
    for line in [
        r#"jobs_queue_depth{queue="media",state="dead"} 0"#,
        r#"jobs_queue_oldest_age_seconds{queue="scan"} 0"#,
    ] {
        assert!(metrics.lines().any(|said| said == line), "{metrics}");
    }
    assert_eq!(put.documents()[0]["state"], "scheduled");
    assert!(listed.out.starts_with(&format!("{id}  scheduled  sweep ")), "{listed:?}");
    assert_eq!((cancelled.status, paused.status), (Some(0), Some(0)), "{cancelled:?} {paused:?}");
    let scan = queues.out.lines().find(|line| line.starts_with("scan ")).unwrap();
    assert!(
        scan.contains("ready 0") && scan.contains(" 0 done/min ") && scan.ends_with("paused"),
        "{queues:?}"
    );
    assert!(workers.out.contains("ingest 0/8, scan 0/4, media 0/2, housekeeping "), "{workers:?}");
    assert!(workers.out.contains(&format!(" {} ", service.pid())), "{workers:?}");
    assert_eq!(none.documents()[0]["retried"], 0);
    assert_eq!(older.documents(), [serde_json::json!({ "found": 0, "queued": 0 })]);
}

#[tokio::test]
async fn what_an_operator_says_wrongly_is_answered_in_a_sentence() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path()).await;
    let wrong: [(&[&str], &str); 5] = [
        (&["enqueue", "dance"], "there is no job dance; there are assemble_upload, scan_virus"),
        (&["enqueue", "sweep", "--args", "{"], "--args is no JSON"),
        (&["jobs", "show", "64d2f0c0a1b2c3d4e5f60718"], "does not exist (not_found)"),
        (&["reprocess", "--recipe-older-than", "2"], "pictures are made by version 1"),
        (&["queues", "pause", "fast"], "there is no such queue (not_found)"),
    ];

    for (words, sentence) in wrong {
        let said = run(program(data.path(), service.port), words);
        assert_eq!((said.status, said.out.as_str()), (Some(1), ""), "{said:?}");
        assert!(said.err.contains(sentence), "{said:?}");
    }
    let nobody = run(program(data.path(), NOBODY), &["jobs", "list"]);
    assert!(nobody.err.contains("start one with scripts/run"), "{nobody:?}");
}
