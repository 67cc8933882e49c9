//! The command `iven-worker`.

use std::process::ExitCode;

fn main() -> ExitCode {
    iven_worker::memory::share_freed_memory();
    match iven_worker::cli::main() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("iven-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}
