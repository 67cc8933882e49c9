//! What jobs need of the world, in the words of the product.

mod decoder;
mod error;
mod objects;
mod scanner;

pub use decoder::{CameraFacts, Decoder, Facts, Picture, PictureSize, Pictures, Sniffed};
pub use error::PortError;
pub use objects::{ByteStream, Expected, LocalFile, ObjectInfo, Objects, Part};
pub use scanner::{Scan, Scanner, Verdict};
