//! How the ports are fulfilled: one module a service or engine; none names another.

pub mod clamd;
pub mod clock;
pub mod disk;
pub mod documents;
pub mod embedded;
pub mod fcm;
pub mod metered;
pub mod mongo;
pub mod records;
pub mod s3;
pub mod sms;
pub mod smtp;
pub mod templates;
pub mod web_push;
