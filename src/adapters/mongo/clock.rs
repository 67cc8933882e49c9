//! The server's time, so that all workers agree on what is due.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::{DateTime, doc};
use jobs::ports::{Clock, PortError};

use super::{Mongo, answer};

/// An answer that took longer says too little about when the server looked at its clock.
const SLOWEST_ANSWER: Duration = Duration::from_secs(1);

/// MongoDB's clock: what the server said last, and how long ago by a clock that nobody sets.
#[derive(Debug)]
pub struct MongoClock {
    mongo: Mongo,
    /// When the server's time was this; `None` until it has answered.
    seen: Mutex<Option<(Instant, DateTime)>>,
}

impl MongoClock {
    /// Goes by this machine's clock until the first answer.
    pub fn new(mongo: Mongo) -> Self {
        Self { mongo, seen: Mutex::new(None) }
    }

    /// Asks the server once.
    pub async fn refresh(&self) -> Result<(), PortError> {
        let sent = Instant::now();
        let hello = self.mongo.database().run_command(doc! { "hello": 1 });
        let hello = answer("the database", hello).await?;
        let took = sent.elapsed();
        let at = *hello.get_datetime("localTime").map_err(|_| {
            PortError::refused("no_local_time", "the server does not say what time it is")
        })?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if took <= SLOWEST_ANSWER || seen.is_none() {
            // On average the server looked half way through.
            *seen = Some((sent + took / 2, at));
        }
        Ok(())
    }
}

impl Clock for MongoClock {
    #[expect(clippy::disallowed_methods, reason = "until the server has said its time")]
    fn now(&self) -> DateTime {
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen {
            Some((when, at)) => jobs::ports::later(at, when.elapsed()),
            None => DateTime::from_system_time(std::time::SystemTime::now()),
        }
    }
}
