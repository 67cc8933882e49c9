//! The decoder in this process: `decode` on the blocking pool, with limits from headers.
//!
//! A crash in a codec would take the process along; the sandbox will not have this fault.

use std::{panic::AssertUnwindSafe, time::Duration};

use async_trait::async_trait;
use decode::{Code, DecodeError, Format, HEAD_BYTES, Kind, Limits};
use jobs::{
    model::FileType,
    ports::{
        CameraFacts, Decoder, Facts, LocalFile, Picture, PictureSize, Pictures, PortError, Sniffed,
    },
};

/// What one decode may cost.
#[derive(Debug, Clone, Copy)]
pub struct DecodeLimits {
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Time.
    pub time: Duration,
}

/// Decodes in this process.
#[derive(Debug, Clone, Copy)]
pub struct InProcess {
    limits: DecodeLimits,
}

impl InProcess {
    /// A decoder that spends at most `limits` on each file.
    pub fn new(limits: DecodeLimits) -> Self {
        Self { limits }
    }

    /// Runs `work` where blocking is allowed; a panic of it is the file's fault.
    async fn run<T: Send + 'static>(
        &self,
        op: &'static str,
        file: &LocalFile,
        work: impl FnOnce(&std::fs::File, &Limits) -> Result<T, DecodeError> + Send + 'static,
    ) -> Result<T, PortError> {
        let file = file.file.clone();
        let limits = self.limits;
        let run = move || {
            let mut budget = Limits::within(limits.time);
            budget.memory_bytes = limits.memory_bytes;
            std::panic::catch_unwind(AssertUnwindSafe(|| work(&file, &budget)))
        };
        let began = std::time::Instant::now();
        let ended = tokio::task::spawn_blocking(run).await;
        metrics::histogram!("decode_seconds", "op" => op).record(began.elapsed());
        match ended {
            Ok(Ok(answer)) => answer.map_err(refusal),
            Ok(Err(_)) => {
                let message = "the decoder gave up on this file";
                Err(PortError::refused("decoder_panicked", message))
            }
            Err(error) => Err(PortError::Unavailable(format!("the decoder was stopped: {error}"))),
        }
    }
}

#[async_trait]
impl Decoder for InProcess {
    async fn sniff(&self, file: &LocalFile) -> Result<Option<Sniffed>, PortError> {
        let format = self
            .run("sniff", file, |file, _| {
                let mut head = vec![0; HEAD_BYTES];
                let length = read_head(file, &mut head)?;
                head.truncate(length);
                Ok(decode::sniff(&head))
            })
            .await?;
        Ok(format.map(|format| Sniffed {
            mime_type: format.mime().to_owned(),
            file_type: file_type(format.kind()),
            extension: format.extension().to_owned(),
        }))
    }

    async fn facts(&self, file: &LocalFile, mime_type: &str) -> Result<Facts, PortError> {
        let format = format_of(mime_type)?;
        let facts = self
            .run("facts", file, move |file, limits| decode::facts(file, format, limits))
            .await?;
        Ok(facts_of(facts))
    }

    async fn pictures(
        &self,
        file: &LocalFile,
        mime_type: &str,
        sizes: &[PictureSize],
    ) -> Result<Pictures, PortError> {
        let format = format_of(mime_type)?;
        let size = |size: &PictureSize| decode::Size { name: size.name.clone(), edge: size.edge };
        let sizes: Vec<decode::Size> = sizes.iter().map(size).collect();
        let work = move |file: &std::fs::File, limits: &Limits| {
            decode::thumbnails(file, format, &sizes, limits)
        };
        let made = self.run("pictures", file, work).await?;
        Ok(Pictures {
            pictures: made.thumbnails.into_iter().map(picture).collect(),
            truncated: made.truncated,
            placeholder: made.placeholder,
        })
    }
}

/// Reads from the start, whatever the shared position is.
fn read_head(file: &std::fs::File, head: &mut [u8]) -> std::io::Result<usize> {
    use std::os::unix::fs::FileExt;
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

fn refusal(error: DecodeError) -> PortError {
    match error.code {
        Code::ReadFailed => PortError::Unavailable(error.message),
        code => PortError::refused(code.as_str(), error.message),
    }
}

fn format_of(mime_type: &str) -> Result<Format, PortError> {
    Format::from_mime(mime_type).ok_or_else(|| {
        PortError::refused("unsupported_format", format!("there is no decoder for {mime_type}"))
    })
}

fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::Image => FileType::Image,
        Kind::Video => FileType::Video,
        Kind::Audio => FileType::Audio,
        Kind::Document => FileType::Document,
    }
}

fn picture(made: decode::Thumbnail) -> Picture {
    let (name, width, height, bytes) = (made.name, made.width, made.height, made.jpeg);
    Picture { name, width, height, mime_type: "image/jpeg".to_owned(), bytes }
}

fn facts_of(facts: decode::Facts) -> Facts {
    Facts {
        width: facts.width,
        height: facts.height,
        exif: facts.exif.map(camera_of),
        duration_seconds: facts.duration_seconds,
        codec: facts.codec,
        frame_rate: facts.frame_rate,
        rotation_degrees: facts.rotation_degrees,
        bitrate_kbps: facts.bitrate_kbps,
        sample_rate_hz: facts.sample_rate_hz,
        pages: facts.pages,
        language: facts.language,
        frames: facts.frames,
    }
}

fn camera_of(exif: decode::Exif) -> CameraFacts {
    CameraFacts {
        make: exif.make,
        model: exif.model,
        orientation: exif.orientation,
        local_time: exif.local_time,
        offset_minutes: exif.offset_minutes,
        gps: exif.gps.map(|gps| (gps.latitude, gps.longitude)),
        flash: exif.flash,
        focal_length_mm: exif.focal_length_mm,
        f_number: exif.f_number,
        iso: exif.iso,
    }
}
