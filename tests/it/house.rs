//! The whole service in one process: real stores, a real scanner, a clock that the test moves.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, Response, StatusCode, header},
};
use bson::DateTime;
use iven_worker::{
    adapters::{
        clamd::{Clamd, ScanLimits},
        clock::SystemClock,
        disk::Disk,
        documents::{Documents, Query},
        embedded, mongo,
        records::{collections, standing},
        s3::S3,
    },
    api,
    config::Config,
    wire,
};
use jobs::{
    job::Queue,
    model::{Media, MediaId},
    ports::{Clock, JobState, Objects, Scanner, later},
    sweep::Sweep,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::clamd::server::clamd;

/// Who has them may sign tokens of this house.
pub const TOKEN_SECRET: &str = "a secret of tests, 32 characters long";

/// The jobs in this state: more than any test has.
pub fn jobs_in(state: &str) -> Query {
    standing(JobState::named(state).unwrap(), None, 1000)
}

/// A clock that stands until the test moves it.
pub struct HandClock(AtomicI64);

impl HandClock {
    /// Starts at a moment that no test depends on.
    pub fn new() -> Arc<Self> {
        let start = DateTime::parse_rfc3339_str("2024-01-15T20:35:00Z").unwrap();
        Arc::new(Self(AtomicI64::new(start.timestamp_millis())))
    }

    /// Moves the clock on.
    pub fn forward(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime {
        DateTime::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Where a house keeps its things; outlives the process that a test lets die.
pub struct Ground {
    folder: TempDir,
    /// The documents.
    pub store: Arc<dyn Documents>,
    /// The bytes.
    pub objects: Arc<dyn Objects>,
    /// The scanner.
    pub scanner: Arc<dyn Scanner>,
    /// The time.
    pub clock: Arc<HandClock>,
}

impl Ground {
    /// Embedded records, objects on disk, the clamd of this test run.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = embedded::open(&folder.path().join("records"), collections::ALL).unwrap();
        Self::over(folder, Arc::new(store)).await
    }

    /// The same over another engine.
    pub async fn over(folder: TempDir, store: Arc<dyn Documents>) -> Self {
        store.migrate().await.unwrap();
        let objects = Arc::new(Disk::open(&folder.path().join("objects")).unwrap());
        let scanner = scanner(&clamd().address());
        Self { folder, store, objects, scanner, clock: HandClock::new() }
    }

    /// Embedded records, objects in a bucket of a server in this process.
    pub async fn on_s3() -> Self {
        Self::on_watched_s3().await.0
    }

    /// The same, and what that server knows.
    pub async fn on_watched_s3() -> (Self, crate::s3::Books) {
        let ground = Self::new().await;
        let (place, books) = crate::s3::watched(ground.folder.path()).await;
        let copies = ground.folder.path().join("copies");
        let objects = S3::open(place, &copies, Arc::new(SystemClock)).await.unwrap();
        (Self { objects: Arc::new(objects), ..ground }, books)
    }

    /// Lets the parts on the disk look as if they came two hours ago.
    pub fn age_parts(&self) {
        let then = std::fs::metadata(self.folder.path()).unwrap().modified().unwrap();
        let then = then - Duration::from_secs(7200);
        for upload in std::fs::read_dir(self.folder.path().join("objects/parts")).unwrap() {
            std::fs::File::open(upload.unwrap().path()).unwrap().set_modified(then).unwrap();
        }
    }

    /// Lets what lies among the arriving bytes look as if it came two hours ago.
    pub fn age_objects(&self) {
        let then = std::fs::metadata(self.folder.path()).unwrap().modified().unwrap();
        let then = then - Duration::from_secs(7200);
        let bucket = self.folder.path().join("s3").join(crate::s3::BUCKET);
        for folder in [self.folder.path().join("objects/objects/incoming"), bucket.join("incoming")]
        {
            for file in std::fs::read_dir(folder).into_iter().flatten() {
                std::fs::File::open(file.unwrap().path()).unwrap().set_modified(then).unwrap();
            }
        }
    }

    /// All files below the folder of objects, or in the bucket, by their path in it, in order.
    pub fn files(&self) -> Vec<String> {
        let root = self.folder.path().join("objects");
        let bucket = self.folder.path().join("s3").join(crate::s3::BUCKET);
        let mut found = Vec::new();
        let mut folders: Vec<PathBuf> = ["objects", "parts", "tmp"].map(|f| root.join(f)).into();
        folders.extend(bucket.is_dir().then(|| bucket.clone()));
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let of_disk = path.strip_prefix(&root).ok().map(PathBuf::from);
                    let of_bucket =
                        || Path::new("objects").join(path.strip_prefix(&bucket).unwrap());
                    found.push(of_disk.unwrap_or_else(of_bucket).display().to_string());
                }
            }
        }
        found.sort();
        found
    }
}

