//! What an operator did, for `activity_logs`.

use axum::http::{HeaderMap, header};
use bson::{Bson, Document, oid::ObjectId};
use jobs::model::{Activity, ActivityChanges, ActivityMetadata};

use super::{Api, problem::Problem};

/// Fields of a job that say how it stands.
const TELLING: [&str; 5] = ["kind", "queue", "state", "attempt", "paused"];

/// Notes that this was done to a job, which now stands so.
pub async fn note(
    api: &Api,
    headers: &HeaderMap,
    action: &str,
    job: &Document,
) -> Result<(), Problem> {
    note_of(api, headers, action, "job", job).await
}

/// Notes that this was done to a document of this kind, which now stands so.
pub async fn note_of(
    api: &Api,
    headers: &HeaderMap,
    action: &str,
    resource: &str,
    after: &Document,
) -> Result<(), Problem> {
    let user_agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let telling = after.iter().filter(|(name, _)| TELLING.contains(&name.as_str()));
    let told: Document = telling.map(|(name, value)| (name.clone(), value.clone())).collect();
    let activity = Activity {
        id: ObjectId::new(),
        user_id: None,
        action: action.to_owned(),
        resource: resource.to_owned(),
        resource_id: after.get("_id").cloned().unwrap_or(Bson::Null),
        changes: Some(ActivityChanges { before: None, after: Some(told) }),
        metadata: ActivityMetadata {
            user_agent: user_agent.map(str::to_owned),
            platform: Some("api".to_owned()),
            ..ActivityMetadata::default()
        },
        timestamp: api.tools.clock.now(),
    };
    Ok(api.tools.activities.note(&activity).await?)
}
