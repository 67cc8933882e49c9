//! The line to a mail server: commands go out, answers come in, and both have a time limit.

use std::{io, time::Duration};

use tokio::{
    io::{
        AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter,
    },
    time::timeout,
};

use super::reply::Reply;

/// RFC 5321 allows 512 bytes; servers with long stories are read all the same.
const LINE_BYTES: u64 = 4096;
/// More lines than any list of what a server offers.
const LINES: usize = 100;
/// What a mail without pictures needs: it goes out in one piece.
const WRITE_BYTES: usize = 32 << 10;

/// What answers and mails run over.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for S {}

/// Why there is no answer; no addresses in it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Broken(pub(super) String);

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self(format!("the connection to the mail server broke: {error}"))
    }
}

/// A line whose other end has so much time for each of its answers.
pub(super) struct Line<S> {
    stream: BufReader<BufWriter<S>>,
    patience: Duration,
}

impl<S: Duplex> Line<S> {
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        let stream = BufReader::new(BufWriter::with_capacity(WRITE_BYTES, stream));
        Self { stream, patience }
    }

    /// The bare stream. What came unasked before an encryption begins is somebody else's.
    pub(super) fn into_inner(self) -> Result<S, Broken> {
        if !self.stream.buffer().is_empty() {
            return Err(Broken("the mail server says more than it was asked".into()));
        }
        Ok(self.stream.into_inner().into_inner())
    }

    /// Lays bytes ready to go; a large mail goes already.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let written = timeout(self.patience, self.stream.write_all(bytes)).await;
        Ok(written.map_err(|_| self.late())??)
    }

    /// Lets all of it go.
    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        let flushed = timeout(self.patience, self.stream.flush()).await;
        Ok(flushed.map_err(|_| self.late())??)
    }

    /// The next answer.
    pub(super) async fn reply(&mut self) -> Result<Reply, Broken> {
        let read = timeout(self.patience, read(&mut self.stream)).await;
        read.map_err(|_| self.late())?
    }

    /// Says one line and hears the answer.
    pub(super) async fn ask(&mut self, command: &str) -> Result<Reply, Broken> {
        self.write(command.as_bytes()).await?;
        self.write(b"\r\n").await?;
        self.flush().await?;
        self.reply().await
    }

    fn late(&self) -> Broken {
        Broken(format!("the mail server is silent for {} s", self.patience.as_secs_f32()))
    }
}

async fn read<S: Duplex>(stream: &mut BufReader<BufWriter<S>>) -> Result<Reply, Broken> {
    let mut lines = Vec::new();
    while lines.len() < LINES {
        let mut line = Vec::new();
        (&mut *stream).take(LINE_BYTES).read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            let short = (line.len() as u64) < LINE_BYTES;
            let why = if short { "closes the connection" } else { "says a line without end" };
            return Err(Broken(format!("the mail server {why}")));
        }
        let line = String::from_utf8_lossy(&line);
        let (code, is_last, words) = parse(line.trim_end())
            .ok_or_else(|| Broken("the other end does not speak SMTP".into()))?;
        lines.push(words.to_owned());
        if is_last {
            return Ok(Reply { code, lines });
        }
    }
    Err(Broken("the mail server says an answer without end".into()))
}

/// Reads `250-PIPELINING` and `250 OK`.
fn parse(line: &str) -> Option<(u16, bool, &str)> {
    let (code, rest) = line.split_at_checked(3)?;
    let code = code.bytes().all(|byte| byte.is_ascii_digit()).then(|| code.parse().ok())??;
    match rest.split_at_checked(1) {
        None => Some((code, true, "")),
        Some((" ", words)) => Some((code, true, words)),
        Some(("-", words)) => Some((code, false, words)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Cursor, time::Duration};

    use super::{LINES, Line};

    async fn heard(said: &str) -> Result<(u16, Vec<String>), String> {
        let mut line = Line::new(Cursor::new(said.as_bytes().to_vec()), Duration::from_secs(1));
        line.reply().await.map(|reply| (reply.code, reply.lines)).map_err(|broken| broken.0)
    }

    #[tokio::test]
    async fn an_answer_has_one_line_or_more() {
        assert_eq!(heard("250\r\n").await, Ok((250, vec![String::new()])));
        let two = vec!["a.org".to_owned(), "DSN".to_owned()];
        assert_eq!(heard("250-a.org\n250 DSN\n").await, Ok((250, two)));
    }

    #[tokio::test]
    async fn what_is_no_answer_breaks_the_line() {
        let endless = format!("250 {}", "a".repeat(5000));
        let many = "250-more\r\n".repeat(LINES);
        for said in ["", "250 half", "HTTP/1.1 400\r\n", "25\r\n", "250_x\r\n", &endless, &many] {
            assert!(heard(said).await.is_err(), "{said:.20}");
        }
    }
}
