//! Every file of the corpus goes through the doors and ends as `fixtures/expected.csv` says.

pub mod corpus;
mod doors;
mod hands;
mod served;
mod truth;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::{Duration, Instant},
};

use jobs::{
    model::{Media, MediaId, ProcessingStatus, ScanResult, StepName},
    ports::About,
};
use serde_json::Value;

use crate::house::{House, fixture};
use corpus::{End, Expected};
use doors::Door;
use hands::Ran;

/// Files that come in before the house begins to work.
const BATCH: usize = 16;

/// No job of ours may take longer. How long a scan may take is clamd's own limit.
const LONGEST: Duration = Duration::from_secs(20);

/// What comes in behind a job that takes so long must be through before it.
const SLOW: Duration = Duration::from_secs(5);

/// A photo that comes in behind each file that wants to do harm.
const GOOD: &str = "images/orientation_6.jpg";

#[test]
fn the_list_of_expectations_is_the_list_of_the_corpus() {
    let Some(root) = corpus::root() else { return };

    let expected: Vec<String> = corpus::expected().into_iter().map(|row| row.path).collect();
    let listed = corpus::manifest(&root);

    let set = |paths: &[String]| paths.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(set(&expected), set(&listed));
    assert_eq!(expected.len(), listed.len(), "a file has two rows");
    assert!(expected.iter().all(|path| root.join(path).is_file()));
}

#[tokio::test]
async fn every_file_of_the_corpus_goes_through_the_doors_and_ends_as_expected() {
    let Some(root) = corpus::root() else { return };
    let mut walk = Walk::new(root).await;

    let rows: Vec<_> = corpus::expected().into_iter().enumerate().collect();
    for batch in rows.chunks(BATCH) {
        walk.pass(batch).await;
    }

    walk.look_back().await;
    walk.report(rows.len());
    assert_eq!(walk.faults, Vec::<String>::new());
}

/// One house, and all that came into it.
struct Walk {
    root: PathBuf,
    house: House,
    truth: BTreeMap<String, Value>,
    /// Reasons for other answers than the truth's; what is left at the end was of no use.
    reasons: BTreeMap<(String, String), String>,
    /// How the good photo looks before anything bad came in.
    good: Vec<Picture>,
    media: Vec<MediaId>,
    times: Vec<(Duration, String)>,
    began: Instant,
    same: usize,
    faults: Vec<String>,
}

/// Name, width, height and bytes of a thumbnail.
type Picture = (String, u32, u32, Vec<u8>);

/// A file that has come in, or not.
struct Arrival<'r> {
    row: &'r Expected,
    door: Door,
    answer: Result<MediaId, String>,
    bytes: Vec<u8>,
    /// The good photo behind it.
    behind: Option<MediaId>,
}

impl Walk {
    async fn new(root: PathBuf) -> Self {
        let (truth, reasons) = (corpus::truth(&root), corpus::disagreements());
        let house = House::new().await;
        let good = house.media("good.jpg", &fixture(GOOD)).await;
        hands::work(&house).await;
        let mut walk = Self {
            root,
            house,
            truth,
            reasons,
            good: Vec::new(),
            media: vec![good],
            times: Vec::new(),
            began: Instant::now(),
            same: 0,
            faults: Vec::new(),
        };
        walk.good = walk.pictures(good).await;
        walk
    }

    /// Brings some files in, lets the house work, and looks at what came out.
    async fn pass(&mut self, batch: &[(usize, Expected)]) {
        let mut arrivals = Vec::new();
        for (index, row) in batch {
            let (name, bytes) = corpus::sent(&self.root, &row.path);
            let door = Door::of(*index);
            let answer = door.send(&self.house, &name, &bytes).await;
            let mut behind = None;
            if ["hostile/", "bombs/"].iter().any(|folder| row.path.starts_with(folder)) {
                behind = Some(self.house.media("good.jpg", &fixture(GOOD)).await);
            }
            self.media.extend(answer.iter().chain(&behind));
            arrivals.push(Arrival { row, door, answer, bytes, behind });
        }
        let log = hands::work(&self.house).await;
        for arrival in arrivals {
            let mut faults = self.faults_of(&arrival).await;
            faults.extend(self.faults_of_jobs(&arrival, &log));
            let (path, door) = (&arrival.row.path, arrival.door);
            self.faults.extend(faults.iter().map(|fault| format!("{path}: {fault} ({door:?})")));
        }
    }

    /// What is wrong with what became of a file and of the photo behind it.
    async fn faults_of(&mut self, arrival: &Arrival<'_>) -> Vec<String> {
        let mut faults = match &arrival.answer {
            Ok(id) => self.faults_of_medium(*id, arrival).await,
            Err(code) => {
                let (status, code) = ("refused".to_owned(), code.clone());
                compare(&End { status, degraded: false, code }, &arrival.row.end)
            }
        };
        if let Some(id) = arrival.behind
            && self.pictures(id).await != self.good
        {
            faults.push("the photo behind it looks otherwise".to_owned());
        }
        faults
    }

