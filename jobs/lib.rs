#![doc = include_str!("README.md")]

// In reading order: the flow, the jobs along it, what they share, what they need.
pub mod route;

pub mod assemble_upload;
pub mod extract_metadata;
pub mod generate_avif;
pub mod generate_preview;
pub mod generate_thumbnails;
pub mod publish_media;
pub mod scan_virus;
pub mod sweep;

pub mod create_notification;
pub mod deliver_notification;
pub mod release_due;

pub mod arrive;
pub mod delivery;
pub mod describe;
pub mod intake;
pub mod job;
pub mod json;
pub mod keys;
pub mod links;
pub mod live;
pub mod pictures;
pub mod progress;
pub mod quarantine;
pub mod quiet_hours;
pub mod recipe;
pub mod revive;
pub mod scheduled;
pub mod schemas;
pub mod seals;
pub mod steps;
pub mod ticks;
pub mod tools;
pub mod trace;

pub mod model;
mod places;
pub mod ports;

/// Hands every job to the macro `$then`: the one list of kinds.
#[macro_export]
macro_rules! every_job {
    ($then:ident) => {
        $then! {
            $crate::assemble_upload::AssembleUpload,
            $crate::scan_virus::ScanVirus,
            $crate::extract_metadata::ExtractMetadata,
            $crate::generate_thumbnails::GenerateThumbnails,
            $crate::publish_media::PublishMedia,
            $crate::generate_avif::GenerateAvif,
            $crate::generate_preview::GeneratePreview,
            $crate::sweep::Sweep,
            $crate::create_notification::CreateNotification,
            $crate::release_due::ReleaseDue,
            $crate::deliver_notification::DeliverNotification,
        }
    };
}
