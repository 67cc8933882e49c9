//! Lets the scanner look at a file before anything else opens it.

use std::time::Duration;

use bson::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    job::{Job, JobError, Outcome, Policy, Queue},
    model::{ErrorClass, Media, MediaId, StepError, StepName},
    ports::{About, MediaStore, Objects, PortError, Scanner, Verdict},
    quarantine,
    steps::{Recorder, StepResult},
};

crate::needs! {
    recorder: Recorder,
    media: dyn MediaStore,
    objects: dyn Objects,
    scanner: dyn Scanner,
}

/// Decides whether the file may be opened at all.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "camelCase")]
pub struct ScanVirus {
    /// The medium to scan.
    #[ts(type = "string")]
    pub media_id: MediaId,
}

impl Job for ScanVirus {
    const KIND: &'static str = "scan_virus";
    // clamd gives up on a file after two minutes (scripts/clamd, MaxScanTime).
    const POLICY: Policy =
        Policy { queue: Queue::Scan, tries: 5, timeout: Duration::from_secs(180), priority: 4 };
    type Needs = Needs;

    fn key(&self) -> String {
        self.media_id.to_string()
    }

    fn about(&self) -> Option<About> {
        Some(About::medium(self.media_id))
    }

    #[tracing::instrument(name = "scan_virus", skip_all, fields(media.id = %self.media_id))]
    async fn run(&self, needs: &Needs) -> Result<Outcome, JobError> {
        let step = StepName::VirusScanning;
        let media = needs.recorder.begin(self.media_id, step).await?;
        if media.processing_steps.virus_scanning.is_closed() {
            withhold(needs, &media).await?;
            needs.recorder.pass_on(step, &media).await?;
            return Ok(Outcome::Done);
        }
        let key = quarantine::private_key(&media)?;
        let file = quarantine::file(&*needs.objects, &media, key).await?;
        let scan = needs.scanner.scan(&file).await?;
        let outcome = match &scan.verdict {
            Verdict::Clean => Outcome::Done,
            Verdict::Infected { signature } => Outcome::Noted(format!("infected: {signature}")),
            Verdict::Unscannable { reason } => Outcome::Noted(format!("unscannable: {reason}")),
        };
        let result = StepResult::Scanned(scan);
        let media = needs.recorder.record(media.id, result).await?;
        withhold(needs, &media).await?;
        Ok(outcome)
    }

    async fn postponed(
        &self,
        needs: &Needs,
        error: &StepError,
        at: DateTime,
    ) -> Result<(), PortError> {
        needs.recorder.postpone(self.media_id, StepName::VirusScanning, error, at).await
    }

    /// Back from quarantine, to be looked at once more.
    async fn revive(&self, needs: &Needs) -> Result<(), PortError> {
        let media = needs.media.media(self.media_id).await?;
        if media.processing_steps.virus_scanning.result.is_some() {
            let message = "the scanner has said what the file is: it is not asked again";
            return Err(PortError::refused("job_done", message));
        }
        quarantine::take_back(&needs.recorder, &*needs.objects, &media).await?;
        needs.recorder.reopen(self.media_id, StepName::VirusScanning).await.map(|_| ())
    }

    /// What was never scanned is never served: the medium is withheld.
    async fn given_up(&self, needs: &Needs, error: &StepError) -> Result<(), PortError> {
        let error = StepError { class: ErrorClass::Policy, ..error.clone() };
        let step = StepName::VirusScanning;
        let media = needs.recorder.give_up(self.media_id, step, &error).await?;
        withhold(needs, &media).await
    }
}

/// Infected and unscannable are answers, not errors: the medium is withheld, the job is done.
async fn withhold(needs: &Needs, media: &Media) -> Result<(), PortError> {
    if media.processing_steps.is_withheld() {
        quarantine::withhold(&*needs.media, &*needs.objects, media.id).await?;
    }
    Ok(())
}