/// A clamd at this address, with the limits of the product's defaults.
pub fn scanner(address: &str) -> Arc<dyn Scanner> {
    let timeout = Duration::from_secs(60);
    let limits = ScanLimits { max_file_bytes: 64 << 20, timeout };
    Arc::new(Clamd::new(address, limits).unwrap())
}

/// The service.
pub struct House {
    /// Its stores.
    pub ground: Arc<Ground>,
    /// Its parts.
    pub parts: wire::House,
    door: axum::Router,
}

impl House {
    /// A house on new ground.
    pub async fn new() -> Self {
        Self::on(Arc::new(Ground::new().await))
    }

    /// A house whose records and queue are in MongoDB.
    pub async fn on_mongodb() -> Self {
        Self::on_mongodb_with("").await
    }

    /// The same by a piece of a settings file.
    pub async fn on_mongodb_with(settings: &str) -> Self {
        let store = mongo::connect(&crate::servers::mongodb_url(), collections::ALL).await.unwrap();
        let ground = Arc::new(Ground::over(tempfile::tempdir().unwrap(), Arc::new(store)).await);
        let (store, objects) = (ground.store.clone(), ground.objects.clone());
        Self::with(ground, store, objects, settings)
    }

    /// A house whose objects are in a bucket.
    pub async fn on_s3() -> Self {
        Self::on(Arc::new(Ground::on_s3().await))
    }

    /// A house that finds what an earlier one left.
    pub fn on(ground: Arc<Ground>) -> Self {
        let (store, objects) = (ground.store.clone(), ground.objects.clone());
        Self::with(ground, store, objects, "")
    }

    /// A house with keys, by a piece of a settings file.
    pub async fn with_settings(settings: &str) -> Self {
        let ground = Arc::new(Ground::new().await);
        let (store, objects) = (ground.store.clone(), ground.objects.clone());
        Self::with(ground, store, objects, settings)
    }

    /// A house whose stores are reached through something that the test put between.
    pub fn with(
        ground: Arc<Ground>,
        store: Arc<dyn Documents>,
        objects: Arc<dyn Objects>,
        settings: &str,
    ) -> Self {
        let clock = ground.clock.clone();
        Self::built(ground, store, objects, settings, clock)
    }

    /// A house whose time passes by itself, for workers that nobody drains.
    pub fn awake(ground: Arc<Ground>) -> Self {
        Self::awake_with(ground, "")
    }

    /// The same by a piece of a settings file.
    pub fn awake_with(ground: Arc<Ground>, settings: &str) -> Self {
        let (store, objects) = (ground.store.clone(), ground.objects.clone());
        Self::built(ground, store, objects, settings, Arc::new(SystemClock))
    }

    fn built(
        ground: Arc<Ground>,
        store: Arc<dyn Documents>,
        objects: Arc<dyn Objects>,
        settings: &str,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let data = ground.folder.path();
        let settings = format!(
            "[store]\ndata_dir = {data:?}\n[auth]\ntoken_secret = \"{TOKEN_SECRET}\"\n{settings}"
        );
        let config = Config::read(Some(&settings), Vec::new()).unwrap();
        let decoder = wire::in_process(&config);
        let parts =
            wire::assemble(config, store, objects, ground.scanner.clone(), (clock, decoder))
                .unwrap();
        let door = api::router(parts.api(Arc::new(String::new)).unwrap());
        Self { ground, parts, door }
    }

