//! An operator lets a dead job run once more.

use bson::{Document, oid::ObjectId};

use crate::{
    job::Job,
    ports::{JobState, PortError},
    tools::Tools,
};

/// Opens again what the job closed when it was given up, then lets it run at once. Dying in between
/// leaves a step that is open, whose ticket the sweep finds missing.
pub async fn retry(tools: &Tools, id: ObjectId) -> Result<Document, PortError> {
    let job = tools.book.show(id).await?;
    let state = job.get_str("state").ok().and_then(JobState::named);
    if matches!(state, Some(JobState::Dead | JobState::Cancelled)) {
        revive(tools, &job).await?;
    }
    tools.book.retry(id).await
}

async fn revive(tools: &Tools, job: &Document) -> Result<(), PortError> {
    let args = job.get_document("args").cloned().unwrap_or_default();
    macro_rules! by_kind {
        ($($job:ty),+ $(,)?) => {
            match job.get_str("kind").unwrap_or_default() {
                $(<$job as Job>::KIND => {
                    let job: $job = bson::deserialize_from_document(args).map_err(|error| {
                        let message = format!("the job's arguments are odd: {error}");
                        PortError::refused("job_malformed", message)
                    })?;
                    job.revive(&<$job as Job>::Needs::from(tools)).await
                })+
                kind => {
                    let message = format!("this version knows no job {kind}");
                    Err(PortError::refused("job_unknown", message))
                }
            }
        };
    }
    crate::every_job!(by_kind)
}
