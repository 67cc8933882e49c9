//! What listeners are told when a document has changed. Pure.

use bson::DateTime;
use serde_json::{Value, json};

use crate::{
    json::object,
    model::{
        Channel, DeliveryState, Media, Notification, ProcessingStatus, StepName, Upload, Visibility,
    },
    ports::{LiveEvent, LiveName},
};

/// What only the worker and operators need to know of a notification.
const INNER: [&str; 7] =
    ["deliveries", "nextActionAt", "dedupeKey", "priority", "fallback", "digest", "rev"];

/// Of an upload, about once a second and when its last byte has come. Its sender alone is told.
pub fn of_upload(before: &Upload, after: &Upload) -> Option<LiveEvent> {
    let second = |at: Option<DateTime>| at.map(|at| at.timestamp_millis().div_euclid(1000));
    let (was, is) = (before.percent(), after.percent());
    let is_due = is == 100 || second(before.updated_at) != second(after.updated_at);
    if is <= was || !is_due || after.is_partial() {
        return None;
    }
    Some(LiveEvent {
        name: LiveName::UploadProgress,
        user: after.user_id,
        event: Some(after.event_id),
        is_private: true,
        data: json!({
            "uploadId": after.upload_id, "eventId": after.event_id, "progress": is,
        }),
    })
}

/// Of a medium: each step that stands elsewhere, and its end.
pub fn of_media(before: &Media, after: &Media) -> Vec<LiveEvent> {
    if after.is_deleted {
        return Vec::new();
    }
    let event = |name, data| LiveEvent {
        name,
        user: after.uploaded_by,
        event: Some(after.event_id),
        is_private: after.visibility == Visibility::Private,
        data,
    };
    let step = |name: StepName| {
        let [was, is] = [before, after].map(|media| media.processing_steps.get(name).state());
        let data = json!({
            "mediaId": after.id.to_string(), "eventId": after.event_id,
            "step": name.as_str(), "state": is,
        });
        (was != is).then(|| event(LiveName::MediaStep, data))
    };
    let mut events: Vec<_> = StepName::ALL.into_iter().filter_map(step).collect();
    if before.processing_status != after.processing_status {
        match after.processing_status {
            ProcessingStatus::Completed => {
                events.push(event(LiveName::MediaCompleted, published(after)));
            }
            ProcessingStatus::Failed => events.push(event(LiveName::MediaFailed, failed(after))),
            ProcessingStatus::Uploading | ProcessingStatus::Processing => {}
        }
    }
    events
}

fn published(media: &Media) -> Value {
    json!({
        "mediaId": media.id.to_string(), "eventId": media.event_id, "fileType": media.file_type,
        "fileUrl": media.file_url, "thumbnailUrl": media.thumbnail_url,
        "placeholder": media.placeholder,
    })
}

fn failed(media: &Media) -> Value {
    let steps = &media.processing_steps;
    let of_step = StepName::ALL.into_iter().find_map(|name| steps.get(name).error.as_ref());
    let processing = media.processing.as_ref();
    let error = of_step.or_else(|| processing.and_then(|all| all.publish_error.as_ref()));
    json!({
        "mediaId": media.id.to_string(), "eventId": media.event_id,
        "code": error.map(|error| error.code.as_str()),
        "result": steps.virus_scanning.result,
    })
}

/// Of a notification: that its user has it in the app's list, and that it is read.
pub fn of_notification(before: &Notification, after: &Notification) -> Option<LiveEvent> {
    let [was, is] = [before, after].map(in_app);
    let is_listed = |state| {
        use DeliveryState::{Delivered, Read, Sent};
        matches!(state, Some(Sent | Delivered | Read))
    };
    let (name, data) = if after.is_read() && !before.is_read() && is_listed(was) {
        let read_at = after.read_at.and_then(|at| at.try_to_rfc3339_string().ok());
        let data = json!({ "notificationId": after.id.to_string(), "readAt": read_at });
        (LiveName::NotificationRead, data)
    } else if is == Some(DeliveryState::Sent) && !is_listed(was) {
        (LiveName::Notification, seen(after)?)
    } else {
        return None;
    };
    Some(LiveEvent { name, user: after.user_id, event: None, is_private: true, data })
}

/// A notification as its user sees it.
pub fn seen(of: &Notification) -> Option<Value> {
    let mut document = bson::serialize_to_document(of).ok()?;
    INNER.into_iter().for_each(|name| drop(document.remove(name)));
    Some(object(document))
}

fn in_app(of: &Notification) -> Option<DeliveryState> {
    Some(of.deliveries.as_ref()?.get(Channel::InApp)?.state)
}
