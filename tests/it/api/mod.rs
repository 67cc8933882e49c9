//! The HTTP doors: uploads, access, refusals.

pub mod access;
mod albums;
mod cors;
mod describe;
mod forms;
mod idempotency;
mod jobs;
mod media;
mod parts;
mod refusals;
mod schedules;
mod signatures;
mod traces;
mod tus;
mod uploads;
mod verdicts;
mod visibility;
mod workers;
