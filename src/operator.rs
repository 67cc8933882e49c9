//! What operators do from the command line, through a running service.
#![expect(clippy::indexing_slicing, reason = "a JSON value without the name answers null")]

use serde_json::{Map, Value, json};

use crate::{
    answer,
    config::Config,
    remote::{At, Service},
};

/// See and steer jobs.
#[derive(Debug, clap::Args)]
pub struct Jobs {
    #[command(subcommand)]
    command: JobsCommand,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Subcommand)]
enum JobsCommand {
    /// List jobs, last changed first, a line each
    List {
        #[command(flatten)]
        filter: Filter,
        /// Print the answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print one job with its last errors
    Show {
        /// The job's id
        id: String,
    },
    /// Let jobs run once more: the one with this id, or all dead ones that the filter finds
    Retry {
        /// The job's id
        #[arg(conflicts_with_all = ["state", "queue", "kind", "about", "error"])]
        id: Option<String>,
        #[command(flatten)]
        filter: Filter,
    },
    /// End a job that has not ended
    Cancel {
        /// The job's id
        id: String,
    },
    /// Remove the record of a job that has ended
    Delete {
        /// The job's id
        id: String,
    },
}

/// Which jobs.
#[derive(Debug, clap::Args)]
struct Filter {
    /// running, ready, scheduled, new, dead, cancelled or done
    #[arg(long)]
    state: Option<String>,
    /// ingest, scan, media or housekeeping
    #[arg(long)]
    queue: Option<String>,
    /// Such as scan_virus
    #[arg(long)]
    kind: Option<String>,
    /// The document that it is about, such as event_media:64d2...
    #[arg(long = "ref")]
    about: Option<String>,
    /// How the last error, `code: message`, begins
    #[arg(long)]
    error: Option<String>,
}

impl Filter {
    fn given(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("state", &self.state),
            ("queue", &self.queue),
            ("kind", &self.kind),
            ("ref", &self.about),
            ("error", &self.error),
        ];
        all.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect()
    }
}

/// See and steer queues.
#[derive(Debug, clap::Args)]
pub struct Queues {
    #[command(subcommand)]
    command: QueuesCommand,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Subcommand)]
enum QueuesCommand {
    /// List the queues with their depths, a line each
    List,
    /// Begin nothing of a queue any more
    Pause {
        /// The queue's name
        name: String,
    },
    /// Let a paused queue go on
    Resume {
        /// The queue's name
        name: String,
    },
}

/// Put a job.
#[derive(Debug, clap::Args)]
pub struct Enqueue {
    /// Such as generate_thumbnails
    kind: String,
    /// The job's arguments as JSON, such as {"mediaId":"64d2..."}
    #[arg(long, default_value = "{}")]
    args: String,
    /// Not before this time, such as 2026-05-17T20:15:00Z
    #[arg(long)]
    run_at: Option<String>,
    /// While a job with this key is open, a second one is not put
    #[arg(long)]
    unique_key: Option<String>,
    /// 0 is taken first, 9 last
    #[arg(long)]
    priority: Option<u8>,
    /// Of the jobs with this key only some run at the same time
    #[arg(long)]
    limit_key: Option<String>,
    /// How many; one without it
    #[arg(long, requires = "limit_key")]
    limit_most: Option<u32>,
    #[command(flatten)]
    at: At,
}

/// `jobs ...`
pub async fn jobs(asked: Jobs, config: &Config) -> anyhow::Result<u8> {
    let service = Service::new(&asked.at, config);
    match asked.command {
        JobsCommand::List { filter, json } => list(&service, &filter, json).await?,
        JobsCommand::Show { id } => print(&service.get(&format!("/v1/jobs/{id}")).await?)?,
        JobsCommand::Retry { id: Some(id), .. } => {
            print(&service.post(&format!("/v1/jobs/{id}/retry"), &json!({})).await?)?;
        }
        JobsCommand::Retry { id: None, filter } => {
            let given = filter.given().into_iter();
            let mut wish: Map<_, _> =
                given.map(|(name, value)| (name.into(), json!(value))).collect();
            let (mut retried, mut left) = (0, 0);
            loop {
                let some = service.post("/v1/jobs/retry", &Value::Object(wish.clone())).await?;
                retried += some["retried"].as_u64().unwrap_or(0);
                left += some["left"].as_u64().unwrap_or(0);
                if some["cursor"].is_null() {
                    break;
                }
                wish.insert("cursor".into(), some["cursor"].clone());
            }
            print(&json!({ "retried": retried, "left": left }))?;
        }
        JobsCommand::Cancel { id } => {
            print(&service.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).await?)?;
        }
        JobsCommand::Delete { id } => service.delete(&format!("/v1/jobs/{id}")).await?,
    }
    Ok(0)
}

