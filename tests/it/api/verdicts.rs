//! Whatever the document of a medium says: nobody gets a byte or an address that its verdict, its
//! visibility or its event keeps from him. Addresses in answers are followed to their bytes.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use iven_worker::api::{ROUTES, Route};
use jobs::model::{ErrorClass, ProcessingStatus, ScanResult, StepError, StepState, Visibility};
use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};
use serde_json::{Value, json};

use super::access::{KEYS, LATER, Town, token};
use crate::{
    faults::is_full,
    house::{Ground, House},
};

/// What the document says, and who asks.
#[derive(Debug, Clone)]
struct Case {
    status: ProcessingStatus,
    result: Option<ScanResult>,
    scan: StepState,
    /// A rule of ours withholds it for another reason than the scan.
    against_a_rule: bool,
    visibility: Visibility,
    downloadable: bool,
    deleted: bool,
    person: Person,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Person {
    Service,
    Uploader,
    Guest,
    /// Of another event.
    Stranger,
    /// The uploader, with a token for another event.
    Elsewhere,
    Nobody,
}

/// Whether the file and the small pictures can be had.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Had {
    file: bool,
    picture: bool,
}

fn case() -> impl Strategy<Value = Case> {
    use ProcessingStatus::{Completed, Failed, Processing, Uploading};
    use ScanResult::{Clean, Infected, Skipped, Unscannable};
    let status = prop_oneof![4 => Just(Completed), 1 => Just(Uploading), 1 => Just(Processing),
        1 => Just(Failed)];
    let result = prop_oneof![4 => Just(Some(Clean)), 1 => Just(Some(Skipped)), 1 => Just(None),
        1 => Just(Some(Infected)), 1 => Just(Some(Unscannable))];
    let scan = prop_oneof![5 => Just(StepState::Completed), 1 => Just(StepState::Running),
        1 => Just(StepState::Retrying), 1 => Just(StepState::Failed)];
    let visibility = prop_oneof![
        Just(Visibility::Public),
        Just(Visibility::EventParticipants),
        Just(Visibility::Private)
    ];
    let person = prop_oneof![
        Just(Person::Service),
        Just(Person::Uploader),
        Just(Person::Guest),
        Just(Person::Stranger),
        Just(Person::Elsewhere),
        Just(Person::Nobody)
    ];
    let rest = (prop::bool::weighted(0.15), any::<bool>(), prop::bool::weighted(0.2));
    (status, result, scan, visibility, person, rest).prop_map(
        |(status, result, scan, visibility, person, (against_a_rule, downloadable, deleted))| {
            Case { status, result, scan, against_a_rule, visibility, downloadable, deleted, person }
        },
    )
}

impl Case {
    /// Whether scan and rules let anybody have it.
    fn is_good(&self) -> bool {
        let clean = matches!(self.result, Some(ScanResult::Clean | ScanResult::Skipped));
        let closed = matches!(self.scan, StepState::Completed | StepState::Failed);
        self.status == ProcessingStatus::Completed && clean && closed && !self.against_a_rule
    }

    fn allowed(&self) -> Had {
        let of_event = matches!(self.person, Person::Uploader | Person::Guest);
        let own = self.person == Person::Uploader;
        let open = self.visibility != Visibility::Private || own;
        let service = self.person == Person::Service;
        let picture = self.is_good() && (service || of_event && open && !self.deleted);
        Had { picture, file: picture && (self.downloadable || own || service) }
    }

    fn credential(&self) -> Option<String> {
        let (sub, event) = match self.person {
            Person::Service => return Some("a key for reading".to_owned()),
            Person::Uploader => ("42", 1),
            Person::Guest => ("43", 1),
            Person::Stranger => ("43", 2),
            Person::Elsewhere => ("42", 2),
            Person::Nobody => return None,
        };
        Some(token(json!({ "sub": sub, "events": [event], "exp": LATER })))
    }

    async fn write_down(&self, town: &Town) {
        let before = town.house.read(town.media).await;
        let mut after = before.clone();
        after.processing_status = self.status;
        after.processing_steps.virus_scanning.result = self.result;
        after.processing_steps.virus_scanning.state = Some(self.scan);
        let metadata = &mut after.processing_steps.metadata_extraction;
        let state = if self.against_a_rule { StepState::Failed } else { StepState::Completed };
        metadata.state = Some(state);
        metadata.error = self.against_a_rule.then(|| StepError {
            class: ErrorClass::Policy,
            code: "not_allowed".to_owned(),
            message: "a rule forbids it".to_owned(),
        });
        (after.visibility, after.downloadable) = (self.visibility, self.downloadable);
        after.is_deleted = self.deleted;
        town.house.parts.tools.media.update(&before, after).await.unwrap();
    }
}

/// A town, and what nobody may have who may not.
struct Bank {
    town: Town,
    file: Vec<u8>,
    picture: Vec<u8>,
    /// Of the file, while it could be had; of a store of ours alone, which can take it back.
    early: Option<String>,
}

