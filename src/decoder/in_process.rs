//! The decoder in this process, on the blocking pool: a crash in a codec takes the process along.

use async_trait::async_trait;
use jobs::ports::{LocalFile, PortError};

use super::{
    answers::Doing,
    work::{Answer, DecodeLimits, Work},
};

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
}

#[async_trait]
impl Doing for InProcess {
    async fn run(&self, file: &LocalFile, work: Work) -> Result<Answer, PortError> {
        let (file, limits, op) = (file.file.clone(), self.limits, work.name());
        let began = std::time::Instant::now();
        let ended = tokio::task::spawn_blocking(move || work.run(&file, limits)).await;
        metrics::histogram!("decode_seconds", "op" => op).record(began.elapsed());
        match ended {
            Ok(answer) => Ok(answer?),
            Err(error) => Err(PortError::Unavailable(format!("the decoder was stopped: {error}"))),
        }
    }
}
