//! The server's and the driver's errors as the four that callers know.

use jobs::ports::PortError;
use mongodb::error::{Error, ErrorKind, WriteFailure};

/// A key that is taken: on insert and update, and what old servers said on update.
const DUPLICATE_KEY: [i32; 2] = [11000, 11001];
/// Codes after which the same command may work later, from `src/mongo/base/error_codes.yml`: the
/// network and time-outs (6, 7, 24, 46, 50, 64, 89, 202, 262, 9001), no primary or one that steps
/// down (91, 133, 134, 189, 10058, 10107, 11600, 11601, 11602, 13435, 13436), a plan or cursor
/// that was lost (43, 175), two writes at once (112), a full disk (14031), too many requests (462;
/// 16500 on Azure). Logging in (11, 13, 18, 391) is here too: a password that is being changed
/// must not turn the waiting jobs into dead ones.
const LATER: [i32; 31] = [
    6, 7, 11, 13, 18, 24, 43, 46, 50, 64, 89, 91, 112, 133, 134, 175, 189, 202, 262, 391, 462,
    9001, 10058, 10107, 11600, 11601, 11602, 13435, 13436, 14031, 16500,
];
/// Labels that say the same without a code.
const LATER_LABELS: [&str; 4] =
    ["RetryableWriteError", "TransientTransactionError", "RetryableError", "SystemOverloadedError"];

/// The code of a command or write that the server did not do.
pub(super) fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        _ => None,
    }
}

/// The error as the caller has to see it; `of` is the collection.
pub(super) fn fault(of: &str, error: &Error) -> PortError {
    let labelled = LATER_LABELS.iter().any(|label| error.contains_label(label));
    match (&*error.kind, code(error)) {
        (_, Some(code)) if DUPLICATE_KEY.contains(&code) => PortError::Conflict(taken(of, error)),
        (_, Some(code)) if !labelled && !LATER.contains(&code) => {
            let message = format!("MongoDB refused a command on {of}: {}", words(error));
            PortError::refused("store_refused", message)
        }
        (
            ErrorKind::InvalidArgument { .. }
            | ErrorKind::BsonSerialization(_)
            | ErrorKind::BsonDeserialization(_)
            | ErrorKind::Bson(_),
            _,
        ) => PortError::refused("store_refused", format!("not for MongoDB: {}", words(error))),
        _ => PortError::Unavailable(format!("MongoDB does not answer: {}", words(error))),
    }
}

/// Which key is taken, without its value: that may be a person's address.
fn taken(of: &str, error: &Error) -> String {
    let message = words(error);
    let index = message.split_once("index: ").and_then(|(_, rest)| rest.split_once(" dup key"));
    match index {
        Some(("_id_", _)) | None => format!("a document of {of} has this _id"),
        Some((index, _)) => format!("another document of {of} has the same key in {index}"),
    }
}

/// What the server said, without the driver's own structure around it.
fn words(error: &Error) -> String {
    match &*error.kind {
        ErrorKind::Command(command) => {
            format!("{} (code {} {})", command.message, command.code, command.code_name)
        }
        ErrorKind::Write(WriteFailure::WriteError(write)) => {
            format!("{} (code {})", write.message, write.code)
        }
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => {
            format!("{} (code {} {})", concern.message, concern.code, concern.code_name)
        }
        kind => kind.to_string(),
    }
}
