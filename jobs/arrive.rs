//! Jobs that other services put as plain documents: read as what they ask for.

use bson::Document;

use crate::{
    job::Job,
    ports::{PortError, Ticket},
};

/// The ticket of a document `{kind, args}`. Refused with `unknown_kind` or `bad_args`.
pub fn ticket(kind: &str, args: Document) -> Result<Ticket, PortError> {
    macro_rules! by_kind {
        ($($job:ty),+ $(,)?) => {
            match kind {
                $(<$job as Job>::KIND => read::<$job>(args),)+
                _ => {
                    let known = [$(<$job as Job>::KIND),+].join(", ");
                    let message = format!("there is no job {kind}; there are {known}");
                    Err(PortError::refused("unknown_kind", message))
                }
            }
        };
    }
    crate::every_job!(by_kind)
}

fn read<J: Job>(args: Document) -> Result<Ticket, PortError> {
    let job: J = bson::deserialize_from_document(args).map_err(|error| {
        let message = format!("args are not those of {}: {error}", J::KIND);
        PortError::refused("bad_args", message)
    })?;
    Ticket::of(&job)
}
