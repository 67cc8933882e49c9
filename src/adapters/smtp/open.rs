//! The beginning of a conversation: greeting, encryption, login.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{
    line::{Broken, Duplex, Line},
    offers::Offers,
    reply::Reply,
    server::{Encryption, Server},
    session::{Session, literal},
};

/// A line on which the greetings have been, and what the server offers.
type Begun = (Line<Box<dyn Duplex>>, Offers);

/// Whom to call, and how.
pub(super) struct Call {
    pub(super) server: Server,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) hello: Option<String>,
    pub(super) patience: Duration,
}

impl Call {
    /// A conversation in which mails may be handed over.
    pub(super) async fn open(&self) -> Result<Session, Broken> {
        let place = (self.server.host.as_str(), self.server.port);
        let connected = timeout(self.patience, TcpStream::connect(place)).await;
        let stream = connected
            .map_err(|_| Broken(format!("no mail server answers at {}", self.place())))?
            .map_err(|error| Broken(format!("no mail server at {}: {error}", self.place())))?;
        // Without it a mail waits 40 ms for an acknowledgement that nobody hurries to send.
        stream.set_nodelay(true)?;
        let hello = match &self.hello {
            Some(name) => name.clone(),
            None => literal(stream.local_addr()?),
        };
        let (mut line, offers) = match self.server.encryption {
            Encryption::Implicit => self.begin(self.encrypt(stream).await?, &hello).await?,
            Encryption::Never => self.begin(stream, &hello).await?,
            Encryption::Required | Encryption::Offered => self.upgrade(stream, &hello).await?,
        };
        self.log_in(&mut line, &offers).await?;
        Ok(Session::new(line, offers))
    }

    fn place(&self) -> String {
        format!("{}:{}", self.server.host, self.server.port)
    }

    async fn begin<S: Duplex + 'static>(&self, stream: S, hello: &str) -> Result<Begun, Broken> {
        let mut line = self.boxed(stream);
        yes(line.reply().await?, "does not want to be called")?;
        let offers = greet(&mut line, hello).await?;
        Ok((line, offers))
    }

    fn boxed<S: Duplex + 'static>(&self, stream: S) -> Line<Box<dyn Duplex>> {
        Line::new(Box::new(stream), self.patience)
    }

    /// Begins in the open and goes on encrypted, where that is possible.
    async fn upgrade(&self, stream: TcpStream, hello: &str) -> Result<Begun, Broken> {
        let mut line = Line::new(stream, self.patience);
        yes(line.reply().await?, "does not want to be called")?;
        let offers = greet(&mut line, hello).await?;
        if offers.starttls {
            yes(line.ask("STARTTLS").await?, "does not begin to encrypt")?;
            let mut line = self.boxed(self.encrypt(line.into_inner()?).await?);
            // What was offered in the open may have been written by anybody.
            let offers = greet(&mut line, hello).await?;
            return Ok((line, offers));
        }
        if self.server.encryption == Encryption::Required {
            let place = self.place();
            return Err(Broken(format!(
                "the mail server at {place} offers no STARTTLS, and nothing goes there in the open \
                 unless its URL ends with ?tls=never"
            )));
        }
        Ok((self.boxed(line.into_inner()?), offers))
    }

    async fn encrypt(
        &self,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Broken> {
        let name = ServerName::try_from(self.server.host.clone());
        let name = name.map_err(|_| Broken("the mail server's name is none".into()))?;
        let connected = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream);
        let refused = |why: String| {
            Broken(format!("no encryption with the mail server at {}: {why}", self.place()))
        };
        timeout(self.patience, connected)
            .await
            .map_err(|_| refused("it is silent".into()))?
            .map_err(|error| refused(error.to_string()))
    }

    async fn log_in(
        &self,
        line: &mut Line<Box<dyn Duplex>>,
        offers: &Offers,
    ) -> Result<(), Broken> {
        let Some((name, password)) = &self.server.login else { return Ok(()) };
        let reply = if offers.plain {
            let secret = STANDARD.encode(format!("\0{name}\0{password}"));
            line.ask(&format!("AUTH PLAIN {secret}")).await?
        } else if offers.login {
            let mut reply = line.ask("AUTH LOGIN").await?;
            for word in [name, password] {
                if reply.code == 334 {
                    reply = line.ask(&STANDARD.encode(word)).await?;
                }
            }
            reply
        } else {
            return Err(Broken("the mail server takes no login by PLAIN or LOGIN".into()));
        };
        match reply.code {
            235 => Ok(()),
            _ => Err(said("does not take our login", &reply, name)),
        }
    }
}

async fn greet<S: Duplex>(line: &mut Line<S>, hello: &str) -> Result<Offers, Broken> {
    let reply = line.ask(&format!("EHLO {hello}")).await?;
    let reply = yes(reply, "does not take our greeting")?;
    Ok(Offers::read(&reply))
}

fn yes(reply: Reply, otherwise: &str) -> Result<Reply, Broken> {
    if reply.is_yes() { Ok(reply) } else { Err(said(otherwise, &reply, "")) }
}

fn said(what: &str, reply: &Reply, secret: &str) -> Broken {
    Broken(format!("the mail server {what}: {}", reply.words(secret)))
}
