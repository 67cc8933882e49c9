//! The command `iven-worker`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match iven_worker::cli::main() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("iven-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}
