//! A mail server in this process that says what a test wants it to say.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use crate::certificates;

/// How a server behaves.
pub struct Manner {
    pub offers: &'static [&'static str],
    /// From the first byte.
    pub is_encrypted: bool,
    pub react: React,
}

/// What happens instead of the usual, on the nth connection (from 1), after this line; the line is
/// empty at the greeting and `.` at the end of a mail.
pub type React = Box<dyn Fn(usize, &str) -> Option<Deed> + Send + Sync>;

pub enum Deed {
    Say(&'static str),
    SayAndClose(&'static str),
    Close,
    /// The line is heard, and nothing more is said.
    BeSilent,
}

/// A mail as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub from: String,
    pub to: String,
    pub content: String,
}

#[derive(Default)]
pub struct Log {
    pub mails: Vec<Received>,
    /// With the number of the connection.
    pub lines: Vec<(usize, String)>,
    pub connections: usize,
    open: usize,
    pub most_open: usize,
    /// Lines that came in one piece with the one before.
    pub together: usize,
}

pub struct MailServer {
    pub address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

impl Manner {
    /// One that offers all that matters.
    pub fn good() -> Self {
        let offers = &["PIPELINING", "SIZE 1000000", "DSN", "8BITMIME", "SMTPUTF8"];
        Self { offers, is_encrypted: false, react: Box::new(|_, _| None) }
    }

    pub fn offering(offers: &'static [&'static str]) -> Self {
        Self { offers, ..Self::good() }
    }

    pub fn reacting(react: impl Fn(usize, &str) -> Option<Deed> + Send + Sync + 'static) -> Self {
        Self { react: Box::new(react), ..Self::good() }
    }
}

impl MailServer {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::<Mutex<Log>>::default();
        TaskTracker::new().spawn(listen(listener, Arc::new(manner), Arc::clone(&log)));
        Self { address, log }
    }

    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    pub fn log<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.log.lock().unwrap())
    }

    pub fn mails(&self) -> Vec<Received> {
        self.log(|log| log.mails.clone())
    }

    pub fn connections(&self) -> usize {
        self.log(|log| log.connections)
    }

    /// The lines that begin so.
    pub fn lines(&self, beginning: &str) -> Vec<String> {
        self.log(|log| {
            let lines = log.lines.iter().map(|(_, line)| line);
            lines.filter(|line| line.starts_with(beginning)).cloned().collect()
        })
    }
}

async fn listen(listener: TcpListener, manner: Arc<Manner>, log: Arc<Mutex<Log>>) {
    let tracker = TaskTracker::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let number = {
            let mut log = log.lock().unwrap();
            log.connections += 1;
            log.open += 1;
            log.most_open = log.most_open.max(log.open);
            log.connections
        };
        let (manner, log) = (Arc::clone(&manner), Arc::clone(&log));
        tracker.spawn(async move {
            let _broken = talk(stream, number, &manner, &log).await;
            log.lock().unwrap().open -= 1;
        });
    }
}

async fn talk(
    stream: TcpStream,
    number: usize,
    manner: &Manner,
    log: &Mutex<Log>,
) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(certificates::known().server(&[]));
    if manner.is_encrypted {
        let stream = acceptor.accept(stream).await?;
        return Talk::new(stream, number, manner, log).run().await.map(|_| ());
    }
    let mut open = Talk::new(stream, number, manner, log);
    if open.run().await? {
        let stream = acceptor.accept(open.stream.into_inner()).await?;
        let mut talk = Talk::new(stream, number, manner, log);
        talk.is_encrypted = true;
        talk.run().await?;
    }
    Ok(())
}

struct Talk<'s, S> {
    stream: BufReader<S>,
    number: usize,
    manner: &'s Manner,
    log: &'s Mutex<Log>,
    is_encrypted: bool,
    from: String,
    to: String,
}

