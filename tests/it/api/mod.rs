//! The HTTP doors: uploads, access, refusals.

mod access;
mod describe;
mod media;
mod refusals;
mod uploads;
