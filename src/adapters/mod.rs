//! How the ports are fulfilled: one module a service or engine; none names another.

pub mod documents;
pub mod embedded;
pub mod mongo;
pub mod records;