/// `queues ...`
pub async fn queues(asked: Queues, config: &Config) -> anyhow::Result<u8> {
    let service = Service::new(&asked.at, config);
    match asked.command {
        QueuesCommand::List => {
            let queues = service.get("/v1/queues").await?;
            for queue in queues["items"].as_array().into_iter().flatten() {
                answer::print(queue_line(queue))?;
            }
        }
        QueuesCommand::Pause { name } => {
            print(&service.post(&format!("/v1/queues/{name}/pause"), &json!({})).await?)?;
        }
        QueuesCommand::Resume { name } => {
            print(&service.post(&format!("/v1/queues/{name}/resume"), &json!({})).await?)?;
        }
    }
    Ok(0)
}

/// `enqueue ...`
pub async fn enqueue(asked: Enqueue, config: &Config) -> anyhow::Result<u8> {
    let args: Value = serde_json::from_str(&asked.args)
        .map_err(|error| anyhow::anyhow!("--args is no JSON: {error}"))?;
    let wish = json!({
        "kind": asked.kind,
        "args": args,
        "runAt": asked.run_at,
        "uniqueKey": asked.unique_key,
        "priority": asked.priority,
        "limitKey": asked.limit_key,
        "limitMost": asked.limit_most,
    });
    print(&Service::new(&asked.at, config).post("/v1/jobs", &wish).await?)?;
    Ok(0)
}

async fn list(service: &Service, filter: &Filter, json: bool) -> anyhow::Result<()> {
    let page = service.find("/v1/jobs", &filter.given()).await?;
    if json {
        return print(&page);
    }
    for job in page["items"].as_array().into_iter().flatten() {
        answer::print(job_line(job))?;
    }
    if !page["cursor"].is_null() {
        eprintln!("there are more: say which ones with --state, --queue, --kind, --ref or --error");
    }
    Ok(())
}

fn job_line(job: &Value) -> String {
    let text = |name: &str| job[name].as_str().unwrap_or("-");
    let attempt = format!("{}/{}", job["attempt"], job["maxAttempts"]);
    let last = job["errors"].as_array().and_then(|errors| errors.last());
    let error = last.map_or("", |error| error["message"].as_str().unwrap_or_default());
    let progress = &job["progress"];
    let shown = |pct| format!("{pct} %, {}", progress["note"].as_str().unwrap_or_default());
    let last_word = progress["pct"].as_u64().map_or(error.to_owned(), shown);
    let (id, state, kind) = (text("_id"), text("state"), text("kind"));
    format!("{id}  {state:<9}  {kind:<20}  {attempt:>5}  {last_word}").trim_end().to_owned()
}

fn queue_line(queue: &Value) -> String {
    let depth = queue["depth"].as_object().into_iter().flatten();
    let depth: Vec<_> = depth.map(|(state, jobs)| format!("{state} {jobs}")).collect();
    let name = queue["name"].as_str().unwrap_or("-");
    let paused = if queue["paused"] == true { "paused" } else { "" };
    let ended = queue["lastMinute"]["done"].as_u64().unwrap_or(0);
    let waits = queue["oldestAgeSeconds"].as_u64();
    let waits = waits.map_or(String::new(), |seconds| format!("oldest waits {seconds} s"));
    format!("{name:<14} {:<50} {ended:>7} done/min  {waits:<22} {paused}", depth.join(", "))
        .trim_end()
        .to_owned()
}

fn print(answer: &Value) -> anyhow::Result<()> {
    answer::print(format_args!("{answer:#}"))
}
