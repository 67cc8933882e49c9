//! `schedules`: what runs again and again, asked of the service that has the stores.
#![expect(clippy::indexing_slicing, reason = "a JSON value without the name answers null")]

use serde_json::{Value, json};

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
    /// Print every schedule, a line each, the soonest first
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Put a job of a schedule at once, also of a paused one; print the job
    Run {
        /// The schedule's name
        name: String,
    },
}

/// Does it; 0 if the service did.
pub async fn run(args: Args, config: &Config) -> anyhow::Result<u8> {
    let service = Service::new(&args.at, config);
    match args.action {
        Action::List { json } => {
            let answer = service.get("/v1/schedules").await?;
            match (json, answer["items"].as_array()) {
                (false, Some(items)) => items.iter().map(line).try_for_each(answer::print)?,
                _ => answer::print(format_args!("{:#}", answer["items"]))?,
            }
        }
        Action::Run { name } => {
            // A name is one part of the address, whatever stands in it.
            let mut path = reqwest::Url::parse("http://service/v1/schedules")?;
            if let Ok(mut parts) = path.path_segments_mut() {
                parts.push(&name).push("run");
            }
            answer::print(format_args!("{:#}", service.post(path.path(), &json!({})).await?))?;
        }
    }
    Ok(0)
}

fn line(schedule: &Value) -> String {
    let text = |field: &str| schedule[field].as_str().unwrap_or("-").to_owned();
    let state = match (schedule["fault"].as_str(), schedule["paused"] == true) {
        (Some(fault), _) => fault.to_owned(),
        (None, true) => "paused".to_owned(),
        (None, false) => format!("next {}", text("nextAt")),
    };
    let (name, cron, zone) = (text("name"), text("cron"), text("timeZone"));
    format!("{name:<16} {cron:<16} {zone:<16} last {:<24} {state}", text("lastAt"))
}
