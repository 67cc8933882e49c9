//! The command `iven-worker`.
fn main() {}
