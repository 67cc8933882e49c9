//! What iven-worker does.

pub mod model;
pub mod ports;
