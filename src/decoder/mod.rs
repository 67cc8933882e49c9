//! Decoders: in this process, or each file in a process of its own.

mod answers;
mod in_process;
mod packed;
pub mod work;

pub use answers::{Decoding, Doing};
pub use in_process::InProcess;
pub use work::DecodeLimits;
