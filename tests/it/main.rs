//! The one test binary: the whole service, its rules and its promises.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by falling"
)]

mod api;
mod certificates;
mod clamd;
mod conformance;
mod crash;
mod declared_indexes;
mod faults;
mod house;
mod house_rules;
mod live;
mod mail;
mod notifications;
mod pipeline;
mod process;
mod push;
mod s3;
mod sandbox;
mod schemas;
mod servers;
mod states;
mod templates;
mod tidy;
mod walk;
mod worker;
