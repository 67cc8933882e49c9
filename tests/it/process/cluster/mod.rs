//! Three workers and two APIs on one MongoDB and one bucket, while one of them after the other is
//! lost.

mod link;
mod seen;
mod senders;

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use bson::{DateTime, Document, doc, oid::ObjectId};
use futures_util::future::join;
use iven_worker::adapters::{
    mongo::{self, Mongo},
    records::collections::{self, FILE_UPLOADS, JOBS},
};
use reqwest::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};

use self::{
    link::Link,
    seen::{News, all, bucket_is_clean, jobs_are_done, media_of_uploads, was_published_once},
    senders::{Doors, Senders},
};
use super::service::{Service, until};
use crate::{faults::is_full, s3, servers::mongodb_url};

/// Longer than what is left of a request that broke off is kept.
const LONG: Duration = Duration::from_secs(2 * 3600);
/// A worker is lost with at least so many jobs: one alone may be ending just then.
const IN_HAND: usize = 2;

/// The leases of a worker: jobs and tokens.
type Held = Vec<(ObjectId, ObjectId)>;

struct Cluster {
    books: s3::Books,
    store: Mongo,
    settings: Vec<(&'static str, String)>,
    apis: [Option<Service>; 2],
    doors: Arc<Doors>,
    /// The ways of the first worker to the store and to the bucket.
    links: [Link; 2],
    first: Service,
    second: Option<Service>,
    third: Option<Service>,
    /// Goes last: what falls shows its log.
    folder: tempfile::TempDir,
}

/// One process, with a folder of its own as on a machine of its own.
async fn start(role: &str, folder: &Path, settings: &[(&'static str, String)]) -> Service {
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Service::start_as(role, folder, &settings).await
}

fn settings(url: &str, endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("MONGODB_URL", url.to_owned()),
        ("S3_BUCKET", s3::BUCKET.to_owned()),
        ("S3_ENDPOINT", endpoint.to_owned()),
        ("IVEN__S3__ACCESS_KEY", s3::KEY.0.to_owned()),
        ("IVEN__S3__SECRET_KEY", s3::KEY.1.to_owned()),
    ]
}

/// The same database by way of a link to its server, which the driver must not leave for the
/// address that the server has of itself.
async fn linked(store: &Mongo, url: &str) -> (Link, String) {
    let hello = store.database().run_command(doc! { "hello": 1 }).await.unwrap();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (place, rest) = rest.split_once('/').unwrap();
    let (user, host) = place.rsplit_once('@').unwrap_or(("", place));
    let at = if user.is_empty() { "" } else { "@" };
    let link = Link::to(hello.get_str("primary").unwrap_or(host)).await;
    let more = if rest.ends_with('?') { "" } else { "&" };
    let port = link.port;
    let url = format!("{scheme}://{user}{at}127.0.0.1:{port}/{rest}{more}directConnection=true");
    (link, url)
}

impl Cluster {
    async fn start() -> Self {
        let (folder, url) = (tempfile::tempdir().unwrap(), mongodb_url());
        let (place, books) = s3::watched(folder.path()).await;
        let endpoint = place.endpoint.unwrap();
        let store = mongo::connect(&url, collections::ALL).await.unwrap();
        let of = settings(&url, &endpoint);
        let at = |name: &str| folder.path().join(name);
        let apis = [start("api", &at("api-0"), &of).await, start("api", &at("api-1"), &of).await];
        let doors = Arc::new(Doors::at([apis[0].port, apis[1].port]));
        let (to_store, by_link) = linked(&store, &url).await;
        let to_bucket = Link::to(endpoint.strip_prefix("http://").unwrap()).await;
        let by_links = settings(&by_link, &format!("http://127.0.0.1:{}", to_bucket.port));
        let first = start("worker", &at("worker-0"), &by_links).await;
        let second = Some(start("worker", &at("worker-1"), &of).await);
        let third = Some(start("worker", &at("worker-2"), &of).await);
        let (settings, links, apis) = (of, [to_store, to_bucket], apis.map(Some));
        Self { books, store, settings, apis, doors, links, first, second, third, folder }
    }

    /// What a worker has in hand, as the store has it.
    async fn held_by(&self, worker: &Service) -> Held {
        let pid = worker.pid().to_string();
        let running = all(&self.store, &JOBS, doc! { "state": "running" }).await;
        let leases = running.iter().filter_map(|job| {
            let lease = job.get_document("lease").ok()?;
            let owner = lease.get_str("owner").ok()?;
            let ids = (job.get_object_id("_id").ok()?, lease.get_object_id("token").ok()?);
            (owner.split('/').nth(1) == Some(&pid)).then_some(ids)
        });
        leases.collect()
    }

    /// Cuts the first worker off while it has jobs.
    async fn cut_off(&self) -> Held {
        until("a worker with jobs to be cut off", async || {
            self.links.iter().for_each(Link::cut);
            let held = self.held_by(&self.first).await;
            if held.len() < IN_HAND {
                self.links.iter().for_each(Link::mend);
            }
            (held.len() >= IN_HAND).then_some(held)
        })
        .await
    }

    /// Kills the second worker while it has jobs.
    async fn kill(&mut self) -> Held {
        let worker = self.second.take().unwrap();
        let pid = Pid::from_raw(i32::try_from(worker.pid()).unwrap()).unwrap();
        let held = until("a worker with jobs to be killed", async || {
            kill_process(pid, Signal::STOP).unwrap();
            let held = self.held_by(&worker).await;
            if held.len() < IN_HAND {
                kill_process(pid, Signal::CONT).unwrap();
            }
            (held.len() >= IN_HAND).then_some(held)
        })
        .await;
        worker.kill();
        held
    }

    /// Kills the first API while it has requests, and starts another one in its place.
    async fn restart_api(&mut self) {
        until("requests that are under way", async || {
            (self.doors.under_way(0) >= IN_HAND).then_some(())
        })
        .await;
        self.apis[0].take().unwrap().kill();
        let api = start("api", &self.folder.path().join("api-0"), &self.settings).await;
        self.doors.moved(0, api.port);
        self.apis[0] = Some(api);
    }

    /// Waits until none of these leases counts any more: others may do the jobs.
    async fn are_lost(&self, held: &Held) {
        let ids: Vec<ObjectId> = held.iter().map(|(job, _)| *job).collect();
        let tokens: Vec<ObjectId> = held.iter().map(|(_, token)| *token).collect();
        let still = doc! { "_id": { "$in": ids }, "lease.token": { "$in": tokens } };
        until("the end of leases", async || {
            let still = self.store.collection(&JOBS).count_documents(still.clone()).await;
            (still.unwrap() == 0).then_some(())
        })
        .await;
    }

    /// The first worker is back, and soon has to do the rest without the third.
    async fn comes_back(&mut self) {
        self.links.iter().for_each(Link::mend);
        assert_eq!(self.third.take().unwrap().terminate().await.code(), Some(0));
    }

    /// How many jobs the first worker has done.
    async fn done(&self) -> u64 {
        let page = String::from_utf8(self.first.bytes("/metrics").await).unwrap();
        let done = page.lines().filter(|line| {
            line.starts_with("jobs_finished_total{") && line.contains("outcome=\"done\"")
        });
        done.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    /// Waits until nobody has anything to do, as long as something gets done.
    async fn rests(&self) {
        let (jobs, about) = (self.store.collection(&JOBS), doc! { "$exists": true });
        let ended = doc! { "$in": ["done", "dead", "cancelled"] };
        let (mut before, mut open) = (0, true);
        while open {
            (before, open) = until("the end of more jobs", async || {
                let all = jobs.count_documents(doc! { "ref": about.clone() });
                let ended = doc! { "ref": about.clone(), "state": ended.clone() };
                // In this order: none of those that ended before is counted later.
                let (ended, all) = (jobs.count_documents(ended).await, all.await);
                let (ended, all) = (ended.unwrap(), all.unwrap());
                (ended > before || ended == all).then_some((ended, ended < all))
            })
            .await;
        }
    }

    /// What requests left that broke off: begun in the bucket, and no more. After its time the next
    /// sweep frees it. Nothing else is on its way.
    async fn is_swept(&self) {
        let unfinished = || all(&self.store, &FILE_UPLOADS, doc! { "status": "uploading" });
        let (left, open) = (unfinished().await, self.books.open());
        println!(
            "left by requests that broke off: {} uploads, {} transfers",
            left.len(),
            open.len()
        );
        assert!(open.len() <= self.doors.broken(), "{open:?}");
        let is_empty = |upload: &Document| upload.get_i64("receivedBytes").is_ok_and(|n| n == 0);
        assert!(left.iter().all(is_empty), "{left:?}");
        self.books.age(LONG);
        let past = doc! { "$set": { "expiresAt": DateTime::from_millis(0) } };
        let uploads = self.store.collection(&FILE_UPLOADS);
        uploads.update_many(doc! { "status": "uploading" }, past).await.unwrap();

        let api = self.apis[0].as_ref().unwrap();
        let (status, said) = api.ask(Method::POST, "/v1/schedules/sweep/run", Vec::new()).await;

        assert_eq!(status, StatusCode::CREATED, "{said}");
        until("the end of what was left", async || {
            let is_empty = unfinished().await.is_empty() && self.books.open().is_empty();
            is_empty.then_some(())
        })
        .await;
    }

    /// Asks all that are left to stop, which they do well.
    async fn stop(self) -> (tempfile::TempDir, s3::Books, Mongo) {
        let rest = self.apis.into_iter().flatten().chain([self.first]);
        for service in rest {
            assert_eq!(service.terminate().await.code(), Some(0));
        }
        (self.folder, self.books, self.store)
    }
}

/// What workers had in hand as they were lost.
struct Lost {
    cut_off: Held,
    killed: Held,
}

/// All that befalls the cluster, while it has more and more to do.
async fn befall(cluster: &mut Cluster, senders: &Senders, uploads: usize) -> Lost {
    senders.may_send(uploads / 2);
    senders.have_sent(uploads / 8).await;
    let cut_off = cluster.cut_off().await;
    senders.may_send(uploads / 8);
    let killed = cluster.kill().await;
    senders.may_send(uploads / 4);
    cluster.restart_api().await;
    cluster.are_lost(&cut_off).await;
    cluster.are_lost(&killed).await;
    let before = cluster.done().await;
    senders.may_send(uploads / 8);
    cluster.comes_back().await;
    senders.have_sent(uploads).await;
    cluster.rests().await;
    assert!(cluster.done().await > before, "the worker that was cut off does nothing any more");
    assert!(cluster.doors.broken() > 0, "no request was under way as the API was killed");
    Lost { cut_off, killed }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_upload_ends_once_whoever_is_cut_off_killed_or_started_again() {
    // Eighths of them are sent one after the other.
    let uploads = if is_full() { 200 } else { 40 };
    let mut cluster = Cluster::start().await;
    let news = News::of(&cluster.store).await;
    let senders = Senders::at(&cluster.doors);

    let befalling = befall(&mut cluster, &senders, uploads);
    let (sent, lost) = join(senders.send(uploads), befalling).await;

    cluster.is_swept().await;
    let (folder, books, store) = cluster.stop().await;
    let media = media_of_uploads(&store, uploads).await;
    let ids = |media: &Document| media.get_object_id("_id").unwrap().to_hex();
    let found: BTreeSet<String> = media.iter().map(ids).collect();
    assert_eq!(BTreeSet::from_iter(sent), found, "what senders were told is true");
    for medium in &media {
        was_published_once(&news, medium).await;
    }
    let losses = jobs_are_done(&store, uploads).await;
    for (which, held) in [("cut off", lost.cut_off), ("killed", lost.killed)] {
        let ids: Vec<ObjectId> = held.iter().map(|(job, _)| *job).collect();
        let lost = doc! { "_id": { "$in": ids }, "errors.code": "worker_lost" };
        assert!(!all(&store, &JOBS, lost).await.is_empty(), "nothing was lost by who was {which}");
    }
    bucket_is_clean(&folder.path().join("s3").join(s3::BUCKET), &books, &media, &losses);
}
