//! What jobs need of the world, in the words of the product.

mod activities;
mod albums;
mod arrivals;
mod book;
mod carriers;
mod clock;
mod contacts;
mod decoder;
mod edits;
mod error;
mod live;
mod media;
mod notifications;
mod objects;
mod pictures;
mod queue;
mod rates;
mod scanner;
mod schedules;
mod templates;
mod uploads;
mod users;
mod workers;

pub use activities::Activities;
pub use albums::Albums;
pub use arrivals::Arrivals;
pub use book::{JobBook, JobFilter, JobPage, JobPlace, JobState, Orders, QueueState};
pub use carriers::{Carriers, Mail, Mailer, Push, Pusher, Taken, Texter, Unsent};
pub use clock::{Clock, later, until};
pub use contacts::Contacts;
pub use decoder::{CameraFacts, Decoder, Facts, Picture, Pictures, Sniffed};
pub use edits::{Edit, Edits, With};
pub use error::PortError;
pub use live::{Heard, Hearing, Live, LiveEvent, LiveName, Room};
pub use media::{MediaFilter, MediaPage, MediaStore, PicturedPage, PicturedPlace};
pub use notifications::{Foreign, NotificationFilter, NotificationPage, Notifications};
pub use objects::{
    Arrived, Assembled, ByteStream, Expected, Invitation, KeptPart, Length, LocalFile, ObjectInfo,
    Objects, Part, Spooled, Transfer, interrupted,
};
pub use pictures::{Framing, PictureFormat, PictureSize};
pub use queue::{About, Ending, Gone, Held, JobQueue, Leased, Leases, Ticket};
pub use rates::{Bucket, Drawn, Rate, Rates};
pub use scanner::{Scan, Scanner, Verdict};
pub use schedules::Schedules;
pub use templates::{Templates, Values, Words};
pub use uploads::Uploads;
pub use users::Users;
pub use workers::Workers;
