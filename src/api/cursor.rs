//! Where a page of a list that goes by time has ended.

use std::{fmt::Display, str::FromStr};

use bson::DateTime;

use super::problem::Problem;

/// The place behind the document of this time and id.
pub fn of(at: DateTime, id: impl Display) -> String {
    format!("{}-{id}", at.timestamp_millis())
}

/// The time and the id; refused if no page gave it out.
pub fn parse<T: FromStr>(cursor: &str) -> Result<(DateTime, T), Problem> {
    let parse = || {
        let (at, id) = cursor.split_once('-')?;
        Some((DateTime::from_millis(at.parse().ok()?), id.parse().ok()?))
    };
    parse().ok_or_else(|| Problem::bad("bad_parameter", "cursor is none that a page gave out"))
}
