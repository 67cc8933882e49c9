//! A mail server that takes every mail and keeps none.

use std::{io, sync::Arc};

use iven_worker::adapters::clock::SystemClock;
use jobs::ports::Clock;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::seen::Seen;

pub async fn listen(listener: TcpListener, seen: Arc<Seen>) {
    let mut talks = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        seen.socket();
        talks.spawn(talk(stream, Arc::clone(&seen)));
    }
}

async fn talk(stream: TcpStream, seen: Arc<Seen>) -> io::Result<()> {
    let mut stream = BufReader::with_capacity(32 << 10, stream);
    stream.write_all(b"220 sink.example.org\r\n").await?;
    let (mut line, mut began) = (Vec::new(), SystemClock.now());
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let answer: &[u8] = match line.get(..4) {
            Some(b"EHLO") => b"250-sink.example.org\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
            Some(b"MAIL") => {
                began = SystemClock.now();
                b"250 2.1.0 ok\r\n"
            }
            Some(b"DATA") => {
                stream.write_all(b"354 go on\r\n").await?;
                seen.mail(&subject(&mut stream).await?, began);
                b"250 2.0.0 ok\r\n"
            }
            Some(b"QUIT") => b"221 2.0.0 bye\r\n",
            _ => b"250 2.0.0 ok\r\n",
        };
        stream.write_all(answer).await?;
    }
}

/// Reads a mail to its end; what it is about.
async fn subject(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let (mut line, mut subject) = (Vec::new(), String::new());
    loop {
        line.clear();
        let read = stream.read_until(b'\n', &mut line).await?;
        if read == 0 || line == b".\r\n" {
            return Ok(subject);
        }
        if line.starts_with(b"Subject:") {
            subject = String::from_utf8_lossy(&line).into_owned();
        }
    }
}
