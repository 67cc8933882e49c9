//! A notification as its writer says it, and what becomes of it.

use std::time::Duration;

use bson::{DateTime, oid::ObjectId};
use serde::{Deserialize, Serialize};

use super::{Needs, arrive, tickets};
use crate::{
    model::{
        Channel, Digest, Fallback, Notification, NotificationData, NotificationId,
        NotificationStatus, UserId,
    },
    ports::{PortError, later},
};

/// Longest type, template and locale, in characters.
const NAME: usize = 200;

/// The seed's fields, and ours.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "README.md and the model explain them")]
pub struct Draft {
    pub user_id: UserId,
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub body: String,
    pub data: Option<NotificationData>,
    pub channels: Vec<Channel>,
    /// RFC 3339.
    pub scheduled_for: Option<String>,
    /// RFC 3339.
    pub expires_at: Option<String>,
    /// In place of a time: so long after it is due.
    pub expires_after_seconds: Option<u32>,
    pub dedupe_key: Option<String>,
    pub locale: Option<String>,
    pub template_id: Option<String>,
    pub priority: Option<u8>,
    pub fallback: Option<Vec<Fallback>>,
    pub digest: Option<Digest>,
}

impl Draft {
    /// The notification, taken in at `now`. Refused: `no_channels`, `expires_too_early`,
    /// `bad_notification`.
    pub fn notification(self, now: DateTime) -> Result<Notification, PortError> {
        let bad = |message: &str| Err(PortError::refused("bad_notification", message));
        if self.user_id.0 < 1 {
            return bad("userId is not a whole number from 1");
        }
        let names = [Some(&self.kind), self.locale.as_ref(), self.template_id.as_ref()];
        if names.into_iter().flatten().any(|name| name.is_empty() || name.chars().count() > NAME) {
            return bad("type, locale and templateId have 1 to 200 characters");
        }
        let scheduled_for = time("scheduledFor", self.scheduled_for.as_deref())?;
        let after = self.expires_after_seconds.map(|after| Duration::from_secs(after.into()));
        let expires_at = match time("expiresAt", self.expires_at.as_deref())? {
            Some(_) if after.is_some() => {
                return bad("expiresAt and expiresAfterSeconds are both said");
            }
            None => after.map(|after| later(scheduled_for.unwrap_or(now), after)),
            said => said,
        };
        let mut channels = self.channels;
        channels.sort_unstable();
        channels.dedup();
        let mut new = Notification {
            id: NotificationId(ObjectId::new()),
            user_id: self.user_id,
            kind: self.kind,
            title: self.title,
            body: self.body,
            data: self.data.unwrap_or_default(),
            status: NotificationStatus::Pending,
            channels,
            scheduled_for,
            sent_at: None,
            delivered_at: None,
            read_at: None,
            created_at: Some(now),
            updated_at: Some(now),
            expires_at,
            deliveries: None,
            next_action_at: None,
            dedupe_key: self.dedupe_key,
            locale: self.locale,
            template_id: self.template_id,
            priority: self.priority,
            fallback: self.fallback.unwrap_or_default(),
            digest: self.digest,
            rev: Some(1),
        };
        arrive::check(&new)?;
        new.take_in(now);
        Ok(new)
    }
}

/// Keeps a new notification and puts the tickets of what is due; it with `true`, or the one that
/// has its `dedupeKey` already with `false`.
pub async fn create(needs: &Needs, draft: Draft) -> Result<(Notification, bool), PortError> {
    let now = needs.clock.now();
    let (kept, is_new) = needs.notifications.create(&draft.notification(now)?).await?;
    // Also of one that is there: its writer may have died before they were put.
    if kept.next_action_at.is_some() {
        needs.queue.push(&tickets::all(&kept, now)?).await?;
    }
    Ok((kept, is_new))
}

/// A time of the writer's.
fn time(name: &str, text: Option<&str>) -> Result<Option<DateTime>, PortError> {
    let parse = |text| {
        DateTime::parse_rfc3339_str(text).map_err(|_| {
            let message = format!("{name} is no time such as 2026-05-17T20:15:00Z");
            PortError::refused("bad_notification", message)
        })
    };
    text.map(parse).transpose()
}
