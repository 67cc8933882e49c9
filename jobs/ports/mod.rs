//! What jobs need of the world, in the words of the product.

mod albums;
mod clock;
mod decoder;
mod error;
mod media;
mod objects;
mod queue;
mod scanner;
mod uploads;
mod users;

pub use albums::Albums;
pub use clock::{Clock, later, until};
pub use decoder::{CameraFacts, Decoder, Facts, Picture, PictureSize, Pictures, Sniffed};
pub use error::PortError;
pub use media::{MediaFilter, MediaPage, MediaStore};
pub use objects::{Assembled, ByteStream, Expected, Length, LocalFile, ObjectInfo, Objects, Part};
pub use queue::{About, Ending, Gone, Held, JobQueue, Leased, Leases, Ticket};
pub use scanner::{Scan, Scanner, Verdict};
pub use uploads::Uploads;
pub use users::Users;
