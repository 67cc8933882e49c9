//! Every collection and every index there is: the seed's, under the seed's names, and ours.

use crate::adapters::documents::{
    Collection, Index,
    IndexOption::{Expires, Plain, Sparse, Sphere, Text},
    Only,
    Only::{Exists, Is},
    Order,
    Order::{Asc, Desc},
};

type Keys = &'static [(&'static str, Order)];
type Filter = &'static [(&'static str, Only)];

/// An index with no option.
const fn index(name: &'static str, keys: Keys) -> Index {
    Index { name, keys, unique: false, only: &[], option: Plain }
}

/// An index that leaves out documents without its key.
const fn sparse(name: &'static str, keys: Keys) -> Index {
    Index { option: Sparse, ..index(name, keys) }
}

/// An index of some documents only.
const fn partial(name: &'static str, keys: Keys, only: Filter) -> Index {
    Index { only, ..index(name, keys) }
}

/// A key that no two documents share; documents without it are left alone.
const fn unique(name: &'static str, keys: Keys, only: Filter) -> Index {
    Index { unique: true, ..partial(name, keys, only) }
}

/// The seed's language for full text.
const FRENCH: &str = "french";

/// Chat messages. The API services write them; we keep their indexes.
pub static EVENT_MESSAGES: Collection = Collection {
    name: "event_messages",
    indexes: &[
        index("eventId_createdAt", &[("eventId", Asc), ("createdAt", Desc)]),
        index("senderId_createdAt", &[("senderId", Asc), ("createdAt", Desc)]),
        index("eventId_isDeleted", &[("eventId", Asc), ("isDeleted", Asc)]),
        Index {
            option: Text(FRENCH),
            ..index("text_search", &[("content", Asc), ("senderInfo.username", Asc)])
        },
        sparse("mentions_userId", &[("metadata.mentions", Asc)]),
        sparse("replyTo", &[("metadata.replyTo", Asc)]),
        sparse("reactions_userId", &[("reactions.userId", Asc)]),
    ],
};

/// Notifications, waiting and sent.
pub static NOTIFICATIONS: Collection = Collection {
    name: "notifications",
    indexes: &[
        index("userId_status_created", &[("userId", Asc), ("status", Asc), ("createdAt", Desc)]),
        index("scheduledFor", &[("scheduledFor", Asc)]),
        Index { option: Expires, ..index("auto_expire", &[("expiresAt", Asc)]) },
        // A document without `nextActionAt` comes first: that is how a foreign insert is found.
        index("due", &[("nextActionAt", Asc), ("status", Asc)]),
        unique("dedupeKey", &[("dedupeKey", Asc)], &[("dedupeKey", Exists)]),
        // The seed's userId_status_created has an order within one status alone.
        index("userId_page", &[("userId", Asc), ("createdAt", Desc), ("_id", Desc)]),
        index("userId_updated", &[("userId", Asc), ("updatedAt", Desc), ("_id", Desc)]),
        partial(
            "eventId_open",
            &[("data.eventId", Asc), ("nextActionAt", Asc)],
            &[("data.eventId", Exists), ("nextActionAt", Exists)],
        ),
        partial(
            "digest",
            &[("userId", Asc), ("digest.key", Asc), ("nextActionAt", Asc)],
            &[("digest.key", Exists)],
        ),
    ],
};

/// Where pushes go.
pub static DEVICES: Collection = Collection {
    name: "devices",
    indexes: &[
        index("userId", &[("userId", Asc), ("registeredAt", Desc)]),
        sparse("token", &[("token", Asc)]),
        sparse("endpoint", &[("subscription.endpoint", Asc)]),
    ],
};

/// What users wish, found by `_id` alone.
pub static PREFERENCES: Collection = Collection { name: "preferences", indexes: &[] };

/// Addresses that nothing is sent to any more, found by `_id` alone.
pub static SUPPRESSIONS: Collection = Collection { name: "suppressions", indexes: &[] };

/// Who did what. The seed declares no index for them.
pub static ACTIVITY_LOGS: Collection = Collection {
    name: "activity_logs",
    indexes: &[index(
        "resource_resourceId_timestamp",
        &[("resource", Asc), ("resourceId", Asc), ("timestamp", Desc)],
    )],
};

/// Uploads on their way.
pub static FILE_UPLOADS: Collection = Collection {
    name: "file_uploads",
    indexes: &[
        unique("uploadId_unique", &[("uploadId", Asc)], &[]),
        unique("idempotencyKey", &[("idempotencyKey", Asc)], &[("idempotencyKey", Exists)]),
        index("status_expiresAt", &[("status", Asc), ("expiresAt", Asc)]),
        index("phase_updatedAt", &[("phase", Asc), ("updatedAt", Asc)]),
        // Not on the seed's `expiresAt`: there the janitor aborts the parts first and then sets
        // `purgeAt`. A record that vanished before would leave its parts behind for ever.
        Index { option: Expires, ..index("purge", &[("purgeAt", Asc)]) },
    ],
};

