//! The body of a part, checked as it passes.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use aws_sdk_s3::primitives::ByteStream as Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body::{Frame, SizeHint};
use jobs::ports::{ByteStream, Expected, PortError, interrupted};
use sha2::{Digest, Sha256};

/// What became of a body that passed: its SHA-256, or why it was broken off.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict(Arc<Mutex<Option<Result<String, PortError>>>>);

impl Verdict {
    fn say(&self, verdict: Result<String, PortError>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
    }

    /// `None` if the body was not read to its end.
    pub(super) fn take(&self) -> Option<Result<String, PortError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A body that passes through as it comes. The last piece is held back until the whole is known to
/// be what was expected: without it the store keeps nothing.
pub(super) fn passing(
    number: u32,
    expected: Expected,
    bytes: u64,
    body: ByteStream,
) -> (Body, Verdict) {
    let verdict = Verdict::default();
    let state = Passing {
        number,
        expected,
        body,
        hash: Sha256::new(),
        bytes: 0,
        held: None,
        verdict: verdict.clone(),
    };
    let pieces = futures_util::stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        match state.next().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(state))),
            Ok(None) => None,
            Err(error) => {
                let broken = io::Error::other(error.to_string());
                state.verdict.say(Err(error));
                Some((Err(broken), None))
            }
        }
    });
    (Body::from_body_1_x(Framed { pieces: Mutex::new(pieces.boxed()), bytes }), verdict)
}

struct Passing {
    number: u32,
    expected: Expected,
    body: ByteStream,
    hash: Sha256,
    bytes: u64,
    held: Option<Bytes>,
    verdict: Verdict,
}

impl Passing {
    async fn next(&mut self) -> Result<Option<Bytes>, PortError> {
        while let Some(piece) = self.body.next().await {
            let piece = piece.map_err(|error| interrupted(&error))?;
            self.bytes += piece.len() as u64;
            self.expected.goes_on(self.bytes)?;
            self.hash.update(&piece);
            if let Some(before) = self.held.replace(piece) {
                return Ok(Some(before));
            }
        }
        let Some(last) = self.held.take() else { return Ok(None) };
        let sha256 = hex::encode(self.hash.finalize_reset());
        self.expected.holds(self.number, self.bytes, &sha256)?;
        self.verdict.say(Ok(sha256));
        Ok(Some(last))
    }
}

/// Pieces as the body of a request.
struct Framed {
    /// The client wants bodies that may be shared; nobody shares this one.
    pieces: Mutex<Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>>,
    bytes: u64,
}

impl http_body::Body for Framed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let pieces = self.pieces.get_mut().unwrap_or_else(PoisonError::into_inner);
        pieces.as_mut().poll_next(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}
