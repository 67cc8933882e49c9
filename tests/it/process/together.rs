//! Several processes on one MongoDB and one folder of objects.

use std::path::Path;

use bson::{Bson, doc, oid::ObjectId};
use iven_worker::adapters::{
    documents::Documents,
    mongo,
    records::collections::{self, JOBS},
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::service::{Service, until};
use crate::{house, servers::mongodb_url};

/// Sends a photo in one request; the medium's id.
async fn send(service: &Service, n: usize) -> String {
    let path = format!("/v1/media?eventId=7&userId=42&filename={n}.jpg");
    let photo = house::fixture("images/orientation_1.jpg");
    let (status, taken) = service.ask(Method::POST, &path, photo).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{taken}");
    taken["mediaId"].as_str().unwrap().to_owned()
}

async fn start(data: &Path, url: &str) -> Service {
    Service::start_with(data, &[("MONGODB_URL", url)]).await
}

#[tokio::test]
async fn two_processes_share_the_work_and_one_may_die() {
    let (data, url) = (tempfile::tempdir().unwrap(), mongodb_url());
    let dying = start(data.path(), &url).await;
    let other = start(data.path(), &url).await;

    let mut media = Vec::new();
    for n in 0..6 {
        media.push(send(if n % 2 == 0 { &dying } else { &other }, n).await);
    }
    dying.kill();

    for id in &media {
        let path = format!("/v1/media/{id}");
        let status = until("the end of a medium", async || {
            let (_, medium) = other.ask(Method::GET, &path, Vec::new()).await;
            let status = medium["processingStatus"].as_str().unwrap().to_owned();
            matches!(status.as_str(), "completed" | "failed").then_some(status)
        });
        assert_eq!(status.await, "completed", "{id}");
    }
    let (_, dead) = other.ask(Method::GET, "/v1/jobs?state=dead", Vec::new()).await;
    assert_eq!(dead["items"], json!([]));
    assert_eq!(other.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn a_job_that_another_service_inserts_is_done() {
    let (data, url) = (tempfile::tempdir().unwrap(), mongodb_url());
    let service = start(data.path(), &url).await;
    let store = mongo::connect(&url, collections::ALL).await.unwrap();
    let id = ObjectId::new();

    let plain = doc! { "_id": id, "kind": "sweep", "args": {}, "state": "new" };
    store.insert(&JOBS, plain).await.unwrap();

    let done = until("the end of the job", async || {
        let job = store.get(&JOBS, &Bson::ObjectId(id)).await.unwrap().unwrap();
        (job.get_str("state").unwrap() == "done").then_some(job)
    });
    assert_eq!(done.await.get_str("queue").unwrap(), "housekeeping");
    assert_eq!(service.terminate().await.code(), Some(0));
}