    /// Sends a request through the door.
    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.door.clone().oneshot(request).await.unwrap()
    }

    /// Sends a request; its status and JSON (null where there is none).
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path);
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        answer(self.send(request.body(body).unwrap()).await).await
    }

    /// Announces a file and sends its chunks; the upload's id.
    pub async fn upload(&self, name: &str, bytes: &[u8]) -> String {
        let wish = json!({
            "eventId": 1, "userId": 42, "filename": name, "size": bytes.len(),
            "mimeType": "application/octet-stream",
        });
        let (status, upload) = self.ask("POST", "/v1/uploads", wish).await;
        assert_eq!(status, StatusCode::CREATED, "{upload}");
        let id = upload["uploadId"].as_str().unwrap().to_owned();
        let size = usize::try_from(upload["chunkSize"].as_u64().unwrap()).unwrap();
        for (index, chunk) in bytes.chunks(size).enumerate() {
            let (status, kept) = self.put_chunk(&id, index + 1, chunk.to_vec()).await;
            assert_eq!(status, StatusCode::OK, "{kept}");
        }
        id
    }

    /// Sends one chunk.
    pub async fn put_chunk(&self, id: &str, n: usize, bytes: Vec<u8>) -> (StatusCode, Value) {
        let request = Request::put(format!("/v1/uploads/{id}/chunks/{n}"));
        answer(self.send(request.body(Body::from(bytes)).unwrap()).await).await
    }

    /// Says that these were all chunks; the medium's id.
    pub async fn complete(&self, upload: &str) -> MediaId {
        let path = format!("/v1/uploads/{upload}/complete");
        let (status, done) = self.ask("POST", &path, json!({})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{done}");
        done["mediaId"].as_str().unwrap().parse().unwrap()
    }

    /// Brings a file through the door; its medium, whose jobs still wait.
    pub async fn media(&self, name: &str, bytes: &[u8]) -> MediaId {
        let upload = self.upload(name, bytes).await;
        self.complete(&upload).await
    }

    /// The medium as it stands.
    pub async fn read(&self, id: MediaId) -> Media {
        self.parts.tools.media.media(id).await.unwrap()
    }

    /// The bytes behind an address of this house, or the refusal's status.
    pub async fn bytes(&self, path: &str) -> Result<Vec<u8>, StatusCode> {
        let response = self.send(Request::get(path).body(Body::empty()).unwrap()).await;
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        if status.is_success() { Ok(bytes.to_vec()) } else { Err(status) }
    }

    /// Runs every waiting job, and those that they put, one after the other; how each ended.
    pub async fn drain(&self) -> Vec<String> {
        self.drain_before("").await
    }

    /// The same, but jobs of this kind stay where they are.
    pub async fn drain_before(&self, kind: &str) -> Vec<String> {
        let engine = self.parts.engine();
        let leases = &self.parts.leases;
        let mut log = Vec::new();
        loop {
            let before = log.len();
            leases.promote(100).await.unwrap();
            for queue in Queue::ALL {
                let until = later(self.ground.clock.now(), iven_worker::worker::LEASE);
                for job in leases.claim("house", queue, 1, until).await.unwrap() {
                    if job.kind == kind {
                        leases.release(&[job.held()]).await.unwrap();
                        continue;
                    }
                    let ended = engine.attempt(&job).await;
                    log.push(format!("{}: {ended}", job.kind));
                }
            }
            if log.len() == before {
                return log;
            }
        }
    }

    /// What a new process finds: leases of the dead one lapse, the sweep looks for what was lost.
    pub async fn recover(&self) -> Vec<String> {
        self.ground.clock.forward(Duration::from_secs(600));
        self.parts.leases.reap(100).await.unwrap();
        let mut log = self.drain().await;
        let sweep = jobs::ports::Ticket::of(&Sweep {}).unwrap();
        self.parts.tools.queue.push(&[sweep]).await.unwrap();
        log.extend(self.drain().await);
        log
    }
}

/// Status and JSON of an answer (null where there is none).
pub async fn answer(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    if kind.as_ref().is_some_and(|kind| kind == "text/event-stream") {
        // It has no end.
        return (status, Value::Null);
    }
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    if !status.is_success() {
        assert_eq!(kind.unwrap(), "application/problem+json", "every refusal is a problem");
    }
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// A file of `fixtures/`.
pub fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
