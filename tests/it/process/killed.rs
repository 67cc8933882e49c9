//! The service is killed in the middle of its work; the next one finishes it, once.

use std::{collections::BTreeMap, path::Path};

use iven_worker::adapters::{
    documents::{Documents, Query},
    embedded,
    records::collections::{self, EVENT_MEDIA, JOBS},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::service::{Service, until};
use crate::house::{fixture, jobs_in};

/// So many are completed when the service dies.
const COMPLETED: usize = 12;
/// Of so many.
const UPLOADS: usize = 16;

async fn post(service: &Service, path: &str, body: Value) -> Value {
    let (status, answer) = service.ask(Method::POST, path, body.to_string().into_bytes()).await;
    assert!(status.is_success(), "{path}: {answer}");
    answer
}

async fn announce(service: &Service, n: usize, size: usize) -> String {
    let wish = json!({
        "eventId": 7, "userId": 42, "filename": format!("{n}.jpg"), "size": size,
        "mimeType": "image/jpeg",
    });
    let upload = post(service, "/v1/uploads", wish).await;
    upload["uploadId"].as_str().unwrap().to_owned()
}

async fn put(service: &Service, upload: &str, bytes: &[u8]) {
    let path = format!("/v1/uploads/{upload}/chunks/1");
    let (status, answer) = service.ask(Method::PUT, &path, bytes.to_vec()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

async fn complete(service: &Service, upload: &str) -> String {
    let done = post(service, &format!("/v1/uploads/{upload}/complete"), json!({})).await;
    done["mediaId"].as_str().unwrap().to_owned()
}

async fn published(service: &Service, media: &str) -> Value {
    until("a publication", async || {
        let (_, media) = service.ask(Method::GET, &format!("/v1/media/{media}"), vec![]).await;
        let status = media["processingStatus"].as_str().unwrap().to_owned();
        assert_ne!(status, "failed", "{media}");
        (status == "completed").then_some(media)
    })
    .await
}

#[tokio::test]
async fn what_was_completed_is_published_once_when_the_service_is_killed() {
    let data = tempfile::tempdir().unwrap();
    let photo = fixture("images/orientation_1.jpg");
    let dying = Service::start(data.path()).await;
    let mut uploads = Vec::new();
    for n in 0..UPLOADS {
        let upload = announce(&dying, n, photo.len()).await;
        // The last one was announced, and nothing of it has come.
        if n + 1 < UPLOADS {
            put(&dying, &upload, &photo).await;
        }
        uploads.push(upload);
    }
    let completing = uploads[..COMPLETED].iter().map(|upload| complete(&dying, upload));
    let promised = futures_util::future::join_all(completing).await;
    dying.kill();

    let next = Service::start(data.path()).await;
    put(&next, &uploads[UPLOADS - 1], &photo).await;
    let completing = uploads.iter().map(|upload| complete(&next, upload));
    let media = futures_util::future::join_all(completing).await;
    let mut urls = BTreeMap::new();
    for id in &media {
        let document = published(&next, id).await;
        assert_eq!(document["degraded"], Value::Null, "{document}");
        urls.insert(document["fileUrl"].to_string(), id);
        assert_eq!(next.bytes(&format!("/v1/media/{id}/file")).await, photo);
    }
    assert_eq!(next.terminate().await.code(), Some(0));

    assert_eq!(media[..COMPLETED], promised, "completing again names the same media");
    assert_eq!(urls.len(), UPLOADS);
    check_folder(data.path(), &media).await;
}

/// What the service left: each medium once, and nothing that still has to be done.
async fn check_folder(data: &Path, media: &[String]) {
    let store = embedded::open(&data.join("records"), collections::ALL).unwrap();
    let query = Query::over("eventId_uploadedAt", 100).at(7_i64);
    assert_eq!(store.count(&EVENT_MEDIA, query).await.unwrap(), UPLOADS as u64);
    for state in ["scheduled", "ready", "running", "dead"] {
        let jobs = store.find(&JOBS, jobs_in(state)).await.unwrap();
        let about_media = jobs.iter().filter(|job| job.get("ref").is_some());
        assert_eq!(about_media.count(), 0, "{state}: {jobs:?}");
    }
    let folder = data.join("objects/objects/events/7/media");
    let files = std::fs::read_dir(folder).unwrap().flatten().filter(|e| e.path().is_file());
    let mut names: Vec<String> =
        files.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    let mut expected = media.to_vec();
    expected.sort();
    assert_eq!(names.len(), UPLOADS, "{names:?}");
    assert!(names.iter().zip(&expected).all(|(name, id)| name.starts_with(id)), "{names:?}");
    for rest in ["parts", "tmp"] {
        let left = std::fs::read_dir(data.join("objects").join(rest)).unwrap().count();
        assert_eq!(left, 0, "in {rest}");
    }
}
