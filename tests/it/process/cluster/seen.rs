//! What became of all uploads, as the store, the bucket and those who listened have it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    sync::{Arc, Mutex},
};

use bson::{Document, doc, oid::ObjectId};
use futures_util::{StreamExt, TryStreamExt};
use iven_worker::adapters::{
    documents::Collection,
    mongo::Mongo,
    records::collections::{EVENT_MEDIA, FILE_UPLOADS, JOBS},
};
use jobs::model::StepName;
use tokio_util::task::TaskTracker;

use super::senders::photo;
use crate::{process::service::until, s3};

/// How many attempts at a job were lost, by its medium and kind.
type Losses = BTreeMap<(String, String), usize>;

/// All that was written of each medium, heard from the change stream as it happened.
pub struct News(Arc<Mutex<HashMap<ObjectId, Vec<Document>>>>);

impl News {
    /// From now on.
    pub async fn of(store: &Mongo) -> Self {
        let mut stream = store.collection(&EVENT_MEDIA).watch().await.unwrap();
        let heard = Arc::<Mutex<HashMap<_, Vec<_>>>>::default();
        let news = Self(heard.clone());
        TaskTracker::new().spawn(async move {
            while let Some(event) = stream.next().await {
                let event = event.unwrap();
                let id = event.document_key.unwrap().get_object_id("_id").unwrap();
                let written = match event.update_description {
                    Some(update) => update.updated_fields,
                    None => doc! { "processing.rev": 1_i64 },
                };
                heard.lock().unwrap().entry(id).or_default().push(written);
            }
        });
        news
    }

    /// All writes of this medium up to the one that made it so.
    async fn writes(&self, id: ObjectId, rev: i64) -> Vec<Document> {
        until("the news of a medium", async || {
            let heard = self.0.lock().unwrap().get(&id).cloned().unwrap_or_default();
            heard.last()?.get_i64("processing.rev").is_ok_and(|at| at == rev).then_some(heard)
        })
        .await
    }
}

/// All documents that fulfil `filter`.
pub async fn all(store: &Mongo, of: &Collection, filter: Document) -> Vec<Document> {
    store.collection(of).find(filter).await.unwrap().try_collect().await.unwrap()
}

fn text<'d>(document: &'d Document, field: &str) -> &'d str {
    document.get_str(field).unwrap_or_else(|_| panic!("{field} of {document}"))
}

/// The media of all uploads, each of which has ended well and has one of its own.
pub async fn media_of_uploads(store: &Mongo, uploads: usize) -> Vec<Document> {
    let ended = all(store, &FILE_UPLOADS, doc! { "mediaId": { "$exists": true } }).await;
    let media = all(store, &EVENT_MEDIA, doc! {}).await;

    assert_eq!((ended.len(), media.len()), (uploads, uploads));
    let of_uploads: BTreeMap<&str, ObjectId> = ended
        .iter()
        .map(|upload| {
            assert_eq!(text(upload, "status"), "completed", "{upload}");
            assert_eq!(text(upload, "phase"), "stored", "{upload}");
            (text(upload, "uploadId"), upload.get_object_id("mediaId").unwrap())
        })
        .collect();
    for medium in &media {
        let processing = medium.get_document("processing").unwrap();
        let id = medium.get_object_id("_id").unwrap();
        assert_eq!(of_uploads[text(processing, "uploadId")], id, "{medium}");
        assert_eq!(text(medium, "processingStatus"), "completed", "{medium}");
        assert_eq!(medium.get("degraded").and_then(bson::Bson::as_bool), None, "{medium}");
    }
    media
}

