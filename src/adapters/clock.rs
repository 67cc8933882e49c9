//! The clock on the wall.

use bson::DateTime;
use jobs::ports::Clock;

/// This machine's clock. Right for the embedded engine, whose store is this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> DateTime {
        DateTime::from_system_time(std::time::SystemTime::now())
    }
}
