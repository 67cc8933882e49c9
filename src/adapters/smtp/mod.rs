//! Hands mails to a mail server, over a few conversations that are kept for the next mails.

mod dkim;
mod line;
mod message;
mod offers;
mod open;
mod pool;
mod reply;
mod server;
mod session;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jobs::ports::{Clock, Mail, Mailer, PortError, Taken, Unsent};

pub use self::dkim::Dkim;
use self::{
    dkim::Seal,
    line::Broken,
    message::{Letterhead, Parcel},
    open::Call,
    pool::Pool,
    server::Server,
    session::{Ending, Session},
};

/// The mail server and what our mails look like.
#[derive(Clone)]
pub struct SmtpSettings {
    /// `smtp://user:password@host:587`, `smtps://host:465`, `smtp://host:25`; behind it
    /// `?tls=required` or `?tls=never`. Without them STARTTLS is used where it is offered, and
    /// demanded where there is a password.
    pub url: String,
    /// `Iven <noreply@example.org>`.
    pub from: String,
    /// How we call ourselves; else by our address.
    pub hello: Option<String>,
    /// At most so many conversations at a time.
    pub connections: u32,
    /// A conversation that nobody has needed for so long is ended. Servers do the same after
    /// minutes (Postfix: five); it is better to be first.
    pub idle: Duration,
    /// The longest silence of the server.
    pub timeout: Duration,
    /// The signature on mails.
    pub dkim: Option<Dkim>,
    /// A certificate authority to be believed beside the machine's.
    pub extra_root_pem: Option<String>,
}

/// The port `Mailer` fulfilled by a mail server.
pub struct Smtp {
    call: Call,
    letterhead: Letterhead,
    pool: Pool,
    reports: AtomicBool,
    clock: Arc<dyn Clock>,
}

impl Smtp {
    /// A mailer by these settings; nobody is called yet.
    pub fn new(settings: &SmtpSettings, clock: Arc<dyn Clock>) -> Result<Self, PortError> {
        let seal = settings.dkim.as_ref().map(Seal::new).transpose()?;
        let hello = settings.hello.clone();
        if let Some(name) = hello.as_ref().filter(|name| !is_name(name)) {
            let message = format!("{name:?} is no name for a greeting: it is as mail.example.org");
            return Err(PortError::refused("bad_smtp_hello", message));
        }
        let call = Call {
            server: Server::parse(&settings.url)?,
            tls: Arc::new(crate::tls::client(settings.extra_root_pem.as_deref())?),
            hello,
            patience: settings.timeout,
        };
        Ok(Self {
            call,
            letterhead: Letterhead::new(&settings.from, seal)?,
            pool: Pool::new(settings.connections, settings.idle),
            reports: AtomicBool::new(false),
            clock,
        })
    }

    async fn open(&self) -> Result<Session, Broken> {
        let session = self.call.open().await?;
        self.reports.store(session.offers().dsn, Ordering::Relaxed);
        Ok(session)
    }

    async fn deliver(&self, parcel: &Parcel) -> Result<Taken, Unsent> {
        if let Some(mut session) = self.pool.take() {
            match session.deliver(parcel).await {
                // It ended while it waited, and nothing was handed over: another one is opened.
                Ending::Stale(_) => {}
                ending => return self.ended(session, ending).await,
            }
        }
        let opened = self.open().await;
        let mut session = opened.map_err(|broken| away(broken.0))?;
        let ending = session.deliver(parcel).await;
        self.ended(session, ending).await
    }

    async fn ended(&self, mut session: Session, ending: Ending) -> Result<Taken, Unsent> {
        match ending {
            Ending::Taken(taken) => {
                self.pool.keep(session);
                Ok(taken)
            }
            Ending::Refused(unsent) => {
                if session.reset().await {
                    self.pool.keep(session);
                }
                Err(unsent)
            }
            Ending::Lost(unsent) => Err(unsent),
            Ending::Stale(message) => Err(away(message)),
        }
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> Result<Taken, Unsent> {
        let parcel = self.letterhead.write(mail, self.clock.now())?;
        let turn = self.pool.turn().await;
        let taken = self.deliver(&parcel).await;
        drop(turn);
        taken
    }

    fn reports(&self) -> bool {
        self.reports.load(Ordering::Relaxed)
    }

    async fn check(&self) -> Result<String, PortError> {
        let unavailable = |broken: Broken| PortError::Unavailable(broken.0);
        let mut session = self.open().await.map_err(unavailable)?;
        let reply = session.noop().await.map_err(unavailable)?;
        if !reply.is_yes() {
            let message = format!("the mail server is not well: {}", reply.words(""));
            return Err(PortError::Unavailable(message));
        }
        let server = &self.call.server;
        let line = format!("{}:{} offers {}", server.host, server.port, session.offers().names());
        session.quit().await;
        Ok(line)
    }
}

fn away(message: String) -> Unsent {
    Unsent::Away { message, after: None }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-[]:".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}
