//! The decoder on real files, each in a sandbox: `scripts/bench media` calls it with the program
//! whose zygote decodes and a wish in JSON. Prints the milliseconds of each file, in JSON.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that does not work says so and ends"
)]

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use iven_worker::{
    decoder::{DecodeLimits, Decoding, InProcess},
    sandbox::Sandbox,
};
use jobs::ports::{Decoder, Facts, LocalFile, PictureSize, PortError};
use serde::{Deserialize, Serialize};

/// As the service has them by default; the time is longer, for machines that do other things.
const LIMITS: DecodeLimits = DecodeLimits {
    memory_bytes: 512 << 20,
    still_bytes: 128 << 20,
    pixels: 500_000_000,
    frames: 100_000,
    film: Duration::from_secs(86_400),
    time: Duration::from_secs(60),
};

/// What is measured.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wish {
    op: Op,
    files: Vec<PathBuf>,
    /// The edges of the pictures.
    sizes: Vec<u32>,
    /// How often all files are gone through.
    times: usize,
    /// How many files are under way at once.
    at_once: usize,
    /// Where the pictures of the first time are put.
    out: Option<PathBuf>,
    /// Decodes in this process instead.
    in_process: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Op {
    Sniff,
    Facts,
    Pictures,
}

/// What was found out about one file, once.
#[derive(Debug, Serialize)]
struct Found {
    file: usize,
    ms: f64,
    /// Why there was no answer.
    refused: Option<String>,
    facts: Option<Facts>,
}

struct Bench {
    decoder: Box<dyn Decoder>,
    wish: Wish,
    files: Vec<(LocalFile, String)>,
    next: AtomicUsize,
}

impl Bench {
    async fn open(program: &Path, wish: Wish) -> Self {
        let here = Decoding(InProcess::new(LIMITS));
        let mut files = Vec::new();
        for path in &wish.files {
            let file = File::open(path).unwrap();
            let bytes = file.metadata().unwrap().len();
            let file = LocalFile { file: Arc::new(file), bytes };
            // What the type is was found out at the upload.
            let sniffed = here.sniff(&file).await.unwrap();
            files.push((file, sniffed.map(|sniffed| sniffed.mime_type).unwrap_or_default()));
        }
        let decoder: Box<dyn Decoder> = if wish.in_process {
            Box::new(here)
        } else {
            Box::new(Decoding(Sandbox::start(program, LIMITS).unwrap()))
        };
        Self { decoder, wish, files, next: AtomicUsize::new(0) }
    }

    /// Takes the next file, as long as there are any.
    async fn work(&self) -> Vec<Found> {
        let mut all = Vec::new();
        loop {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            if turn >= self.files.len() * self.wish.times {
                return all;
            }
            let file = turn % self.files.len();
            let is_first = turn < self.files.len();
            let began = Instant::now();
            let answer = self.one(file, is_first).await;
            let ms = began.elapsed().as_secs_f64() * 1000.0;
            let (facts, refused) = match answer {
                Ok(facts) => (facts.filter(|_| is_first), None),
                Err(error) => (None, Some(error.to_string())),
            };
            all.push(Found { file, ms, refused, facts });
        }
    }

    async fn one(&self, at: usize, is_first: bool) -> Result<Option<Facts>, PortError> {
        let (file, mime_type) = self.files.get(at).unwrap();
        match self.wish.op {
            Op::Sniff => self.decoder.sniff(file).await.map(|_| None),
            Op::Facts => self.decoder.facts(file, mime_type).await.map(Some),
            Op::Pictures => {
                let sizes = self.wish.sizes.iter().copied().map(PictureSize::square);
                let sizes: Vec<PictureSize> = sizes.collect();
                let made = self.decoder.pictures(file, mime_type, &sizes).await?;
                if let Some(out) = self.wish.out.as_ref().filter(|_| is_first) {
                    for picture in made.pictures {
                        let name = format!("{at}-{}.jpg", picture.name);
                        std::fs::write(out.join(name), picture.bytes).unwrap();
                    }
                }
                Ok(None)
            }
        }
    }
}

#[tokio::main]
async fn main() {
    let [program, wish] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let wish: Wish = serde_json::from_str(&wish).unwrap();
    let bench = Bench::open(Path::new(&program), wish).await;
    // The decoder has threads of its own: one task is enough to have many files under way.
    let hands = (0..bench.wish.at_once).map(|_| bench.work());
    let found: Vec<Found> = join_all(hands).await.into_iter().flatten().collect();
    println!("{}", serde_json::to_string(&found).unwrap());
}
