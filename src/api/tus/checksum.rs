//! `Upload-Checksum`: the bytes of one request are what they should be, or none of them is kept.

use axum::http::{HeaderMap, StatusCode};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::StreamExt;
use jobs::ports::ByteStream;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::{words::text, write};
use crate::{
    api::{Api, problem::Problem},
    spool::Spool,
};

/// One read.
const PIECE_BYTES: usize = 256 << 10;

/// Those that are known.
pub const ALGORITHMS: &str = "sha1,sha256,crc32c";

/// What was promised of a body.
pub struct Promised {
    sum: Sum,
    digest: Vec<u8>,
}

enum Sum {
    Sha1(Sha1),
    Sha256(Sha256),
    Crc32c(u32),
}

/// The header, if it is there.
pub fn promised(headers: &HeaderMap) -> Result<Option<Promised>, Problem> {
    if !headers.contains_key("upload-checksum") {
        return Ok(None);
    }
    let bad = || {
        let detail = format!("the header Upload-Checksum is not one of {ALGORITHMS} and base64");
        Problem::bad("bad_checksum", detail)
    };
    let (name, digest) =
        text(headers, "upload-checksum").and_then(|said| said.split_once(' ')).ok_or_else(bad)?;
    let sum = match name {
        "sha1" => Sum::Sha1(Sha1::new()),
        "sha256" => Sum::Sha256(Sha256::new()),
        "crc32c" => Sum::Crc32c(0),
        _ => return Err(bad()),
    };
    let digest = BASE64_STANDARD.decode(digest.trim()).map_err(|_| bad())?;
    Ok(Some(Promised { sum, digest }))
}

impl Promised {
    fn update(&mut self, bytes: &[u8]) {
        match &mut self.sum {
            Sum::Sha1(sum) => sum.update(bytes),
            Sum::Sha256(sum) => sum.update(bytes),
            Sum::Crc32c(sum) => *sum = crc32c::crc32c_append(*sum, bytes),
        }
    }

    fn holds(self) -> bool {
        let digest = match self.sum {
            Sum::Sha1(sum) => sum.finalize().to_vec(),
            Sum::Sha256(sum) => sum.finalize().to_vec(),
            Sum::Crc32c(sum) => sum.to_be_bytes().to_vec(),
        };
        digest == self.digest
    }
}

/// The body, once all of it has come and is what was promised; at most `room` bytes.
pub async fn checked(
    api: &Api,
    mut promised: Promised,
    mut body: ByteStream,
    room: u64,
) -> Result<ByteStream, Problem> {
    let mut spool = Spool::open(api.spool.path()).await.map_err(write::away)?;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| Problem::from(jobs::ports::interrupted(&error)))?;
        promised.update(&piece);
        if spool.bytes() + piece.len() as u64 > room {
            let detail = "the body has more bytes than the upload has room for";
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_bytes", detail));
        }
        spool.write(piece).await.map_err(write::away)?;
    }
    if promised.holds() {
        let whole = spool.end().await.map_err(write::away)?;
        let file = File::from_std(whole.file.reopen().map_err(write::away)?);
        // Its name may go: it is open.
        return Ok(Box::pin(ReaderStream::with_capacity(file, PIECE_BYTES)));
    }
    let status = StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST);
    let detail = "the bytes do not have the checksum that was sent with them";
    Err(Problem::new(status, "checksum_mismatch", detail))
}
