//! Whoever can do [`Work`] is a [`Decoder`].

use async_trait::async_trait;
use jobs::ports::{
    Decoder, Edits, Facts, LocalFile, Picture, PictureSize, Pictures, PortError, Sniffed,
};

use super::work::{Answer, Work};

/// Does work somewhere.
#[async_trait]
pub trait Doing: Send + Sync {
    /// Does it with this file.
    async fn run(&self, file: &LocalFile, work: Work) -> Result<Answer, PortError>;
}

/// A decoder whose work is done by this.
#[derive(Debug)]
pub struct Decoding<Doer>(pub Doer);

#[async_trait]
impl<Doer: Doing> Decoder for Decoding<Doer> {
    async fn sniff(&self, file: &LocalFile) -> Result<Option<Sniffed>, PortError> {
        match self.0.run(file, Work::Sniff).await? {
            Answer::Sniffed(sniffed) => Ok(sniffed),
            other => Err(wrong(&other)),
        }
    }

    async fn facts(&self, file: &LocalFile, mime_type: &str) -> Result<Facts, PortError> {
        match self.0.run(file, Work::Facts(mime_type.to_owned())).await? {
            Answer::Facts(facts) => Ok(*facts),
            other => Err(wrong(&other)),
        }
    }

    async fn pictures(
        &self,
        file: &LocalFile,
        mime_type: &str,
        sizes: &[PictureSize],
    ) -> Result<Pictures, PortError> {
        match self.0.run(file, Work::Pictures(mime_type.to_owned(), sizes.to_vec())).await? {
            Answer::Pictures(pictures) => Ok(pictures),
            other => Err(wrong(&other)),
        }
    }

    async fn preview(
        &self,
        file: &LocalFile,
        mime_type: &str,
        seconds: u32,
    ) -> Result<Option<Picture>, PortError> {
        match self.0.run(file, Work::Preview(mime_type.to_owned(), seconds)).await? {
            Answer::Pictures(made) => Ok(made.pictures.into_iter().next()),
            other => Err(wrong(&other)),
        }
    }

    async fn strip(&self, file: &LocalFile, mime_type: &str) -> Result<Option<Edits>, PortError> {
        match self.0.run(file, Work::Strip(mime_type.to_owned())).await? {
            Answer::Edits(None) => Ok(None),
            Answer::Edits(Some(packed)) => {
                let edits = packed.edits().and_then(|list| Edits::of(file.bytes, list));
                edits.map(Some).ok_or_else(|| wrong(&Answer::Edits(Some(packed))))
            }
            other => Err(wrong(&other)),
        }
    }
}

/// What was not asked for comes from a decoder that is not itself any more.
fn wrong(answer: &Answer) -> PortError {
    let message = format!("the decoder answered what it was not asked: {answer:.40?}");
    PortError::refused("decoder_crashed", message)
}
