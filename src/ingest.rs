//! `ingest`: real files through the doors of a running service, as a phone would send them.
#![expect(clippy::indexing_slicing, reason = "a JSON value without the name answers null")]

use std::{
    io::{IsTerminal, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::{
    config::Config,
    remote::{At, Service},
};

/// How often the service is asked how far a medium is.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// What to send.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files to upload
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The event they belong to
    #[arg(long)]
    event: i64,
    /// The user who uploads them
    #[arg(long)]
    user: i64,
    /// The album they go into (24 hex digits)
    #[arg(long)]
    album: Option<String>,
    #[command(flatten)]
    at: At,
    /// Give up on a file that is not finished after so many seconds
    #[arg(long, default_value_t = 600)]
    patience: u64,
}

/// Sends every file, prints each finished document; 0 only if all ended `completed`.
pub async fn run(args: Args, config: &Config) -> anyhow::Result<u8> {
    let service = Service::new(&args.at, config);
    let bars = MultiProgress::new();
    let mut status = 0;
    for path in &args.files {
        let shown = Shown::new(&bars, path);
        let patience = Duration::from_secs(args.patience);
        let sending = tokio::time::timeout(patience, send(&service, &args, path, &shown));
        let ended = sending.await.unwrap_or_else(|_| {
            bail!("it is not finished after {} s", args.patience);
        });
        match ended {
            Ok(media) => {
                let ending = media["processingStatus"].as_str().unwrap_or("unknown").to_owned();
                shown.end(&ending);
                let mut out = std::io::stdout().lock();
                writeln!(out, "{}", serde_json::to_string_pretty(&media)?)?;
                status |= u8::from(ending != "completed");
            }
            Err(error) => {
                shown.end("failed");
                eprintln!("{}: {error:#}", path.display());
                status = 1;
            }
        }
    }
    Ok(status)
}

/// One file: announced, sent in chunks, completed, waited for.
async fn send(service: &Service, args: &Args, path: &Path, shown: &Shown) -> anyhow::Result<Value> {
    let mut file = std::fs::File::open(path).context("the file cannot be opened")?;
    let size = file.metadata()?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut wish = json!({
        "eventId": args.event,
        "userId": args.user,
        "filename": name,
        // The worker looks at the bytes; what is said here decides nothing.
        "mimeType": "application/octet-stream",
        "size": size,
    });
    if let Some(album) = &args.album {
        wish["albumId"] = json!(album);
    }
    let upload = service.post("/v1/uploads", &wish).await?;
    let id = upload["uploadId"].as_str().context("the service gave no uploadId")?.to_owned();
    let chunk = upload["chunkSize"].as_u64().context("the service gave no chunkSize")?;
    let count = upload["chunkCount"].as_u64().context("the service gave no chunkCount")?;
    for number in 1..=count {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start((number - 1) * chunk))?;
        (&file).take(chunk).read_to_end(&mut bytes)?;
        let kept = service.put(&format!("/v1/uploads/{id}/chunks/{number}"), bytes).await?;
        shown.percent(kept["progress"].as_u64().unwrap_or(0));
    }
    let done = service.post(&format!("/v1/uploads/{id}/complete"), &json!({})).await?;
    let media_id = done["mediaId"].as_str().context("the service gave no mediaId")?;
    loop {
        let media = service.get(&format!("/v1/media/{media_id}")).await?;
        if matches!(media["processingStatus"].as_str(), Some("completed" | "failed")) {
            return Ok(media);
        }
        shown.steps(&media["processingSteps"]);
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// How far a file is: a bar on a terminal, lines elsewhere.
struct Shown {
    bar: Option<ProgressBar>,
    name: String,
}

impl Shown {
    fn new(bars: &MultiProgress, path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = bars.add(ProgressBar::new(100));
            let style = ProgressStyle::with_template("{prefix:30!} {bar:30} {pos:>3} % {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(name.clone());
            bar
        });
        Self { bar, name }
    }

    fn percent(&self, percent: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(percent),
            None => eprintln!("{}: {percent} %", self.name),
        }
    }

    /// The steps that have ended so far; on a terminal only, elsewhere it would be noise.
    fn steps(&self, steps: &Value) {
        let Some(bar) = &self.bar else { return };
        let names = ["upload", "virusScanning", "metadataExtraction", "thumbnailGeneration"];
        let done = names.iter().filter(|name| steps[**name]["completed"] == true);
        bar.set_message(done.copied().collect::<Vec<_>>().join(" "));
    }

    fn end(&self, ending: &str) {
        match &self.bar {
            Some(bar) => bar.finish_with_message(ending.to_owned()),
            None => eprintln!("{}: {ending}", self.name),
        }
    }
}
