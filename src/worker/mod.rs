//! The job engine: leases out of the store, apalis as the runtime. The only place that says
//! `apalis`.

mod ahead;
mod arrivals;
mod backend;
mod claimer;
mod cron;
mod ending;
mod handle;
mod hands;
mod incarnation;
mod keeper;
mod kinds;
mod lanes;
mod meters;
mod notices;
mod pace;
mod pool;
mod reporter;
mod threads;
mod wishes;

pub use arrivals::take_in;
pub use cron::{BUILT_IN, Scheduler};
pub use handle::{Ended, Engine};
pub use kinds::{EveryKind, Kinds};
pub use lanes::Slots;
pub use notices::Notices;
pub use pace::Pace;
pub use pool::{Pool, Supply};

use std::time::Duration;

/// How long a lease lasts. Long enough for a slow renewal, short enough that a lost job is soon
/// back.
pub const LEASE: Duration = Duration::from_secs(15);
/// Leases are renewed every third of their time: two renewals may fail. Lapsed ones of others are
/// looked for as often.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// The longest time between two looks into the queue when nothing happens.
const POLL_SLOWEST: Duration = Duration::from_secs(1);
/// The same where somebody tells of every job that comes in.
const POLL_TOLD: Duration = Duration::from_secs(3);
/// The shortest: right after something happened.
const POLL_FASTEST: Duration = Duration::from_millis(50);
/// How long running jobs may go on after the stop is asked for.
const DRAIN: Duration = Duration::from_secs(25);
