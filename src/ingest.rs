//! `ingest`: real files through the doors of a running service, as a phone would send them.
#![expect(clippy::indexing_slicing, reason = "a JSON value without the name answers null")]

mod shown;

use std::{
    cell::RefCell,
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::MultiProgress;
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    config::Config,
    remote::{At, Service},
};
use shown::{Shown, ending, plain};

/// How often the service is asked how far a medium is.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// So many chunks are sent at the same time.
const UNDER_WAY: usize = 3;

/// Who interrupts does not wait longer than this for the upload to be cancelled.
const CANCEL: Duration = Duration::from_secs(2);

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
    let mut interrupted = Interrupted::listen()?;
    let bars = MultiProgress::new();
    let mut status = 0;
    for path in &args.files {
        let shown = Shown::new(&bars, path);
        let under_way = RefCell::new(None);
        let patience = Duration::from_secs(args.patience);
        let sending = send(&service, &args, path, &shown, &under_way);
        let ended = tokio::select! {
            ended = tokio::time::timeout(patience, sending) => ended.unwrap_or_else(|_| {
                bail!("it is not finished after {} s", args.patience);
            }),
            status = interrupted.heard() => {
                shown.end(cancel(&service, under_way.take()).await);
                return Ok(status);
            }
        };
        match ended {
            Ok(media) => {
                shown.end(&ending(&media));
                let mut out = std::io::stdout().lock();
                writeln!(out, "{}", serde_json::to_string_pretty(&media)?)?;
                status |= u8::from(media["processingStatus"] != "completed");
            }
            Err(error) => {
                shown.end("failed");
                eprintln!("{}: {error:#}", plain(&path.to_string_lossy()));
                status = 1;
            }
        }
    }
    Ok(status)
}

/// One file: announced, sent in chunks, completed, waited for. `under_way` is the upload's id for
/// as long as it can be cancelled.
async fn send(
    service: &Service,
    args: &Args,
    path: &Path,
    shown: &Shown,
    under_way: &RefCell<Option<String>>,
) -> anyhow::Result<Value> {
    let (file, size) = open(path)?;
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
    under_way.replace(Some(id.clone()));
    let size_of_chunk = upload["chunkSize"].as_u64().context("the service gave no chunkSize")?;
    let count = upload["chunkCount"].as_u64().context("the service gave no chunkCount")?;
    // While one chunk is synced the next one is on its way.
    let mut sending = stream::iter(1..=count)
        .map(|number| chunk(service, &file, &id, (number, size_of_chunk)))
        .buffer_unordered(UNDER_WAY);
    let mut sent = 0;
    while let Some(percent) = sending.try_next().await? {
        sent = percent.max(sent);
        shown.percent(sent);
    }
    drop(sending);
    let done = service.post(&format!("/v1/uploads/{id}/complete"), &json!({})).await?;
    under_way.take();
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

/// Sends a chunk of this number and size; how many percent of the file are there then.
async fn chunk(
    service: &Service,
    file: &File,
    upload: &str,
    (number, most): (u64, u64),
) -> anyhow::Result<u64> {
    let (mut bytes, mut read) = (vec![0; usize::try_from(most)?], 0);
    while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, (number - 1) * most + read as u64)? {
            0 => break,
            more => read += more,
        }
    }
    bytes.truncate(read);
    let kept = service.put(&format!("/v1/uploads/{upload}/chunks/{number}"), bytes).await?;
    Ok(kept["progress"].as_u64().unwrap_or(0))
}

/// The file and its size. To open a pipe would wait for its writer, and it has no size.
fn open(path: &Path) -> anyhow::Result<(File, u64)> {
    let what = std::fs::metadata(path).context("the file cannot be opened")?;
    if what.is_dir() {
        bail!("it is a folder: name the files in it");
    }
    if !what.is_file() {
        bail!("it is a pipe or a device: only files can be sent");
    }
    let file = File::open(path).context("the file cannot be opened")?;
    Ok((file, what.len()))
}

/// Cancels the upload that is under way, if it still can be; what became of it.
async fn cancel(service: &Service, under_way: Option<String>) -> &'static str {
    let Some(id) = under_way else { return "interrupted; what was sent whole goes on" };
    let path = format!("/v1/uploads/{id}");
    match tokio::time::timeout(CANCEL, service.delete(&path)).await {
        Ok(Ok(())) => "interrupted, the upload is cancelled",
        _ => "interrupted; the upload could not be cancelled and expires by itself",
    }
}

/// How people and scripts end the command.
struct Interrupted {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupted {
    fn listen() -> std::io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// The exit status that says by which signal, as shells count it.
    async fn heard(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}
