//! What a command answers on its standard output.

use std::io::{ErrorKind, Write};

/// Prints one piece of the answer. A reader who has seen enough (`head`) ends the command quietly.
pub fn print(text: impl std::fmt::Display) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        printed => Ok(printed?),
    }
}