/// Media that have arrived.
pub static EVENT_MEDIA: Collection = Collection {
    name: "event_media",
    indexes: &[
        index("eventId_uploadedAt", &[("eventId", Asc), ("uploadedAt", Desc)]),
        index("uploadedBy_uploadedAt", &[("uploadedBy", Asc), ("uploadedAt", Desc)]),
        index(
            "eventId_isDeleted_fileType",
            &[("eventId", Asc), ("isDeleted", Asc), ("fileType", Asc)],
        ),
        Index {
            option: Text(FRENCH),
            ..index(
                "media_text_search",
                &[("filename", Asc), ("originalFilename", Asc), ("caption", Asc), ("tags", Asc)],
            )
        },
        Index { option: Sphere, ..index("geo_location", &[("metadata.exif.location", Asc)]) },
        sparse("albumId_uploadedAt", &[("albumId", Asc), ("uploadedAt", Desc)]),
        sparse("likes_userId", &[("likes.userId", Asc)]),
        index("processing_status", &[("processingStatus", Asc), ("createdAt", Asc)]),
        unique(
            "uploadId_unique",
            &[("processing.uploadId", Asc)],
            &[("processing.uploadId", Exists)],
        ),
        // Published media by the recipe of their pictures; what was made before there were versions
        // has none and comes first.
        partial(
            "thumbnail_recipe",
            &[
                ("processingSteps.thumbnailGeneration.completed", Asc),
                ("processingSteps.thumbnailGeneration.recipeVersion", Asc),
                ("_id", Asc),
            ],
            &[("processingStatus", Is("completed"))],
        ),
        // The seed's eventId_uploadedAt leaves open what comes first of one millisecond.
        index("eventId_page", &[("eventId", Asc), ("uploadedAt", Desc), ("_id", Desc)]),
    ],
};

/// Albums. The seed declares no index for them.
pub static MEDIA_ALBUMS: Collection = Collection { name: "media_albums", indexes: &[] };

/// The worker's own copy of users, found by `_id` alone.
pub static USERS: Collection = Collection { name: "users", indexes: &[] };

/// Tickets, waiting and done. What the claim walks over stays small: each state has its own index.
pub static JOBS: Collection = Collection {
    name: "jobs",
    indexes: &[
        partial(
            "claim",
            // The last only so that jobs of a full key are left out without a look at them.
            &[("queue", Asc), ("priority", Asc), ("runAt", Asc), ("_id", Asc), ("limitKey", Asc)],
            &[("state", Is("ready"))],
        ),
        partial("scheduled", &[("runAt", Asc)], &[("state", Is("scheduled"))]),
        partial("leases", &[("lease.until", Asc)], &[("state", Is("running"))]),
        // One running job a place: two claims at the same time cannot both have it, and whatever
        // ends the running, a lapsed lease too, frees it.
        unique(
            "limitSlot",
            &[("limitSlot", Asc)],
            &[("limitSlot", Exists), ("state", Is("running"))],
        ),
        partial(
            "limitKey",
            &[("limitKey", Asc), ("queue", Asc), ("priority", Asc), ("runAt", Asc), ("_id", Asc)],
            &[("limitKey", Exists), ("state", Is("ready"))],
        ),
        unique("uniqueKey", &[("uniqueKey", Asc)], &[("uniqueKey", Exists)]),
        unique("onceKey", &[("onceKey", Asc)], &[("onceKey", Exists)]),
        partial("ref", &[("ref.coll", Asc), ("ref.id", Asc)], &[("ref.id", Exists)]),
        // What other services have put, which has no queue and no `changedAt` yet.
        partial("arrivals", &[("state", Asc), ("_id", Asc)], &[("state", Is("new"))]),
        // A running job has no `changedAt`: it is found among the leases, of which there are few,
        // and so two indexes less change with each claim and each end.
        partial(
            "state_queue",
            &[("state", Asc), ("queue", Asc), ("changedAt", Desc), ("_id", Desc)],
            &[("changedAt", Exists)],
        ),
        partial(
            "state_kind",
            &[("state", Asc), ("kind", Asc), ("changedAt", Desc), ("_id", Desc)],
            &[("changedAt", Exists)],
        ),
        partial(
            "state_error",
            &[("state", Asc), ("error", Asc), ("changedAt", Desc), ("_id", Desc)],
            &[("error", Exists)],
        ),
        Index {
            option: Expires,
            ..partial("expire", &[("expireAt", Asc)], &[("expireAt", Exists)])
        },
    ],
};

/// What operators have said of the lanes and what is left of their rates, found by `_id` alone.
pub static QUEUES: Collection = Collection { name: "queues", indexes: &[] };

/// Cron jobs and when they run next.
pub static SCHEDULES: Collection =
    Collection { name: "schedules", indexes: &[index("nextAt", &[("nextAt", Asc)])] };

/// The processes that are at work; one that stops reporting is forgotten.
pub static WORKERS: Collection = Collection {
    name: "workers",
    indexes: &[Index { option: Expires, ..index("expire", &[("expireAt", Asc)]) }],
};

/// What was last said in each room that somebody listens to.
pub static LIVE_ROOMS: Collection = Collection {
    name: "live_rooms",
    indexes: &[
        index("changedAt", &[("changedAt", Asc)]),
        Index { option: Expires, ..index("expire", &[("expireAt", Asc)]) },
    ],
};

/// All of them, the seed's first.
pub static ALL: &[Collection] = &[
    EVENT_MESSAGES,
    NOTIFICATIONS,
    ACTIVITY_LOGS,
    FILE_UPLOADS,
    EVENT_MEDIA,
    MEDIA_ALBUMS,
    USERS,
    DEVICES,
    PREFERENCES,
    SUPPRESSIONS,
    JOBS,
    QUEUES,
    SCHEDULES,
    WORKERS,
    LIVE_ROOMS,
];
