//! What notifications cost: the carriers alone, what they are measured against, and a store full
//! of notifications that are due soon. `scripts/bench notifications` calls it; each run prints
//! JSON.
//!
//! It is no example: `cargo test` would link it each time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that does not work says so and ends"
)]

#[path = "../../tests/it/certificates.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod certificates;
mod fakes;
mod fcm_fake;
mod fill;
mod mail;
mod push;
mod rate;
mod seen;
mod smtp_fake;

use clap::{Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tokio::runtime::Builder;

/// One run.
#[derive(Debug, Subcommand)]
enum Run {
    /// Prints the words of the mail that is sent, for the others to send the same.
    Words,
    /// Hands mails to a mail server on this machine.
    Mail(mail::Wish),
    /// Hands pushes to a Google on this machine.
    Push(push::Wish),
    /// Takes mails and pushes until its input ends, and says at each line of it what came.
    Fakes(fakes::Wish),
    /// Fills an empty store with notifications.
    Fill(fill::Wish),
}

/// By which way notifications go in a run through the whole service.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    Push,
    Email,
    /// The app's list and mail.
    Both,
}

#[derive(Debug, Parser)]
struct Wish {
    #[command(subcommand)]
    run: Run,
}

/// The service account of the Google on this machine.
fn account(token_uri: &str) -> String {
    json!({
        "project_id": "iven-test",
        "private_key": include_str!("../../tests/it/rsa.pem"),
        "client_email": "worker@iven-test.example",
        "token_uri": token_uri,
    })
    .to_string()
}

fn main() {
    let run = Wish::parse().run;
    // What is measured has all threads; what it is measured against shares the machine with it, and
    // does more on one than on several that wake each other.
    let mut runtime = match run {
        Run::Fakes(_) => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build().unwrap();
    let found: Value = runtime.block_on(async {
        match run {
            Run::Words => mail::words(),
            Run::Mail(wish) => mail::measure(&wish).await,
            Run::Push(wish) => push::measure(&wish).await,
            Run::Fakes(wish) => fakes::run(&wish).await,
            Run::Fill(wish) => fill::fill(&wish).await,
        }
    });
    println!("{found}");
}
