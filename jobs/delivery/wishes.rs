//! What a user may wish.

use crate::{model::Wishes, ports::PortError, quiet_hours};

/// So many types may be named; there are a dozen.
const TYPES: usize = 100;
/// Longest gathering: a week.
const WINDOW_LONGEST: u32 = 7 * 24 * 3600;

/// Refuses wishes that nobody can mean: `bad_quiet_hours`, `bad_preferences`.
pub fn check(wishes: &Wishes) -> Result<(), PortError> {
    let bad = |message: &str| Err(PortError::refused("bad_preferences", message));
    if wishes.types.len() > TYPES || wishes.digest.len() > TYPES {
        return bad("types and digest name at most 100 types each");
    }
    let names = wishes.types.keys().chain(wishes.digest.keys());
    let odd = |name: &&String| name.is_empty() || name.contains(['.', '$', '\0']);
    if names.into_iter().any(|name| odd(&name)) {
        return bad("a type in types or digest is empty or has a dot or a dollar sign");
    }
    let windows = wishes.digest.values().flat_map(|of| of.values());
    if windows.into_iter().any(|seconds| *seconds > WINDOW_LONGEST) {
        return bad("a window of digest is longer than a week (604800 seconds)");
    }
    wishes.quiet_hours.as_ref().map_or(Ok(()), quiet_hours::check)
}
