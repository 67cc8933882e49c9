//! `workers`: the processes at work, asked of the service that has the stores.
#![expect(clippy::indexing_slicing, reason = "a JSON value without the name answers null")]

use serde_json::Value;

use crate::{
    answer,
    config::Config,
    remote::{At, Service},
};

/// What to do.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print every process at work, a line each
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Does it; 0 if the service did.
pub async fn run(args: Args, config: &Config) -> anyhow::Result<u8> {
    let Action::List { json } = args.action;
    let answer = Service::new(&args.at, config).get("/v1/workers").await?;
    match (json, answer["items"].as_array()) {
        (false, Some(items)) => items.iter().map(line).try_for_each(answer::print)?,
        _ => answer::print(format_args!("{:#}", answer["items"]))?,
    }
    Ok(0)
}

fn line(worker: &Value) -> String {
    let text = |field: &str| worker[field].as_str().unwrap_or("-").to_owned();
    let lanes = worker["lanes"].as_array().into_iter().flatten().map(lane).collect::<Vec<_>>();
    let (host, version, since) = (text("host"), text("version"), text("startedAt"));
    let pid = worker["pid"].to_string();
    format!("{host:<16} {pid:>8} {version:<8} since {since:<24} {}", lanes.join(", "))
}

fn lane(lane: &Value) -> String {
    let name = lane["queue"].as_str().unwrap_or("-");
    let state = match (lane["paused"] == true, lane["resting"] == true) {
        (true, _) => " paused",
        (false, true) => " resting",
        (false, false) => "",
    };
    format!("{name} {}/{}{state}", lane["running"], lane["places"])
}
