//! The HTTP doors: uploads, access, refusals.

mod access;
mod albums;
mod describe;
mod forms;
mod idempotency;
mod jobs;
mod media;
mod refusals;
mod schedules;
mod signatures;
mod traces;
mod uploads;
mod visibility;
mod workers;