    async fn faults_of_medium(&mut self, id: MediaId, arrival: &Arrival<'_>) -> Vec<String> {
        let (row, sent) = (arrival.row, &arrival.bytes);
        let media = self.house.read(id).await;
        let mut faults = compare(&end_of(&media), &row.end);
        if media.is_published() {
            let edge = truth::longest_edge(&row.path, &self.truth[&row.path]);
            faults.extend(served::faults_of_published(&self.house, &media, sent, edge).await);
            faults.extend(self.differences(&row.path, &media));
            let truncated = media.metadata.truncated == Some(true);
            if truncated != row.why.trim_end_matches('"').ends_with("; truncated") {
                faults.push(format!("truncated is {truncated}"));
            }
        } else {
            faults.extend(served::faults_of_withheld(&self.house, &media).await);
        }
        faults
    }

    /// Each job ends, in time, and none holds up what came in behind it.
    fn faults_of_jobs(&mut self, arrival: &Arrival<'_>, log: &[Ran]) -> Vec<String> {
        let Ok(id) = &arrival.answer else { return Vec::new() };
        let mut faults = Vec::new();
        let through = |id: &MediaId| log.iter().rposition(|ran| ran.media == id.to_string());
        for (at, ran) in log.iter().enumerate().filter(|(_, ran)| ran.media == id.to_string()) {
            let Ran { kind, ended, time, .. } = ran;
            if !ended.starts_with("done") {
                faults.push(format!("{kind} ended {ended}"));
            }
            if *time > LONGEST && kind != "scan_virus" {
                faults.push(format!("{kind} took {time:?}"));
            }
            let behind = arrival.behind.as_ref().and_then(through);
            if *time > SLOW && behind.is_some_and(|behind| behind > at) {
                faults.push(format!("{kind} took {time:?} and held up the photo behind it"));
            }
            self.times.push((*time, format!("{kind} of {}", arrival.row.path)));
        }
        faults
    }

    /// Where the document says something else than the truth, and nobody says why.
    fn differences(&mut self, path: &str, media: &Media) -> Vec<String> {
        if media.processing_steps.metadata_extraction.has_failed() {
            return Vec::new();
        }
        let (same, found) = truth::differences(path, &self.truth[path], media);
        self.same += same;
        let unexplained = found.into_iter().filter(|(field, _)| {
            self.reasons.remove(&(path.to_owned(), (*field).to_owned())).is_none()
        });
        unexplained.map(|(field, said)| format!("{field}: {said}")).collect()
    }

    /// The thumbnails of a photo that must be completed.
    async fn pictures(&self, id: MediaId) -> Vec<Picture> {
        let media = self.house.read(id).await;
        assert_eq!((end_of(&media).status.as_str(), media.degraded), ("completed", None));
        let mut pictures = Vec::new();
        for t in &media.thumbnails {
            let path = format!("/v1/media/{id}/thumbnails/{}", t.name);
            let bytes = self.house.bytes(&path).await.unwrap();
            pictures.push((t.name.clone(), t.width, t.height, bytes));
        }
        pictures
    }

    /// At the end no ticket is open, and nothing lies about that no document names.
    async fn look_back(&mut self) {
        let mut named = Vec::new();
        for id in &self.media {
            let about = About::medium(*id);
            if self.house.parts.tools.queue.is_open(&about).await.unwrap() {
                self.faults.push(format!("{id} has an open ticket"));
            }
            let media = self.house.read(*id).await;
            let quarantine = media.processing.and_then(|processing| processing.quarantine_key);
            named.extend(media.s3_info.key.into_iter().chain(quarantine));
            named.extend(media.thumbnails.into_iter().map(|thumbnail| thumbnail.key));
        }
        let mut named: Vec<_> = named.iter().map(|key| format!("objects/{key}")).collect();
        named.sort();
        if self.house.ground.files() != named {
            self.faults.push("the object store is not what the documents name".to_owned());
        }
        let unused = self.reasons.keys().filter(|(_, field)| truth::compares(field));
        let unused: Vec<_> =
            unused.map(|(path, field)| format!("{path}: no disagreement on {field}")).collect();
        self.faults.extend(unused);
    }

    fn report(&mut self, files: usize) {
        self.times.sort();
        println!("{files} files in {:?}; {} values agree", self.began.elapsed(), self.same);
        for (time, what) in self.times.iter().rev().take(8) {
            println!("    {time:?} {what}");
        }
        println!("{} faults\n    {}", self.faults.len(), self.faults.join("\n    "));
    }
}

/// How a medium ended, in the words of the list.
fn end_of(media: &Media) -> End {
    let steps = &media.processing_steps;
    let status = match media.processing_status {
        ProcessingStatus::Completed => "completed",
        ProcessingStatus::Failed => "failed",
        ProcessingStatus::Uploading => "uploading",
        ProcessingStatus::Processing => "processing",
    };
    let infected = steps.virus_scanning.result == Some(ScanResult::Infected);
    // Where both of the last two fail, the picture's code says more to a reader.
    let order = [
        StepName::Upload,
        StepName::VirusScanning,
        StepName::ThumbnailGeneration,
        StepName::MetadataExtraction,
    ];
    let error = order.iter().find_map(|step| steps.get(*step).error.as_ref());
    let code = error.map_or("", |error| error.code.as_str());
    let code = if infected { "infected" } else { code };
    let degraded = media.degraded == Some(true);
    End { status: status.to_owned(), degraded, code: code.to_owned() }
}

fn compare(found: &End, expected: &End) -> Vec<String> {
    if found == expected { Vec::new() } else { vec![format!("{found:?} instead of {expected:?}")] }
}
