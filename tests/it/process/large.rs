//! A large file through each door into a bucket, while the service dies on the way.

use std::time::Duration;

use jobs::model::CHUNK_BYTES;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::service::{Service, until_in};
use crate::{faults::is_full, s3};

/// The service may take so much, whatever the file's length.
const MOST_KB: u64 = 128 << 10;

/// Gigabytes are put together by a server of files, fetched and hashed, on a busy machine.
const ASSEMBLY: Duration = Duration::from_secs(900);

/// The file: chunks of noise that is no medium, the last one shorter.
struct Noise {
    bytes: u64,
}

impl Noise {
    fn new() -> Self {
        Self { bytes: if is_full() { 3 << 30 } else { 100 << 20 } | 12_345 }
    }

    fn chunks(&self) -> u64 {
        self.bytes.div_ceil(CHUNK_BYTES)
    }

    fn chunk(&self, index: u64) -> Vec<u8> {
        let bytes = CHUNK_BYTES.min(self.bytes - index * CHUNK_BYTES);
        let mut word = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut noise = Vec::with_capacity(bytes as usize + 8);
        while (noise.len() as u64) < bytes {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            noise.extend_from_slice(&word.to_le_bytes());
        }
        noise.truncate(bytes as usize);
        noise
    }

    fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        (0..self.chunks()).for_each(|index| hash.update(self.chunk(index)));
        hex::encode(hash.finalize())
    }
}

/// The service on its bucket, which is killed now and then.
struct Dying {
    folder: tempfile::TempDir,
    endpoint: String,
    service: Option<Service>,
    peak_kb: u64,
}

