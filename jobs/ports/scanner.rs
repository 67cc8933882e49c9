//! Who looks into a file before anything else opens it.

use async_trait::async_trait;

use super::{LocalFile, PortError};

/// What the scanner says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Looked at whole, nothing found.
    Clean,
    /// Something known was found.
    Infected {
        /// The scanner's name for it.
        signature: String,
    },
    /// Not looked at whole (too large, encrypted, nested too deep, took too long): never "clean".
    Unscannable {
        /// Stable, `snake_case`.
        reason: String,
    },
}

/// A verdict and who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// What was found.
    pub verdict: Verdict,
    /// The engine and its version, such as `ClamAV 1.4.3`.
    pub engine: String,
    /// The version of its signatures, or what stands for them.
    pub signatures: String,
}

/// A virus scanner.
///
/// `Unavailable` is no verdict: the scanner is away, starting, or failed its own test; ask again.
#[async_trait]
pub trait Scanner: Send + Sync {
    /// Scans the whole file.
    async fn scan(&self, file: &LocalFile) -> Result<Scan, PortError>;

    /// Whether the scanner answers and finds what it must find; its engine and signatures.
    async fn check(&self) -> Result<(String, String), PortError>;
}
