//! The worker behind Iven: uploads, virus scans, thumbnails, metadata.

pub mod adapters;
pub mod answer;
pub mod api;
pub mod cli;
pub mod config;
pub mod decoder;
pub mod doctor;
mod edited;
mod https;
pub mod ingest;
pub mod memory;
pub mod operator;
pub mod remote;
pub mod reprocess;
pub mod sandbox;
pub mod schedules;
pub mod serve;
mod shortened;
mod spare;
mod spool;
pub mod telemetry;
pub mod templates;
mod tls;
pub mod wire;
pub mod worker;
pub mod workers;
