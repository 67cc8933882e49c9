//! The repositories: each collection's port, written once over the document port.

pub mod collections;
