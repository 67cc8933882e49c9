//! The command `iven-worker`.

use std::process::ExitCode;

#[global_allocator]
static MEMORY: iven_worker::memory::Memory = iven_worker::memory::Memory;

fn main() -> ExitCode {
    iven_worker::memory::share_freed_memory();
    iven_worker::sandbox::serve_if_asked();
    match iven_worker::cli::main() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("iven-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}
