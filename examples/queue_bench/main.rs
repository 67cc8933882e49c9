//! The workers on jobs that do nothing: what the queue itself costs. `scripts/bench queue` calls
//! it; each run prints one JSON object.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that does not work says so and ends"
)]

mod drain;
mod flood;
mod idle;
mod pace;
mod spent;
mod stage;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde_json::Value;

/// What is measured.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Measure {
    /// How fast waiting jobs are worked through.
    Drain,
    /// How long a job waits that comes to idle workers, at a steady pace.
    Pace,
    /// What workers cost when there is nothing to do.
    Idle,
    /// Many jobs that are due at once, and urgent ones among them.
    Flood,
}

/// Runs one measurement.
#[derive(Debug, Parser)]
struct Wish {
    measure: Measure,
    /// An empty folder.
    #[arg(long)]
    data: PathBuf,
    /// Measures on MongoDB instead of the embedded engine.
    #[arg(long, default_value = "")]
    mongodb: String,
    /// How many jobs; of idle workers, how many finished ones there are.
    #[arg(long)]
    jobs: u32,
    /// How many jobs run at once.
    #[arg(long, default_value_t = 64)]
    places: u32,
    /// How long idle workers are watched.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

#[tokio::main]
async fn main() {
    let wish = Wish::parse();
    let found: Value = match wish.measure {
        Measure::Drain => drain::measure(&wish).await,
        Measure::Pace => pace::measure(&wish).await,
        Measure::Idle => idle::measure(&wish).await,
        Measure::Flood => flood::measure(&wish).await,
    };
    println!("{found}");
}