impl Dying {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = s3::in_process(folder.path()).await;
        let endpoint = place.endpoint.unwrap();
        let mut dying = Self { folder, endpoint, service: None, peak_kb: 0 };
        dying.start().await;
        dying
    }

    async fn start(&mut self) {
        let data = self.folder.path().join("data");
        let (key, secret) = s3::KEY;
        let settings = [
            ("S3_BUCKET", s3::BUCKET),
            ("S3_ENDPOINT", self.endpoint.as_str()),
            ("IVEN__S3__ACCESS_KEY", key),
            ("IVEN__S3__SECRET_KEY", secret),
        ];
        self.service = Some(Service::start_with(&data, &settings).await);
    }

    fn service(&self) -> &Service {
        self.service.as_ref().unwrap()
    }

    /// Kills it and starts another one on the same folder and bucket.
    async fn die(&mut self) {
        self.measure();
        self.service.take().unwrap().kill();
        self.start().await;
    }

    fn measure(&mut self) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.service().pid()));
        let status = status.unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak = peak.trim().trim_end_matches(" kB").parse().unwrap();
        self.peak_kb = self.peak_kb.max(peak);
    }

    async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Value {
        let (status, answer) = self.service().ask(method, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    /// After the last byte: the service dies once more, and the upload is whole all the same.
    async fn ends(mut self, id: &str, noise: &Noise) {
        self.die().await;
        let path = format!("/v1/uploads/{id}");
        let upload = until_in(ASSEMBLY, "the end of the upload", async || {
            let upload = self.ask(Method::GET, &path, Vec::new()).await;
            (upload["status"] != "uploading").then_some(upload)
        })
        .await;
        self.measure();

        assert_eq!(upload["status"], "completed", "{upload}");
        assert_eq!(
            (&upload["size"], &upload["sha256"]),
            (&json!(noise.bytes), &json!(noise.sha256()))
        );
        println!("{}: the service took {} MB at most", upload["transport"], self.peak_kb >> 10);
        assert!(self.peak_kb < MOST_KB, "the service took {} kB", self.peak_kb);
    }
}

fn wish(noise: &Noise, transport: &str) -> Vec<u8> {
    let wish = json!({
        "eventId": 1, "userId": 42, "filename": "a.bin", "size": noise.bytes,
        "mimeType": "application/octet-stream", "transport": transport,
    });
    wish.to_string().into_bytes()
}

/// Whether the service dies before this chunk: after a third and after two.
fn dies_before(index: u64, noise: &Noise) -> bool {
    index == noise.chunks() / 3 || index == noise.chunks() * 2 / 3
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_numbered_chunks() {
    let (noise, mut dying) = (Noise::new(), Dying::new().await);
    let upload = dying.ask(Method::POST, "/v1/uploads", wish(&noise, "chunks")).await;
    let id = upload["uploadId"].as_str().unwrap();

    for index in 0..noise.chunks() {
        if dies_before(index, &noise) {
            dying.die().await;
        }
        let path = format!("/v1/uploads/{id}/chunks/{}", index + 1);
        dying.ask(Method::PUT, &path, noise.chunk(index)).await;
    }
    dying.ask(Method::POST, &format!("/v1/uploads/{id}/complete"), Vec::new()).await;

    dying.ends(id, &noise).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn straight_to_the_bucket() {
    let (noise, mut dying) = (Noise::new(), Dying::new().await);
    let upload = dying.ask(Method::POST, "/v1/uploads", wish(&noise, "presigned")).await;
    let id = upload["uploadId"].as_str().unwrap();

    for index in 0..noise.chunks() {
        if dies_before(index, &noise) {
            dying.die().await;
        }
        let chunk = noise.chunk(index);
        let part = json!({ "number": index + 1, "sha256": hex::encode(Sha256::digest(&chunk)) });
        let body = json!({ "parts": [part] }).to_string().into_bytes();
        let signed = dying.ask(Method::POST, &format!("/v1/uploads/{id}/parts"), body).await;
        let part = &signed["parts"][0];
        let put = Client::new().put(part["url"].as_str().unwrap()).body(chunk);
        let headers = part["headers"].as_object().unwrap();
        let put = headers
            .iter()
            .fold(put, |put, (name, value)| put.header(name, value.as_str().unwrap()));
        assert!(put.send().await.unwrap().status().is_success());
    }
    dying.ask(Method::POST, &format!("/v1/uploads/{id}/complete"), Vec::new()).await;

    dying.ends(id, &noise).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_tus() {
    let (noise, mut dying) = (Noise::new(), Dying::new().await);
    let client = Client::new();
    let url =
        |dying: &Dying, path: &str| format!("http://127.0.0.1:{}{path}", dying.service().port);
    // eventId 1 and userId 42.
    let create = client.post(url(&dying, "/v1/tus")).header("tus-resumable", "1.0.0");
    let create = create.header("upload-length", noise.bytes);
    let create = create.header("upload-metadata", "eventId MQ==,userId NDI=");
    let created = create.send().await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    let path = created.headers()["location"].to_str().unwrap().to_owned();

    let mut offset = 0;
    for index in 0..noise.chunks() {
        // Borders of requests are not those of chunks.
        let (chunk, half) = (noise.chunk(index), 1_000_003);
        let cut = half.min(chunk.len());
        for (nth, piece) in [&chunk[..cut], &chunk[cut..]].into_iter().enumerate() {
            if nth == 1 && dies_before(index, &noise) {
                dying.die().await;
                let head = client.head(url(&dying, &path)).header("tus-resumable", "1.0.0");
                let head = head.send().await.unwrap();
                assert_eq!(head.headers()["upload-offset"], offset.to_string());
            }
            let patch = client.patch(url(&dying, &path)).header("tus-resumable", "1.0.0");
            let patch = patch.header("content-type", "application/offset+octet-stream");
            let patch = patch.header("upload-offset", offset).body(piece.to_vec());
            assert_eq!(patch.send().await.unwrap().status(), StatusCode::NO_CONTENT);
            offset += piece.len();
        }
    }

    let id = path.rsplit('/').next().unwrap();
    dying.ends(id, &noise).await;
}
