//! The ways in which a port says no.

use std::time::Duration;

/// Why a port did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// The part behind the port is away or overloaded; the same call may work later.
    #[error("{0}")]
    Unavailable(String),
    /// Like `Unavailable`, and the part says for how long: `Retry-After`.
    #[error("{message}")]
    Busy {
        /// Lower case, no full stop, names the thing.
        message: String,
        /// Before that it is of no use to come again.
        after: Duration,
    },
    /// Somebody else wrote first, or the key is taken: read again.
    #[error("{0}")]
    Conflict(String),
    /// The thing asked for does not exist.
    #[error("{0}")]
    Missing(String),
    /// This input can never succeed.
    #[error("{message}")]
    Refused {
        /// Stable, `snake_case`; listed in the README.
        code: String,
        /// Lower case, no full stop, names the thing.
        message: String,
    },
}

impl PortError {
    /// A refusal for good, with its stable code.
    pub fn refused(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Refused { code: code.into(), message: message.into() }
    }
}
