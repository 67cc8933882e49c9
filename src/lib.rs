//! The worker behind Iven.

pub mod adapters;