impl Bank {
    async fn on(house: House) -> Self {
        let town = Town::over(house).await;
        let key = Some("a key for reading");
        let media = format!("/v1/media/{}", town.media);
        let (_, document) = Town::send(&town.house, "GET", &media, key, Body::empty()).await;
        let address = document["s3Info"]["presignedUrls"]["download"].as_str().unwrap().to_owned();
        let mut bank = Self { town, file: Vec::new(), picture: Vec::new(), early: None };
        let objects = &bank.town.house.parts.tools.objects;
        let media = bank.town.house.read(bank.town.media).await;
        let read = async |key: &str| {
            let local = objects.fetch(key).await.unwrap();
            let mut bytes = vec![0; usize::try_from(local.bytes).unwrap()];
            std::os::unix::fs::FileExt::read_exact_at(&*local.file, &mut bytes, 0).unwrap();
            bytes
        };
        let picture = media.thumbnails.iter().find(|picture| picture.name == "320").unwrap();
        let (file, picture) =
            (read(media.s3_info.key.as_deref().unwrap()).await, read(&picture.key).await);
        (bank.file, bank.picture) = (file, picture);
        bank.early = address.contains("/signed/").then_some(address);
        bank
    }

    fn tell(&self, bytes: &[u8], had: &mut Had) {
        had.file |= bytes == self.file;
        had.picture |= bytes == self.picture;
    }

    /// What this address gives to whoever has nothing but it.
    async fn follow(&self, address: &str, had: &mut Had) {
        let bytes = match address.strip_prefix("http://127.0.0.1:8787") {
            Some(path) => self.town.house.bytes(path).await.unwrap_or_default(),
            None if address.starts_with("http") => {
                reqwest::get(address).await.unwrap().bytes().await.unwrap().to_vec()
            }
            None => self.town.house.bytes(address).await.unwrap_or_default(),
        };
        self.tell(&bytes, had);
    }

    /// What somebody with this credential gets of all routes that read.
    async fn take(&self, credential: Option<&str>) -> Had {
        let (mut had, mut addresses) = (Had::default(), Vec::new());
        // What is told while it happens has no end, and never holds bytes.
        let reading = |route: &&Route| route.method == "GET" && route.path != "/v1/stream";
        for route in ROUTES.iter().filter(reading) {
            let path = route.path.replace("{mediaId}", &self.town.media.to_string());
            let path = path.replace("{name}", "320").replace("{uploadId}", &self.town.upload);
            let path = path.replace("{n}", "1").replace("{jobId}", "0");
            for query in ["", "?eventId=1", "?eventId=2"] {
                let request = Request::get(format!("{path}{query}"));
                let request = credential.iter().fold(request, |request, key| {
                    request.header("authorization", format!("Bearer {key}"))
                });
                let answer = self.town.house.send(request.body(Body::empty()).unwrap()).await;
                let location = answer.headers().get("location");
                addresses.extend(location.map(|to| to.to_str().unwrap().to_owned()));
                let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
                self.tell(&bytes, &mut had);
                if let Ok(said) = serde_json::from_slice::<Value>(&bytes) {
                    texts(&said, &mut addresses);
                }
            }
        }
        // The description of the API has words and links of others.
        let is_plain = |text: &str| text.parse::<axum::http::Uri>().is_ok() && !text.contains('{');
        addresses.retain(|text| {
            (text.starts_with("http://127.0.0.1") || text.starts_with('/')) && is_plain(text)
        });
        addresses.sort();
        addresses.dedup();
        for address in addresses {
            self.follow(&address, &mut had).await;
        }
        had
    }

    async fn holds(&self, case: &Case) -> Result<(), TestCaseError> {
        case.write_down(&self.town).await;
        let had = self.take(case.credential().as_deref()).await;
        prop_assert_eq!(had, case.allowed());
        let mut later = Had::default();
        if let Some(early) = &self.early {
            self.follow(early, &mut later).await;
        }
        prop_assert!(!later.file || case.is_good() && !case.deleted, "by an address of before");
        Ok(())
    }
}

/// All texts in it.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(members) => members.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// Holds many cases against a house with these settings.
fn hold(ground: impl AsyncFnOnce() -> Ground, settings: &str) {
    let cases = if is_full() { 1_000 } else { 80 };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bank = runtime.block_on(async {
        let ground = Arc::new(ground().await);
        let (store, objects) = (ground.store.clone(), ground.objects.clone());
        Bank::on(House::with(ground, store, objects, &format!("{KEYS}{settings}"))).await
    });

    let held = TestRunner::new(config).run(&case(), |case| runtime.block_on(bank.holds(&case)));

    match held {
        Err(TestError::Fail(reason, case)) => panic!("{reason}: {case:?}"),
        held => held.unwrap(),
    }
}

#[test]
fn nobody_has_what_is_kept_from_him_on_disk() {
    hold(Ground::new, "");
}

#[test]
fn nobody_has_what_is_kept_from_him_of_a_bucket() {
    hold(Ground::on_s3, "");
}

#[test]
fn nobody_is_sent_to_a_bucket_for_what_is_kept_from_him() {
    hold(Ground::on_s3, "[s3]\ndownloads = \"redirect\"\n");
}
