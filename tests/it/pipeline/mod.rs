//! What happens to a file from the door to its publication, job by job.

mod broken;
mod photo;
mod scan;