/// Each step of the medium has ended once and stayed so, and one write has published it. That
/// write is what "published" means: readers learn the address from it, and it is guarded by the
/// revision that its writer has read, so that of two only one can be true.
pub async fn was_published_once(news: &News, medium: &Document) {
    let rev = medium.get_document("processing").unwrap().get_i64("rev").unwrap();
    let writes = news.writes(medium.get_object_id("_id").unwrap(), rev).await;

    let revs: Vec<_> = writes.iter().map(|write| write.get_i64("processing.rev").ok()).collect();
    let one_by_one: Vec<_> = (1..=rev).map(Some).collect();
    assert_eq!(revs, one_by_one, "a write was not guarded, or not heard: {writes:?}");
    let count = |field: &str, is: &dyn Fn(&str) -> bool| {
        writes.iter().filter(|write| write.get_str(field).is_ok_and(is)).count()
    };
    assert_eq!(count("processingStatus", &|status| status == "completed"), 1, "{writes:?}");
    assert_eq!(count("fileUrl", &|_| true), 1, "{writes:?}");
    for step in StepName::ALL.map(|step| step.as_str()) {
        let field = format!("processingSteps.{step}.state");
        let states = writes.iter().filter_map(|write| write.get_str(&field).ok());
        let states: Vec<&str> = states.collect();
        let open = ["pending", "running", "retrying"];
        assert_eq!(count(&field, &|state| !open.contains(&state)), 1, "{step}: {states:?}");
        assert_eq!(states.last(), Some(&"completed"), "{step}: {states:?}");
    }
}

/// Every job is done, and each medium had all five. A worker that died or was cut off between the
/// end of a step and its hand-off has others do the hand-off again: a ticket may then come a
/// second time, and its run finds the step closed. One hand-off is of two tickets at most, and
/// none is done again but for an attempt that was lost.
pub async fn jobs_are_done(store: &Mongo, uploads: usize) -> Losses {
    let jobs = all(store, &JOBS, doc! { "ref": { "$exists": true } }).await;

    let (mut runs, mut losses) = (BTreeMap::<_, usize>::new(), Losses::new());
    for job in &jobs {
        assert_eq!(text(job, "state"), "done", "{job}");
        let medium = text(job.get_document("ref").unwrap(), "id").to_owned();
        let what = (medium, text(job, "kind").to_owned());
        let lost = job.get_array("errors").map_or(0, Vec::len);
        *losses.entry(what.clone()).or_default() += lost;
        *runs.entry(what).or_default() += 1;
    }
    let kinds = runs.keys().map(|(_, kind)| kind).collect::<BTreeSet<_>>().len();
    assert_eq!((kinds, runs.len()), (5, 5 * uploads));
    let (again, lost): (usize, usize) = (jobs.len() - runs.len(), losses.values().sum());
    println!("{lost} attempts were lost, {again} tickets came again");
    assert!(again <= 2 * lost, "{again} tickets came again, {lost} attempts were lost: {runs:?}");
    losses
}

/// The bucket has the published media and their small pictures, byte for byte, and nothing else.
/// Each upload became one object once. A final key is written once, and once more by each run that
/// takes the place of one that was lost: with the same bytes, because a copy is of the object that
/// was looked at or of none, before the one write that tells readers of it.
pub fn bucket_is_clean(folder: &Path, books: &s3::Books, media: &[Document], losses: &Losses) {
    let (mut expected, written) = (BTreeSet::new(), books.written());
    let count = |key: &str| written.iter().filter(|written| *written == key).count();
    for medium in media {
        let id = medium.get_object_id("_id").unwrap().to_hex();
        let most = |kind: &str| 1 + losses[&(id.clone(), kind.to_owned())];
        let private = text(medium.get_document("processing").unwrap(), "privateKey");
        assert_eq!(count(private), 1, "{private} was put together more than once");
        let key = text(medium.get_document("s3Info").unwrap(), "key");
        let number = text(medium, "originalFilename").strip_suffix(".jpg").unwrap();
        let bytes = std::fs::read(folder.join(key)).unwrap();
        assert_eq!(bytes, photo(number.parse().unwrap()), "{key}");
        assert!((1..=most("publish_media")).contains(&count(key)), "{key}: {}", count(key));
        expected.insert(key.to_owned());
        for picture in medium.get_array("thumbnails").unwrap() {
            let key = text(picture.as_document().unwrap(), "key");
            let most = most("generate_thumbnails");
            assert!((1..=most).contains(&count(key)), "{key}: {}", count(key));
            expected.insert(key.to_owned());
        }
    }
    let mut found = BTreeSet::new();
    keys(folder, folder, &mut found);
    assert_eq!(found, expected);
}

fn keys(bucket: &Path, folder: &Path, found: &mut BTreeSet<String>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            keys(bucket, &path, found);
        } else {
            found.insert(path.strip_prefix(bucket).unwrap().to_str().unwrap().to_owned());
        }
    }
}