impl<'s, S: AsyncRead + AsyncWrite + Unpin> Talk<'s, S> {
    fn new(stream: S, number: usize, manner: &'s Manner, log: &'s Mutex<Log>) -> Self {
        let (from, to) = Default::default();
        let stream = BufReader::new(stream);
        Self { stream, number, manner, log, is_encrypted: false, from, to }
    }

    /// Whether the conversation goes on encrypted.
    async fn run(&mut self) -> io::Result<bool> {
        if !self.is_encrypted && !self.answer("", "220 a.test").await? {
            return Ok(false);
        }
        loop {
            let is_together = !self.stream.buffer().is_empty();
            let Some(line) = self.line().await? else { return Ok(false) };
            {
                let mut log = self.log.lock().unwrap();
                log.lines.push((self.number, line.clone()));
                log.together += usize::from(is_together);
            }
            let usual = self.usual(&line);
            if !self.answer(&line, &usual).await? {
                return Ok(false);
            }
            if line == "STARTTLS" {
                return Ok(true);
            }
            if line == "DATA" && usual.starts_with('3') && !self.content().await? {
                return Ok(false);
            }
        }
    }

    fn usual(&mut self, line: &str) -> String {
        let word = line.split([' ', ':']).next().unwrap_or_default();
        let inside = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        match word {
            "EHLO" => {
                let offers = self.manner.offers.iter();
                let offers = offers.filter(|offer| !self.is_encrypted || **offer != "STARTTLS");
                let lines: String = offers.map(|offer| format!("{offer}\r\n250-")).collect();
                format!("250-a.test\r\n250-{lines}").trim_end_matches("250-").to_owned()
                    + "250 ENHANCEDSTATUSCODES"
            }
            "MAIL" => {
                self.from = inside();
                "250 2.1.0 ok".into()
            }
            "RCPT" => {
                self.to = inside();
                // Whoever is refused here is no recipient.
                if matches!((self.manner.react)(self.number, line), Some(Deed::Say(no)) if no > "4")
                {
                    self.to.clear();
                }
                "250 2.1.5 ok".into()
            }
            "DATA" if self.to.is_empty() => "554 5.5.1 no valid recipients".into(),
            "DATA" => "354 go on".into(),
            "AUTH" => "235 2.7.0 welcome".into(),
            "STARTTLS" => "220 2.0.0 begin".into(),
            "QUIT" => "221 2.0.0 bye".into(),
            _ => "250 2.0.0 ok".into(),
        }
    }

    /// Whether the conversation goes on.
    async fn answer(&mut self, line: &str, usual: &str) -> io::Result<bool> {
        let (words, goes_on) = match (self.manner.react)(self.number, line) {
            None => (usual, line != "QUIT"),
            Some(Deed::Say(words)) => (words, true),
            Some(Deed::SayAndClose(words)) => (words, false),
            Some(Deed::Close) => return Ok(false),
            Some(Deed::BeSilent) => std::future::pending().await,
        };
        self.stream.get_mut().write_all(format!("{words}\r\n").as_bytes()).await?;
        self.stream.get_mut().flush().await?;
        Ok(goes_on)
    }

    async fn content(&mut self) -> io::Result<bool> {
        let mut content = String::new();
        while let Some(line) = self.line().await? {
            if line == "." {
                let refused = (self.manner.react)(self.number, ".").is_some();
                if !refused {
                    let (from, to) = (self.from.clone(), self.to.clone());
                    self.log.lock().unwrap().mails.push(Received { from, to, content });
                }
                return self.answer(".", "250 2.0.0 Ok: queued as 4Yx3").await;
            }
            content += line.strip_prefix('.').unwrap_or(&line);
            content += "\r\n";
        }
        Ok(false)
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await?;
        let whole = line.strip_suffix("\r\n").map(str::to_owned);
        assert!(read == 0 || whole.is_some(), "{line:?} does not end with CRLF");
        Ok(whole)
    }
}
