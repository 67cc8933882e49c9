//! Worker processes that are killed, blocked, poisoned and cut off: what the queue promises then.
//!
//! The workers are real: this program starts itself again, and each process runs the product's own
//! pool on jobs of these tests. The long form (`scripts/test --full`) sets `IVEN_FULL`.

mod journal;
mod kills;
mod kinds;
mod leases;
mod limits;
mod outage;
mod poison;
mod record;
mod worker;
mod yard;

use std::time::Duration;

use worker::{SETTINGS, work};

/// How often a test looks.
const LOOK: Duration = Duration::from_millis(20);

/// Not a test: the body of a worker process, which returns at once in a plain run.
#[tokio::test(flavor = "multi_thread")]
async fn worker_process() {
    if let Some(settings) = variable(SETTINGS) {
        work(settings.as_ref()).await;
    }
}

/// Whether the long form is wanted.
pub fn is_full() -> bool {
    variable("IVEN_FULL").is_some_and(|value| value != "0")
}

#[expect(clippy::disallowed_methods, reason = "a test run has no Config")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Looks until `seen` gives something, but no longer than `patience`.
async fn within<T>(patience: Duration, what: &str, mut seen: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        let mut every = tokio::time::interval(LOOK);
        loop {
            every.tick().await;
            if let Some(found) = seen().await {
                return found;
            }
        }
    };
    let found = tokio::time::timeout(patience, looking).await;
    found.unwrap_or_else(|_| panic!("{what} does not happen within {} s", patience.as_secs()))
}
