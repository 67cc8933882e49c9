//! The same cases on every adapter of a port: an adapter is done when they pass.

mod documents;
mod objects;
mod queue;
