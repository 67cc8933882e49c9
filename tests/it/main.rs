//! The one test binary: the whole service, its rules and its promises.

mod conformance;
mod declared_indexes;
