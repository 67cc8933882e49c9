//! `reprocess`: lets a running service make again what is older than its settings.
#![expect(clippy::indexing_slicing, reason = "a JSON value without the name answers null")]

use serde_json::{Value, json};

use crate::{
    answer,
    config::Config,
    remote::{At, Service},
};

/// So many media are asked for at a time.
const PAGE: u64 = 500;

/// Which media.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Published media whose pictures are of a recipe older than this version (see
    /// thumbnails.version)
    #[arg(long, value_name = "VERSION")]
    recipe_older_than: u32,
    /// At most so many, the oldest first
    #[arg(long)]
    limit: Option<u64>,
    /// Only count them
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    at: At,
}

/// Asks page by page and prints how many were found and how many jobs were put; 0 if the service
/// took it.
pub async fn run(args: Args, config: &Config) -> anyhow::Result<u8> {
    let service = Service::new(&args.at, config);
    let (mut found, mut queued, mut cursor) = (0, 0, Value::Null);
    loop {
        let left = args.limit.map_or(PAGE, |limit| limit.saturating_sub(found).min(PAGE));
        if left == 0 {
            break;
        }
        let wish = json!({
            "recipeOlderThan": args.recipe_older_than,
            "limit": left,
            "dryRun": args.dry_run,
            "cursor": cursor,
        });
        let page = service.post("/v1/media/reprocess", &wish).await?;
        found += page["found"].as_u64().unwrap_or(0);
        queued += page["queued"].as_u64().unwrap_or(0);
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    answer::print(format_args!("{:#}", json!({ "found": found, "queued": queued })))?;
    Ok(0)
}
