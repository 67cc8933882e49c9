//! The four steps of a medium and what they add up to.

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::ProcessingStatus;

/// `event_media.processingSteps`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub struct Steps {
    pub upload: Step,
    pub thumbnail_generation: Step,
    pub metadata_extraction: Step,
    pub virus_scanning: Step,
}

/// The name of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the seed names and explains its own fields")]
pub enum StepName {
    Upload,
    ThumbnailGeneration,
    MetadataExtraction,
    VirusScanning,
}

impl StepName {
    /// All four, in the order in which they can end first.
    pub const ALL: [Self; 4] =
        [Self::Upload, Self::VirusScanning, Self::MetadataExtraction, Self::ThumbnailGeneration];

    /// The field's name in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::ThumbnailGeneration => "thumbnailGeneration",
            Self::MetadataExtraction => "metadataExtraction",
            Self::VirusScanning => "virusScanning",
        }
    }
}

/// One step: the seed's three fields and what the worker adds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Whether it ended well.
    pub completed: bool,
    /// When it ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<DateTime>,
    /// Of the scan: `clean`, `infected`, `unscannable` or `skipped`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ScanResult>,
    /// Where it stands. Documents of other writers may lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StepState>,
    /// How often it was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// When it was last begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime>,
    /// From the last begin to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// When it will be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_retry_at: Option<DateTime>,
    /// The settings by which its results were made, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// The version of these settings; results without it are older than any version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe_version: Option<u32>,
    /// Why its results could not be made again by newer settings; the old ones stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew_error: Option<StepError>,
    /// Why it failed or has to be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
    /// Of an infected file: the scanner's name for what it found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Who scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// With which signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signatures: Option<String>,
    /// Of an unscannable or skipped file: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum StepState {
    Pending,
    Running,
    Retrying,
    Completed,
    Failed,
    Skipped,
}

/// What the scan said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ScanResult {
    Clean,
    Infected,
    Unscannable,
    Skipped,
}

/// Why a step did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// Whether trying again can help, or a rule of ours forbids it.
    pub class: ErrorClass,
    /// Stable, `snake_case`; listed in the README.
    pub code: String,
    /// One sentence.
    pub message: String,
}

/// What kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ErrorClass {
    /// May go away by itself.
    Transient,
    /// This input can never succeed.
    Permanent,
    /// A rule of ours forbids it: the medium is withheld.
    Policy,
}

impl Step {
    /// Where it stands, also for documents without `state`.
    pub fn state(&self) -> StepState {
        let unsaid = if self.completed { StepState::Completed } else { StepState::Pending };
        self.state.unwrap_or(unsaid)
    }

    /// Whether it has ended, well or not.
    pub fn is_closed(&self) -> bool {
        matches!(self.state(), StepState::Completed | StepState::Failed | StepState::Skipped)
    }

    /// Whether it ended badly.
    pub fn has_failed(&self) -> bool {
        self.state() == StepState::Failed
    }

    fn is_withheld(&self) -> bool {
        self.error.as_ref().is_some_and(|e| e.class == ErrorClass::Policy && self.has_failed())
    }

    /// It begins, once more.
    pub fn begin(&mut self, now: DateTime) {
        self.state = Some(StepState::Running);
        self.attempts = Some(self.attempts.unwrap_or(0).saturating_add(1));
        self.started_at = Some(now);
        self.next_retry_at = None;
        self.error = None;
    }

    /// It could not be done now and is tried again at `at`.
    pub fn postpone(&mut self, at: DateTime, error: StepError) {
        self.state = Some(StepState::Retrying);
        self.next_retry_at = Some(at);
        self.error = Some(error);
    }

    /// It ends well.
    pub fn complete(&mut self, now: DateTime) {
        self.close(StepState::Completed, now);
        self.completed = true;
        self.completed_at = Some(now);
        self.error = None;
    }

    /// It ends badly.
    pub fn fail(&mut self, now: DateTime, error: StepError) {
        self.close(StepState::Failed, now);
        self.completed = false;
        self.error = Some(error);
    }

    /// It does not apply.
    pub fn skip(&mut self, now: DateTime, reason: &str) {
        self.close(StepState::Skipped, now);
        self.reason = Some(reason.to_owned());
        self.error = None;
    }

    /// It is to be done once more although it has failed.
    pub fn reopen(&mut self) {
        let attempts = self.attempts;
        *self = Self { attempts, state: Some(StepState::Pending), ..Self::default() };
    }

    fn close(&mut self, state: StepState, now: DateTime) {
        self.state = Some(state);
        self.next_retry_at = None;
        self.duration_ms =
            self.started_at.map(|at| now.timestamp_millis().saturating_sub(at.timestamp_millis()));
    }
}

impl Steps {
    /// The step of this name.
    pub fn get(&self, name: StepName) -> &Step {
        match name {
            StepName::Upload => &self.upload,
            StepName::ThumbnailGeneration => &self.thumbnail_generation,
            StepName::MetadataExtraction => &self.metadata_extraction,
            StepName::VirusScanning => &self.virus_scanning,
        }
    }

    /// The step of this name, to change.
    pub fn get_mut(&mut self, name: StepName) -> &mut Step {
        match name {
            StepName::Upload => &mut self.upload,
            StepName::ThumbnailGeneration => &mut self.thumbnail_generation,
            StepName::MetadataExtraction => &mut self.metadata_extraction,
            StepName::VirusScanning => &mut self.virus_scanning,
        }
    }

    /// What the steps add up to: never `completed`, which only publication may say.
    pub fn status(&self) -> ProcessingStatus {
        if self.upload.has_failed() || self.is_withheld() {
            return ProcessingStatus::Failed;
        }
        if !self.upload.is_closed() {
            return ProcessingStatus::Uploading;
        }
        ProcessingStatus::Processing
    }

    /// Whether readers must never get the bytes: infected, not scanned whole, or against a rule.
    pub fn is_withheld(&self) -> bool {
        let scan = &self.virus_scanning;
        let bad = matches!(scan.result, Some(ScanResult::Infected | ScanResult::Unscannable));
        bad || StepName::ALL.iter().any(|name| self.get(*name).is_withheld())
    }

    /// Whether the scan's verdict lets the file be opened.
    pub fn may_be_opened(&self) -> bool {
        let scan = &self.virus_scanning;
        let good = matches!(scan.result, Some(ScanResult::Clean | ScanResult::Skipped));
        scan.is_closed() && good && !self.is_withheld()
    }

    /// Whether all four have ended.
    pub fn are_closed(&self) -> bool {
        StepName::ALL.iter().all(|name| self.get(*name).is_closed())
    }

    /// Whether a step failed that publication does not need.
    pub fn is_degraded(&self) -> bool {
        !self.is_withheld()
            && (self.thumbnail_generation.has_failed() || self.metadata_extraction.has_failed())
    }
}
